package daemon

import (
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
	var q recall
	if err := q.read(c, "follow", "pool", "n", "slot", "since", "level"); err != nil {
		c.Fail(err)
		return
	}
	if q.Pool != "" {
		if _, err := d.remembered(q.Pool, q.Slot); err != nil {
			c.Fail(err)
			return
		}
		if s := d.pools.named(q.Pool); s != nil {
			q.Pool = s.settings().Name // events have no alias
		}
	}
	recallFrom(d, c, &q, d.memory.events, recalled[Event]{
		wants:  func(e Event) bool { return (q.Pool == "" || e.Pool == q.Pool) && q.wants(e.Slot, e.Level, e.At) },
		answer: func(all []Event) any { return Events{Events: all} },
		missed: func(n uint64) any {
			return Event{
				At: time.Now(), Event: "missed", Level: "warn", Fields: map[string]any{"dropped": n},
				Message: tooFast(n, "events"),
			}
		},
	})
}
