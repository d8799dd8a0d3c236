package daemon

import (
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/mochilang/mochi-pyd/supervisor"
)

// What the daemon remembers for operators, of each pool or of itself. Longer
// memories are the log's, which is written for that.
const (
	maxLogRecords = 2000    // of a pool
	maxLogBytes   = 4 << 20 // of a pool
	maxEvents     = 2000
	maxEventBytes = 2 << 20
	maxExits      = 20 // of a pool
)

// memory is what logs, events and describe tell. It hears what the log hears, on
// the goroutines things happen on, and blocks nobody.
type memory struct {
	lives  func(string) bool // there is a pool of that name
	events *ring[Event]
	logs   *ring[LogLine] // of all pools together

	mu    sync.Mutex
	most  int // pools that are remembered at once, those that live apart
	pools map[string]*poolMemory
}

// poolMemory is one pool's. It stays when the pool is forgotten, whose last words
// are the ones that somebody will want to read.
type poolMemory struct {
	logs  *ring[LogLine]
	exits *ring[PastExit]
	last  time.Time
}

func newMemory(pools int, lives func(string) bool) *memory {
	return &memory{
		most: pools, lives: lives, events: newRing(maxEvents, maxEventBytes, Event.size), logs: newRing(maxLogRecords, maxLogBytes, LogLine.size),
		pools: map[string]*poolMemory{},
	}
}

// of is a pool's memory, begun when there is none; of those whose pools are gone
// the one that has been quiet for longest makes room for it.
func (m *memory) of(pool string) *poolMemory {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.pools[pool]
	if p == nil {
		for len(m.pools) >= m.most {
			oldest := ""
			for name, other := range m.pools {
				if (oldest == "" || other.last.Before(m.pools[oldest].last)) && !m.lives(name) {
					oldest = name
				}
			}
			if oldest == "" {
				break // as many live
			}
			delete(m.pools, oldest)
		}
		p = &poolMemory{
			logs:  newRing(maxLogRecords, maxLogBytes, LogLine.size),
			exits: newRing(maxExits, maxLogBytes, func(e PastExit) int { return len(e.Stack) }),
		}
		m.pools[pool] = p
	}
	p.last = time.Now()
	return p
}

// hold says how many pools are remembered from now on; those that are too many
// go as others come.
func (m *memory) hold(pools int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.most = pools
}

// known is a pool's memory; nil when there is none.
func (m *memory) known(pool string) *poolMemory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.pools[pool]
}

// note takes what a supervisor tells; no memory keeps nothing.
func (m *memory) note(e supervisor.Event) {
	if m == nil {
		return
	}
	switch e := e.(type) {
	case supervisor.Logged:
		line := logLine(e)
		m.of(e.Pool).logs.add(line)
		m.logs.add(line)
	case supervisor.Exited:
		m.of(e.Pool).exits.add(pastExit(e))
	}
}

// teller is a logger whose lines are events, too: what is worth a line is worth
// telling who watches, in the same words, so that there is one list of both. What
// workers print has a memory of its own, and what becomes of calls is no event of
// theirs.
type teller struct {
	hclog.Logger
	memory *memory
}

// Log takes a line.
func (t teller) Log(level hclog.Level, message string, args ...any) {
	t.Logger.Log(level, message, args...)
	t.tell(level, message, args)
}

// Debug takes a line.
func (t teller) Debug(message string, args ...any) {
	t.Logger.Debug(message, args...)
	t.tell(hclog.Debug, message, args)
}

// Info takes a line.
func (t teller) Info(message string, args ...any) {
	t.Logger.Info(message, args...)
	t.tell(hclog.Info, message, args)
}

// Warn takes a line.
func (t teller) Warn(message string, args ...any) {
	t.Logger.Warn(message, args...)
	t.tell(hclog.Warn, message, args)
}

// Error takes a line.
func (t teller) Error(message string, args ...any) {
	t.Logger.Error(message, args...)
	t.tell(hclog.Error, message, args)
}

// tell remembers a line with an event, whatever log-level says, but for the
// details that only somebody who looks for a bug of ours wants.
func (t teller) tell(level hclog.Level, message string, args []any) {
	e := Event{At: time.Now(), Level: level.String(), Message: message, Fields: map[string]any{}}
	for i := 0; i+1 < len(args); i += 2 {
		key := fmt.Sprint(args[i])
		switch v := args[i+1].(type) {
		case string:
			switch key {
			case "event":
				e.Event = v
				continue
			case "pool":
				e.Pool = v
				continue
			}
			e.Fields[key] = v
		case bool, int, int64, uint64, float64:
			e.Fields[key] = v
		default:
			e.Fields[key] = fmt.Sprint(v)
		}
	}
	if slot, ok := e.Fields["slot"].(int); ok {
		e.Slot = &slot
		delete(e.Fields, "slot")
	}
	if e.Event == "" || e.Event == "worker_log" || e.Event == "call_failed" || level < hclog.Info && e.Event != "worker_started" {
		return
	}
	t.memory.events.add(e)
}
