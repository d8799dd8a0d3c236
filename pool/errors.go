package pool

import (
	"encoding/json"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// unavailable is the answer of a pool that cannot serve: the import's own
// error where the module does not import, else pool_unavailable with the
// cause. Both say when the next attempt is.
func unavailable(pool string, e *supervisor.Exit, broken bool, wait time.Duration) *rpc.Error {
	next := max(wait, 0).Milliseconds()
	if e.Failure != nil {
		return e.Failure.With("next_attempt_ms", next)
	}
	cause := describe(e)
	message := fmt.Sprintf("pool %s is restarting: its last worker %s; it is tried again in %d ms", pool, cause, next)
	if broken {
		message = fmt.Sprintf("pool %s is broken: its workers keep dying before they answer (the last one %s); it is tried again in %d ms", pool, cause, next)
	}
	return rpc.NewError(rpc.KindPoolUnavailable, message, rpc.Fields{
		"stage":           "run",
		"cause":           cause,
		"stderr_tail":     e.StderrTail,
		"next_attempt_ms": next,
		"hint":            "read the worker's last lines in stderr_tail, mend the module, then restart the pool",
	})
}

// describe is an exit in a few words, for the middle of a sentence.
func describe(e *supervisor.Exit) string {
	switch {
	case e.Reason == supervisor.ReasonOOM && e.Detail != "":
		return "was killed because " + e.Detail
	case e.Status.Signal != 0:
		return fmt.Sprintf("died by %s (%s)", unix.SignalName(e.Status.Signal), e.Reason)
	case e.Reason == supervisor.ReasonExit:
		return fmt.Sprintf("exited with status %d", e.Status.ExitCode)
	}
	return fmt.Sprintf("ended with status %d (%s)", e.Status.ExitCode, e.Reason)
}

func overloaded(pool string, waiting, limit int, retryAfter time.Duration) *rpc.Error {
	return rpc.NewError(rpc.KindOverloaded,
		fmt.Sprintf("pool %s has %d calls waiting, its max-queue: try again in %d ms, or give the pool more workers", pool, limit, retryAfter.Milliseconds()),
		rpc.Fields{"retry_after_ms": retryAfter.Milliseconds(), "queue": waiting})
}

func shuttingDown(pool string) *rpc.Error {
	return rpc.NewError(rpc.KindShuttingDown,
		fmt.Sprintf("pool %s is draining and takes no new calls: try again when it is back", pool), nil)
}

// field reads one member of an error's data.
func field[T any](err *rpc.Error, key string) (value T, ok bool) {
	var data map[string]json.RawMessage
	if err == nil || json.Unmarshal(err.Data, &data) != nil {
		return value, false
	}
	raw, ok := data[key]
	return value, ok && json.Unmarshal(raw, &value) == nil
}
