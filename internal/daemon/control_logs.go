package daemon

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// LogLine is a record of mochi.logs: a line that a worker wrote, or a traceback,
// which is one record however many lines it has.
type LogLine struct {
	At         time.Time `json:"at"`
	Pool       string    `json:"pool"`
	Slot       int       `json:"slot"`
	PID        int       `json:"pid"`
	Generation int       `json:"generation"`
	Level      string    `json:"level"`
	Stream     string    `json:"stream"`
	Logger     string    `json:"logger,omitempty"`
	RequestID  string    `json:"request_id,omitempty"`
	Function   string    `json:"function,omitempty"`
	Message    string    `json:"message"`
	Dropped    int       `json:"dropped,omitempty"` // lines lost just before this one
}

// LogRecords is mochi.logs without follow.
type LogRecords struct {
	Records []LogLine `json:"records"`
}

// lineOverhead is about what a record holds beside its text.
const lineOverhead = 256

func (l LogLine) size() int { return len(l.Message) + lineOverhead }

func logLine(e supervisor.Logged) LogLine {
	r := e.Record
	at := r.Time
	if at.IsZero() {
		at = time.Now()
	}
	return LogLine{
		At: at, Pool: e.Pool, Slot: e.Slot, PID: e.PID, Generation: e.Gen, Level: orInfo(r.Level), Stream: r.Stream,
		Logger: r.Logger, RequestID: r.RequestID, Function: r.Function, Message: r.Message, Dropped: r.Dropped,
	}
}

// levels are Python's, the least urgent first.
var levels = []string{"debug", "info", "warning", "error", "critical"}

func orInfo(level string) string {
	level = strings.ToLower(level)
	if !slices.Contains(levels, level) {
		return "info"
	}
	return level
}

// logFilter is what of a pool's records is wanted.
type logFilter struct {
	slot  *int
	level int
	after time.Time
}

func (f logFilter) wants(l LogLine) bool {
	return (f.slot == nil || l.Slot == *f.slot) && slices.Index(levels, l.Level) >= f.level && !l.At.Before(f.after)
}

// logsParams are what mochi.logs takes.
type logsParams struct {
	Pool   string `json:"pool"`
	Slot   *int   `json:"slot"`
	N      *int   `json:"n"`     // the last so many; none: all that are remembered
	Since  string `json:"since"` // a duration
	Level  string `json:"level"` // the least urgent
	Follow bool   `json:"follow"`
}

// logsOf is mochi.logs.
func (d *Daemon) logsOf(c *rpc.Call) {
	var p logsParams
	if err := bind(c, &p, "pool", "slot", "n", "since", "level", "follow"); err != nil {
		c.Fail(err)
		return
	}
	f, err := p.filter(c.Method)
	if err != nil {
		c.Fail(err)
		return
	}
	written, err := d.written(p.Pool, p.Slot)
	if err != nil {
		c.Fail(err)
		return
	}
	last := -1
	if p.N != nil {
		last = *p.N
	}
	all, _, next, _ := written.since(0)
	records := tail(all, f.wants, last)
	if !p.Follow {
		reply(c, LogRecords{Records: records})
		return
	}
	feed, err := newFeed(c)
	if err != nil {
		c.Fail(err)
		return
	}
	d.later(c, func(ctx context.Context) (any, error) {
		for _, r := range records {
			if err := feed.send(ctx, r); err != nil {
				return nil, err
			}
		}
		err := follow(ctx, d.watched, feed, written, next, f.wants, func(n uint64) any {
			return LogLine{
				At: time.Now(), Pool: p.Pool, Slot: -1, Level: "warning", Stream: "daemon", Dropped: int(n), //nolint:gosec // a count of lines
				Message: fmt.Sprintf("%d records came faster than they were read and are gone: the daemon's own log has them", n),
			}
		})
		return feed.end(), err
	})
}

// filter reads the parameters that say what is wanted.
func (p logsParams) filter(method string) (f logFilter, err *rpc.Error) {
	f.slot = p.Slot
	if p.Level != "" {
		word := strings.ToLower(p.Level)
		if word == "warn" {
			word = "warning"
		}
		if f.level = slices.Index(levels, word); f.level < 0 {
			return f, rpc.NewError(rpc.KindInvalidParams, fmt.Sprintf("%s: level must be one of %s, not %q", method, strings.Join(levels, ", "), p.Level), rpc.Fields{"argument": "level"})
		}
	}
	if p.N != nil && *p.N < 0 {
		return f, rpc.NewError(rpc.KindInvalidParams, fmt.Sprintf("%s: n must be 0 or more, not %d", method, *p.N), rpc.Fields{"argument": "n"})
	}
	if p.Since != "" {
		ago, bad := time.ParseDuration(p.Since)
		if bad != nil || ago < 0 {
			return f, rpc.NewError(rpc.KindInvalidParams, fmt.Sprintf("%s: since must be a duration, as in \"5m\", not %q", method, p.Since), rpc.Fields{"argument": "since"})
		}
		f.after = time.Now().Add(-ago)
	}
	return f, nil
}

// written is what the workers of a pool wrote, which need not be there any more, or
// those of all; an error when nothing is known of it, or it has no such slot.
func (d *Daemon) written(name string, slot *int) (*ring[LogLine], *rpc.Error) {
	if name == "" {
		if slot != nil {
			return nil, rpc.NewError(rpc.KindInvalidParams, "mochi.logs: a slot needs its pool", rpc.Fields{"argument": "pool"})
		}
		return d.memory.logs, nil
	}
	s := d.pools.named(name)
	if s == nil {
		if m := d.memory.known(name); m != nil {
			return m.logs, nil
		}
		_, err := d.chosen(name)
		return nil, err
	}
	m := d.memory.of(s.settings().Name)
	if slot != nil && !hasSlot(s, *slot) && !slices.ContainsFunc(m.exits.all(), func(e PastExit) bool { return e.Slot == *slot }) {
		return nil, noSlot(s, *slot)
	}
	return m.logs, nil
}

func noSlot(s *served, slot int) *rpc.Error {
	return rpc.NewError(rpc.KindInvalidParams, fmt.Sprintf("pool %s has no worker %d: its workers are %s", s.settings().Name, slot, slotsOf(s)),
		rpc.Fields{"argument": "slot", "missing": "worker"})
}

// tail gives the last n that are wanted; all of them for a negative n.
func tail[T any](all []T, wanted func(T) bool, n int) []T {
	out := []T{}
	for _, item := range slices.Backward(all) {
		if n >= 0 && len(out) >= n {
			break
		}
		if wanted(item) {
			out = append(out, item)
		}
	}
	slices.Reverse(out)
	return out
}
