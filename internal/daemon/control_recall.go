package daemon

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
)

// recall is what mochi.logs and mochi.events have in common: which of the things
// that are remembered are wanted, and whether those that come are, too.
type recall struct {
	Pool   string `json:"pool"`
	Slot   *int   `json:"slot"`
	N      *int   `json:"n"`     // the last so many; none: all that are remembered
	Since  string `json:"since"` // a duration
	Level  string `json:"level"` // the least urgent
	Follow bool   `json:"follow"`

	level int
	after time.Time
}

// read reads the parameters, in the order that the method has them in.
func (q *recall) read(c *rpc.Call, names ...string) *rpc.Error {
	if err := bind(c, q, names...); err != nil {
		return err
	}
	wrong := func(argument, is string) *rpc.Error {
		return rpc.NewError(rpc.KindInvalidParams, fmt.Sprintf("%s: %s must be %s", c.Method, argument, is), rpc.Fields{"argument": argument})
	}
	if q.Level != "" {
		if q.level = urgency(q.Level); q.level < 0 {
			return wrong("level", fmt.Sprintf("one of %s, not %q", strings.Join(levels, ", "), q.Level))
		}
	}
	if q.N != nil && *q.N < 0 {
		return wrong("n", fmt.Sprintf("0 or more, not %d", *q.N))
	}
	if q.Slot != nil && q.Pool == "" {
		return rpc.NewError(rpc.KindInvalidParams, c.Method+": a slot needs its pool", rpc.Fields{"argument": "pool"})
	}
	if q.Since != "" {
		ago, bad := time.ParseDuration(q.Since)
		if bad != nil || ago < 0 {
			return wrong("since", fmt.Sprintf("a duration, as in \"5m\", not %q", q.Since))
		}
		q.after = time.Now().Add(-ago)
	}
	return nil
}

// wants says whether a thing of that worker, level and time is asked for. The
// slot of what is no worker's is nil.
func (q *recall) wants(slot *int, level string, at time.Time) bool {
	return (q.Slot == nil || slot != nil && *slot == *q.Slot) && urgency(level) >= q.level && !at.Before(q.after)
}

// levels are Python's, the least urgent first.
var levels = []string{"debug", "info", "warning", "error", "critical"}

// urgency is a level's place among them, however it is written; -1 for none.
func urgency(level string) int {
	level = strings.ToLower(level)
	if level == "warn" {
		level = "warning"
	}
	return slices.Index(levels, level)
}

// remembered is what is known of a pool, which need not be there any more; an
// error when nothing is, or it has no such slot.
func (d *Daemon) remembered(name string, slot *int) (*poolMemory, *rpc.Error) {
	s := d.pools.named(name)
	if s == nil {
		if m := d.memory.known(name); m != nil {
			return m, nil
		}
		_, err := d.chosen(name)
		return nil, err
	}
	m := d.memory.of(s.settings().Name)
	if slot != nil && !hasSlot(s, *slot) && !slices.ContainsFunc(m.exits.all(), func(e PastExit) bool { return e.Slot == *slot }) {
		return nil, noSlot(s, *slot)
	}
	return m, nil
}

func noSlot(s *served, slot int) *rpc.Error {
	return rpc.NewError(rpc.KindInvalidParams, fmt.Sprintf("pool %s has no worker %d: its workers are %s", s.settings().Name, slot, slotsOf(s)),
		rpc.Fields{"argument": "slot", "missing": "worker"})
}

// recalled is what a ring remembers, logs or events.
type recalled[T any] struct {
	wants  func(T) bool
	answer func([]T) any      // without follow
	missed func(n uint64) any // what tells a follower that he was too slow
}

// recallFrom answers with what a ring remembers, or streams it and what comes.
func recallFrom[T any](d *Daemon, c *rpc.Call, q *recall, r *ring[T], k recalled[T]) {
	all, _, next, _ := r.since(0)
	last := -1
	if q.N != nil {
		last = *q.N
	}
	items := tail(all, k.wants, last)
	if !q.Follow {
		reply(c, k.answer(items))
		return
	}
	feed, err := newFeed(c)
	if err != nil {
		c.Fail(err)
		return
	}
	d.later(c, func(ctx context.Context) (any, error) {
		for _, item := range items {
			if err := feed.send(ctx, item); err != nil {
				return nil, err
			}
		}
		err := follow(ctx, d.watched, feed, r, next, k.wants, k.missed)
		return feed.end(), err
	})
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

// tooFast is the message of what stands for things that a follower has missed.
func tooFast(n uint64, what string) string {
	return fmt.Sprintf("%d %s came faster than they were read and are gone: the daemon's own log has them", n, what)
}
