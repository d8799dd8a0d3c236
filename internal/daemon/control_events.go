package daemon

import (
	"context"
	"fmt"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
)

// Event is a record of mochi.events: what happened to a worker, a pool or the
// daemon, in the words of its log.
type Event struct {
	At      time.Time      `json:"at"`
	Event   string         `json:"event"`
	Level   string         `json:"level"`
	Pool    string         `json:"pool,omitempty"`
	Slot    *int           `json:"slot,omitempty"`
	Message string         `json:"message"`
	Fields  map[string]any `json:"fields"` // by their keys in the log
}

// Events is mochi.events without follow.
type Events struct {
	Events []Event `json:"events"`
}

func (e Event) size() int {
	n := len(e.Message) + lineOverhead
	for key, value := range e.Fields {
		n += len(key) + 16
		if text, ok := value.(string); ok {
			n += len(text)
		}
	}
	return n
}

// eventsOf is mochi.events.
func (d *Daemon) eventsOf(c *rpc.Call) {
	var p struct {
		Follow bool   `json:"follow"`
		Pool   string `json:"pool"`
		N      *int   `json:"n"`
	}
	if err := bind(c, &p, "follow", "pool", "n"); err != nil {
		c.Fail(err)
		return
	}
	wanted := func(Event) bool { return true }
	if p.Pool != "" {
		if d.pools.named(p.Pool) == nil && d.memory.known(p.Pool) == nil {
			_, err := d.chosen(p.Pool)
			c.Fail(err)
			return
		}
		wanted = func(e Event) bool { return e.Pool == p.Pool }
	}
	last := -1
	if p.N != nil {
		last = max(*p.N, 0)
	}
	all, _, next, _ := d.memory.events.since(0)
	events := tail(all, wanted, last)
	if !p.Follow {
		reply(c, Events{Events: events})
		return
	}
	feed, err := newFeed(c)
	if err != nil {
		c.Fail(err)
		return
	}
	d.later(c, func(ctx context.Context) (any, error) {
		for _, e := range events {
			if err := feed.send(ctx, e); err != nil {
				return nil, err
			}
		}
		err := follow(ctx, d.watched, feed, d.memory.events, next, wanted, func(n uint64) any {
			return Event{
				At: time.Now(), Event: "missed", Level: "warn", Fields: map[string]any{"dropped": n},
				Message: fmt.Sprintf("%d events came faster than they were read and are gone: the daemon's own log has them", n),
			}
		})
		return feed.end(), err
	})
}
