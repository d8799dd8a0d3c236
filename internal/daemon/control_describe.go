package daemon

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/mochilang/mochi-pyd/internal/config"
	"github.com/mochilang/mochi-pyd/pool"
	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

const (
	// describedLines is how many of a pool's last lines on stderr are shown.
	describedLines = 20
	// methodsTimeout bounds the wait for a worker to say what it offers: who
	// asks how a pool is must not wait for a busy one.
	methodsTimeout = 2 * time.Second
)

type (
	// Description is mochi.describe on the control socket.
	Description struct {
		Pool     PoolStatus         `json:"pool"`
		Settings []config.Setting   `json:"settings"`
		Workers  []WorkerStatus     `json:"workers"`
		Exits    []PastExit         `json:"exits"` // the last ones, oldest first
		Stderr   []LogLine          `json:"stderr"`
		Methods  []describedMethod  `json:"methods"`
		Skipped  []describedSkipped `json:"skipped"`
		// Silent is why there are no methods, where a worker would know.
		Silent string `json:"silent,omitempty"`
	}
	// PastExit is an end that a worker came to, with what it left behind.
	PastExit struct {
		ExitStatus

		Slot       int    `json:"slot"`
		PID        int    `json:"pid"`
		Generation int    `json:"generation"`
		Planned    bool   `json:"planned"` // it counts against nobody
		WasReady   bool   `json:"was_ready"`
		UptimeMS   int64  `json:"uptime_ms"`
		Calls      uint64 `json:"calls"`
		Lost       int    `json:"lost"`
		Requeued   int    `json:"requeued"`
		Detail     string `json:"detail,omitempty"`
		Stack      string `json:"stack,omitempty"`
		Error      string `json:"error,omitempty"` // of a start that failed
	}
)

func pastExit(e supervisor.Exited) PastExit {
	out := PastExit{
		ExitStatus: *exitStatus(&e.Exit),
		Slot:       e.Slot, PID: e.PID, Generation: e.Gen, Planned: e.Reason.Planned(), WasReady: e.WasReady,
		UptimeMS: e.Uptime.Milliseconds(), Calls: e.Answered, Lost: e.Lost, Requeued: e.Requeued, Detail: e.Detail, Stack: e.Stack,
	}
	if e.Failure != nil {
		out.Error = e.Failure.Message
	}
	return out
}

// describePool is mochi.describe for operators: everything that is known of a
// pool, or of one of its workers.
func (d *Daemon) describePool(c *rpc.Call) {
	var p struct {
		Pool string `json:"pool"`
		Slot *int   `json:"slot"`
	}
	if err := bind(c, &p, "pool", "slot"); err != nil {
		c.Fail(err)
		return
	}
	if p.Pool == "" {
		c.Fail(rpc.NewError(rpc.KindInvalidParams, "mochi.describe needs a pool", rpc.Fields{"argument": "pool"}))
		return
	}
	chosen, err := d.chosen(p.Pool)
	if err != nil {
		c.Fail(err)
		return
	}
	s := chosen[0]
	if p.Slot != nil && !hasSlot(s, *p.Slot) {
		c.Fail(noSlot(s, *p.Slot))
		return
	}
	d.later(c, func(ctx context.Context) (any, error) {
		st := s.pool.Stat()
		out := Description{
			Pool: poolStatus(st, s.settings()), Settings: settingsOf(s.settings(), d.config().File, st.Workers), Workers: workersOf(chosen).Workers,
			Methods: []describedMethod{}, Skipped: []describedSkipped{},
		}
		m := d.memory.of(s.settings().Name)
		out.Exits = slices.Clone(m.exits.all())
		onStderr := func(l LogLine) bool { return l.Stream == "stderr" }
		if p.Slot != nil {
			out.Workers = slices.DeleteFunc(out.Workers, func(w WorkerStatus) bool { return w.Slot != *p.Slot })
			out.Exits = slices.DeleteFunc(out.Exits, func(e PastExit) bool { return e.Slot != *p.Slot })
			onStderr = func(l LogLine) bool { return l.Stream == "stderr" && l.Slot == *p.Slot }
		}
		if out.Exits == nil {
			out.Exits = []PastExit{}
		}
		out.Stderr = tail(m.logs.all(), onStderr, describedLines)
		d.describeMethods(ctx, s, st, &out)
		return out, nil
	})
}

// describeMethods asks a worker what its module offers, if one is there to ask.
func (d *Daemon) describeMethods(ctx context.Context, s *served, st pool.Stat, out *Description) {
	if st.Ready == 0 {
		out.Silent = "no worker is ready"
		return
	}
	asking, cancel := context.WithTimeout(ctx, methodsTimeout)
	defer cancel()
	info, err := d.ask(asking, s)
	switch {
	case err == nil:
		out.Methods, out.Skipped = info.Methods, info.Skipped
	case asking.Err() != nil:
		out.Silent = fmt.Sprintf("its workers are busy: none answered within %s", methodsTimeout)
	default:
		out.Silent = rpc.AsError(err).Message
	}
}

// originOperator is where a value comes from that mochi.scale set.
const originOperator = "operator"

// settingsOf are a pool's keys, in the order of the documentation.
func settingsOf(s *config.Pool, file string, workers int) []config.Setting {
	all := s.Settings(file)
	for i := range all {
		set := &all[i]
		if set.Key == "workers" && workers != s.Workers {
			set.Value, set.Text, set.Origin = workers, strconv.Itoa(workers), originOperator
		}
		*set = set.Hidden()
	}
	return all
}
