package metrics

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mochilang/mochi-pyd/internal/version"
	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// maxForgotten is how many pools are remembered that are no more. A module that
// is imported on demand comes and goes with its hosts, and its counters should
// go on; but hosts can name any number of modules that do not exist.
const maxForgotten = 64

// The words of the label method beside the daemon's own methods.
const (
	methodCall    = "call"    // a function's, whichever
	methodUnknown = "unknown" // mochi.*, and there is none
	methodRefused = "refused" // nobody got to look at its method
)

// requests counts the requests of one method.
type requests [outcomeCount]atomic.Uint64

func (r *requests) told(_ *rpc.Call, _ time.Time, err *rpc.Error) { r[outcomeOf(err)].Add(1) }

// Meters are all counters of one daemon.
type Meters struct {
	build    version.Info
	reloaded atomic.Bool // the last reload of the configuration went well, or there was none
	methods  map[string]*requests
	own      map[string]func(*rpc.Call, time.Time, *rpc.Error) // the same, made once
	unknown  func(*rpc.Call, time.Time, *rpc.Error)
	call     requests // calls that no remembered pool has: without one, or of one that was dropped

	mu    sync.Mutex
	pools map[string]*Pool
	turn  uint64
}

// New makes the meters of a build whose own methods are those.
func New(build version.Info, methods ...string) *Meters {
	m := &Meters{
		build: build, methods: map[string]*requests{methodUnknown: {}, methodRefused: {}}, pools: map[string]*Pool{},
		own: map[string]func(*rpc.Call, time.Time, *rpc.Error){},
	}
	for _, name := range methods {
		r := &requests{}
		m.methods[name], m.own[name] = r, r.told
	}
	m.unknown = m.methods[methodUnknown].told
	m.reloaded.Store(true)
	return m
}

// Own is the rpc.Call.Told of a request for one of the daemon's own methods.
func (m *Meters) Own(method string) func(*rpc.Call, time.Time, *rpc.Error) {
	if told := m.own[method]; told != nil {
		return told
	}
	return m.unknown
}

// Unrouted is the rpc.Call.Told of a call that found no pool.
func (m *Meters) Unrouted(c *rpc.Call, at time.Time, err *rpc.Error) { m.call.told(c, at, err) }

// Refused counts a request that was refused before anybody saw it
// (rpc.Hooks.Refused).
func (m *Meters) Refused(err *rpc.Error) { m.methods[methodRefused].told(nil, time.Time{}, err) }

// Reloaded notes how the last reload of the configuration went.
func (m *Meters) Reloaded(well bool) { m.reloaded.Store(well) }

// Open gives the counters of a pool that is made, until Forget.
func (m *Meters) Open(name string) *Pool {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.pools[name]
	if p == nil {
		p = newPool()
		m.pools[name] = p
	}
	p.open++
	return p
}

// Forget says that a pool is no more, or soon: it may still end calls and
// workers.
func (m *Meters) Forget(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.pools[name]
	if p == nil || p.open == 0 {
		return
	}
	if p.open--; p.open > 0 {
		return
	}
	m.turn++
	p.closed = m.turn
	m.dropOldest()
}

// dropOldest forgets for good. Its calls stay in the sum of all. Called with mu
// held.
func (m *Meters) dropOldest() {
	forgotten, oldest := 0, ""
	for name, p := range m.pools {
		if p.open > 0 {
			continue
		}
		if forgotten++; oldest == "" || p.closed < m.pools[oldest].closed {
			oldest = name
		}
	}
	if forgotten <= maxForgotten {
		return
	}
	for i, n := range m.pools[oldest].counts().answers {
		m.call[i].Add(n)
	}
	delete(m.pools, oldest)
}

// Observe counts an event of any pool's (supervisor.Hook).
func (m *Meters) Observe(e supervisor.Event) {
	var name string
	switch e := e.(type) {
	case supervisor.Spawned:
		name = e.Pool
	case supervisor.BecameReady:
		name = e.Pool
	case supervisor.Exited:
		name = e.Pool
	case supervisor.Logged:
		name = e.Pool
	default:
		return
	}
	m.mu.Lock()
	p := m.pools[name]
	m.mu.Unlock()
	if p != nil {
		p.observe(e)
	}
}

// snapshot lists the pools, and the calls that none of them has: in one look, as
// a pool that is dropped moves its calls from one to the other.
func (m *Meters) snapshot() (pools map[string]*Pool, call [outcomeCount]uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.call {
		call[i] = m.call[i].Load()
	}
	return maps.Clone(m.pools), call
}
