package daemon

import (
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/mochilang/mochi-pyd/internal/logs"
	"github.com/mochilang/mochi-pyd/internal/metrics"
	"github.com/mochilang/mochi-pyd/rpc"
)

// What becomes of a call is its host's to hear, and the log's only where somebody
// else should know: that a worker took it along, that it ran out of time, that the
// fault was ours. At level debug each call that failed is a line. One that went
// well never is: a daemon that answers 300,000 calls a second has no log for that.

// maxCallLines is how many such lines a pool may cause in a second: a host can
// have as many calls run out of time as it likes, and the metrics count them all.
const maxCallLines = 20

// hears gives the rpc.Call.Told of a pool's calls.
func (d *Daemon) hears(pool string, counts *metrics.Pool) func(*rpc.Call, time.Time, *rpc.Error) {
	lines := &callLines{}
	if !d.counting {
		return func(c *rpc.Call, at time.Time, err *rpc.Error) {
			if err != nil {
				d.observeFailure(pool, lines, c, at, err)
			}
		}
	}
	return func(c *rpc.Call, at time.Time, err *rpc.Error) {
		counts.Answered(c, at, err)
		if err != nil {
			d.observeFailure(pool, lines, c, at, err)
		}
	}
}

// unrouted is the rpc.Call.Told of a call that no pool has taken.
func (d *Daemon) unrouted(c *rpc.Call, at time.Time, err *rpc.Error) {
	if d.counting {
		d.meters.Unrouted(c, at, err)
	}
	if err != nil {
		d.observeFailure("", nil, c, at, err)
	}
}

// observeFailure tells of a call that was answered with an error. It runs before
// its host can know, so that who looks for the line finds it.
func (d *Daemon) observeFailure(pool string, lines *callLines, c *rpc.Call, at time.Time, err *rpc.Error) {
	level := levelOfFailure(err)
	held := 0
	if !d.log.IsDebug() {
		if level == hclog.Debug {
			return
		}
		var admitted bool
		if held, admitted = lines.admit(at); !admitted {
			return
		}
	}
	args := []any{"event", "call_failed"}
	if pool != "" {
		args = append(args, "pool", pool)
	}
	kind := string(err.Kind())
	if kind == "" {
		kind = "other" // the function chose a code that is not the protocol's
	}
	args = append(args, aboutCall(c)...)
	args = append(args, "reason", kind, "duration_ms", max(at.Sub(c.Arrived), 0).Milliseconds())
	if c.Service > 0 {
		args = append(args, "queue_ms", max(at.Sub(c.Arrived)-c.Service, 0).Milliseconds())
	}
	if err.Code == rpc.KindWorkerLost.Code() {
		args = append(args, whoseEnd(err)...)
	}
	if held > 0 {
		args = append(args, "held_back", held)
	}
	first, _, _ := strings.Cut(err.Message, "\n")
	d.log.Log(level, "call failed: "+logs.Clean(first), args...)
}

// levelOfFailure: a warning is what somebody but the host should look at.
func levelOfFailure(err *rpc.Error) hclog.Level {
	switch err.Code {
	case rpc.KindWorkerLost.Code(), rpc.KindDeadlineExceeded.Code():
		return hclog.Warn
	case rpc.CodeInternalError:
		if err.Kind() == rpc.KindInternal {
			return hclog.Warn
		}
	}
	return hclog.Debug
}

// aboutCall names a call: by these keys all that was logged of it is found.
func aboutCall(c *rpc.Call) []any {
	function := c.Function
	if function == "" {
		function = c.Method
	}
	args := []any{"function", logs.Clean(function)}
	if id := c.ID(); id != nil {
		args = append(args, "request_id", string(id))
	}
	if trace := rpc.TraceID(c.Meta.Traceparent); trace != "" {
		args = append(args, "trace_id", trace)
	}
	if c.Conn != nil {
		args = append(args, "peer_uid", c.Conn.Peer.UID)
	}
	return args
}

// whoseEnd is which worker took a call along, and how it ended.
func whoseEnd(err *rpc.Error) []any {
	var data struct {
		Worker   string  `json:"worker"`
		PID      int     `json:"pid"`
		Signal   *string `json:"signal"`
		ExitCode *int    `json:"exit_code"`
	}
	if json.Unmarshal(err.Data, &data) != nil || data.Worker == "" {
		return nil
	}
	args := []any{"pid", data.PID}
	if slot, err := strconv.Atoi(data.Worker[strings.LastIndexByte(data.Worker, '/')+1:]); err == nil {
		args = append(args, "slot", slot)
	}
	if data.Signal != nil {
		args = append(args, "signal", *data.Signal)
	}
	if data.ExitCode != nil {
		args = append(args, "exit_code", *data.ExitCode)
	}
	return args
}

// callLines bounds the lines about a pool's calls. A nil one admits none.
type callLines struct {
	mu    sync.Mutex
	since time.Time
	told  int // within a second of that
	held  int // since the last that was told
}

// admit asks for a line's place, and says how many were held back before it.
func (l *callLines) admit(at time.Time) (held int, ok bool) {
	if l == nil {
		return 0, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if at.Sub(l.since) >= time.Second {
		l.since, l.told = at, 0
	}
	if l.told >= maxCallLines {
		l.held++
		return 0, false
	}
	l.told++
	held, l.held = l.held, 0
	return held, true
}
