package daemon

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/hashicorp/go-hclog"

	"github.com/mochilang/mochi-pyd/internal/logs"
	"github.com/mochilang/mochi-pyd/pool"
	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// This file is the one that turns what happens on the floors below into log
// lines, and has it counted. It runs on the goroutines things happen on; the writer behind the
// logger never blocks.

// observe is the hook of every pool.
func (d *Daemon) observe(e supervisor.Event) {
	d.memory.note(e)
	d.meters.Observe(e)
	switch e := e.(type) {
	case supervisor.Spawned:
		d.log.Debug("worker started", who("worker_started", e.Identity, "reason", string(e.Reason))...)
	case supervisor.BecameReady:
		d.log.Info("worker ready", who("worker_ready", e.Identity, "duration_ms", e.Took.Milliseconds(), "python", e.Python)...)
	case supervisor.StateChanged:
		d.log.Trace("worker state", who("worker_state", e.Identity, "from", fmt.Sprint(e.From), "to", fmt.Sprint(e.To))...)
	case supervisor.Exited:
		d.observeExit(e)
	case supervisor.BackedOff:
		d.log.Warn("worker waits before it is started again", who("worker_backoff", e.Identity, "backoff_ms", e.Delay.Milliseconds(), "restarts", e.Streak)...)
	case supervisor.TooBigAtRest:
		d.log.Warn("max-memory is below what the module needs at rest: raise it, or each worker is recycled for nothing", who("memory_at_rest", e.Identity, "held_bytes", e.Held.Bytes, "limit_bytes", e.Limit, "processes", e.Held.Processes)...)
	case supervisor.Preloaded:
		d.log.Info("preloaded", "event", "preloaded", "pool", e.Pool, "pid", e.PID, "generation", e.Gen, "duration_ms", e.Took.Milliseconds())
	case supervisor.PreloadEnded:
		d.observePreloadEnd(e)
	case supervisor.Logged:
		d.observeLine(e)
	default:
		d.log.Debug("event", "event", fmt.Sprintf("%T", e))
	}
}

func who(event string, id supervisor.Identity, more ...any) []any {
	args := []any{"event", event, "pool", id.Pool, "slot", id.Slot, "pid", id.PID, "generation", id.Gen}
	for i := 0; i+1 < len(more); i += 2 {
		if more[i+1] != "" {
			args = append(args, more[i], more[i+1])
		}
	}
	return args
}

// observeExit: a planned end is news, a death is a warning, and a start that
// failed is an error, because somebody has to mend something.
func (d *Daemon) observeExit(e supervisor.Exited) {
	level, message := hclog.Warn, "worker died"
	switch {
	case e.Reason.Planned():
		level, message = hclog.Info, "worker ended"
	case !e.WasReady:
		level, message = hclog.Error, "worker did not start"
		if s := d.pools.named(e.Pool); s != nil && s.reloading.Load() > 0 {
			level = hclog.Debug // observeReload says it, once and with what serves instead
		}
	}
	args := who("worker_exited", e.Identity, "reason", string(e.Reason))
	if e.Status.Signal != 0 {
		args = append(args, "signal", signalName(e.Status.Signal))
	} else {
		args = append(args, "exit_code", e.Status.ExitCode)
	}
	args = append(args, "duration_ms", e.Uptime.Milliseconds(), "calls", e.Answered)
	if e.Lost > 0 || e.Requeued > 0 {
		args = append(args, "lost", e.Lost, "requeued", e.Requeued)
	}
	if e.Failure != nil {
		args = append(args, "error", e.Failure.Message)
	}
	if !e.Reason.Planned() && len(e.StderrTail) > 0 {
		// The lines have been logged as they came; this one says most.
		args = append(args, "last_line", LastLine(e.StderrTail))
	}
	d.log.Log(level, message, args...)
}

// LastLine is the line of a worker's last ones that says most: the last, but of
// Python's report of a fatal error, whose last frame is the outermost, the innermost.
func LastLine(tail []string) string {
	end := len(tail) - 1
	for end > 0 && (strings.TrimSpace(tail[end]) == "" || strings.HasPrefix(tail[end], "Extension modules: ")) {
		end--
	}
	line := end
	for line > 0 && fatalFrame(tail[line]) && fatalFrame(tail[line-1]) {
		line--
	}
	if !fatalFrame(tail[line]) {
		line = len(tail) - 1
	}
	return tail[line]
}

// fatalFrame knows a line of faulthandler's; a traceback's has a comma behind the number.
func fatalFrame(line string) bool {
	rest, ok := strings.CutPrefix(line, "  File \"")
	_, rest, found := strings.Cut(rest, "\", line ")
	number, _, in := strings.Cut(rest, " in ")
	return ok && found && in && !strings.Contains(number, ",")
}

// observePreloadEnd: one that did not start is told by the worker that was to
// be forked from it, and one that died takes its workers along.
func (d *Daemon) observePreloadEnd(e supervisor.PreloadEnded) {
	level, message := hclog.Debug, "preload ended"
	if e.WasReady && !e.Reason.Planned() {
		level, message = hclog.Warn, "the process that forks a pool's workers died: they end with it and are started again"
	}
	args := []any{"event", "preload_ended", "pool", e.Pool, "pid", e.PID, "generation", e.Gen, "reason", string(e.Reason)}
	if e.Status.Signal != 0 {
		args = append(args, "signal", signalName(e.Status.Signal))
	}
	d.log.Log(level, message, args...)
}

// observeLine: what a worker printed, or logged. The text goes in as a value,
// where it is escaped, when it has more than one line.
func (d *Daemon) observeLine(e supervisor.Logged) {
	r := e.Record
	args := who("worker_log", e.Identity, "stream", r.Stream, "logger", r.Logger, "request_id", r.RequestID, "function", r.Function, "trace_id", r.TraceID)
	if r.Dropped > 0 {
		args = append(args, "dropped", r.Dropped)
	}
	message := r.Message
	if first, _, more := strings.Cut(message, "\n"); more {
		args = append(args, "text", message)
		message = first
	}
	d.log.Log(levelOf(r.Level), logs.Clean(message), args...)
}

func levelOf(python string) hclog.Level {
	switch strings.ToLower(python) {
	case "debug":
		return hclog.Debug
	case "warning", "warn":
		return hclog.Warn
	case "error", "critical":
		return hclog.Error
	}
	return hclog.Info
}

// observeStatus: a pool is doing better or worse.
func (d *Daemon) observeStatus(e pool.StatusChanged) {
	d.notify.kick()
	level := hclog.Info
	args := []any{"event", "pool_status", "pool", e.Pool, "from", string(e.From), "to", string(e.To)}
	switch e.To {
	case pool.Broken:
		level = hclog.Error
	case pool.Degraded:
		if e.From != pool.Opening || e.Cause != nil { // else its first workers are there, and the others on their way
			level = hclog.Warn
		}
	}
	if level != hclog.Info && e.Cause != nil {
		args = append(args, "reason", string(e.Cause.Reason))
	}
	d.log.Log(level, "pool "+string(e.To), args...)
}

// observeReload: a pool's code was loaded anew, or could not be, with the
// traceback: it is what has to be mended.
func (d *Daemon) observeReload(s *served, replaced int, why *rpc.Error) {
	args := []any{"event", "reload", "pool", s.settings().Name, "workers", replaced}
	if why == nil {
		d.log.Info("code reloaded", args...)
		return
	}
	args = append(args, "error", why.Message)
	var data struct {
		Traceback string `json:"traceback"`
	}
	if json.Unmarshal(why.Data, &data) == nil && data.Traceback != "" {
		args = append(args, "text", data.Traceback)
	}
	d.log.Error("code not reloaded", args...)
}

// observeControl: who did what to the daemon.
func (d *Daemon) observeControl(c *rpc.Call, err error) {
	args := []any{"event", "control", "function", c.Method}
	if c.Conn != nil {
		args = append(args, "peer_uid", c.Conn.Peer.UID, "pid", c.Conn.Peer.PID)
	}
	if trace := rpc.TraceID(c.Meta.Traceparent); trace != "" {
		args = append(args, "trace_id", trace)
	}
	if len(c.Params) > 0 && len(c.Params) < 256 {
		args = append(args, "params", string(c.Params))
	}
	if err != nil {
		d.log.Warn("operator's request failed", append(args, "error", err.Error())...)
		return
	}
	d.log.Info("operator's request", args...)
}
