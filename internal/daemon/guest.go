package daemon

import (
	"sync"

	"github.com/mochilang/mochi-pyd/rpc"
)

// maxNarrowed bounds the functions that one import narrows itself to: the list
// is kept for as long as the alias is.
const maxNarrowed = 1 << 12

// guest is what the daemon keeps for one host connection.
type guest struct {
	mu      sync.RWMutex
	aliases map[string]*alias
	pools   map[int]struct{} // by number, those where it may have handles
}

// alias is a name that one connection gave to a module. It holds the module's
// name and not its pool, which may come and go meanwhile.
type alias struct {
	module string
	only   map[string]bool // the functions this host narrowed itself to; nil = all

	// What the name meant before, for as long as the import that changed it may
	// fail; nil once it has succeeded. Imports of one name may overlap and end
	// in any order, so one that has failed stays in the chain, marked.
	before *alias
	gone   bool
}

func guestOf(c *rpc.Call) *guest {
	if c.Conn == nil {
		return nil
	}
	g, _ := c.Conn.State.(*guest)
	return g
}

// find gives what a name means on this connection.
func (g *guest) find(name string) (module string, only map[string]bool, ok bool) {
	if g == nil {
		return "", nil, false
	}
	g.mu.RLock()
	defer g.mu.RUnlock()
	a, ok := g.aliases[name]
	if !ok {
		return "", nil, false
	}
	return a.module, a.only, true
}

// name gives a connection's name to a module, until the import has succeeded
// (keep) or failed (undo).
func (g *guest) name(name string, a *alias, limit int) *rpc.Error {
	if g == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	before, again := g.aliases[name]
	if !again && len(g.aliases) >= limit {
		return rpc.Errorf(rpc.KindOverloaded, "this connection has %d imports, which is max-aliases: release one with mochi.release", limit)
	}
	if g.aliases == nil {
		g.aliases = map[string]*alias{}
	}
	a.before = before
	g.aliases[name] = a
	return nil
}

// keep: the import succeeded, and what the name meant before is forgotten.
func (g *guest) keep(a *alias) {
	if g == nil {
		return
	}
	g.mu.Lock()
	a.before = nil
	g.mu.Unlock()
}

// undo: the import failed. The name means again what it meant before, unless
// it has been released or given to something else meanwhile.
func (g *guest) undo(name string, a *alias) {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	a.gone = true
	if now := g.aliases[name]; now != a {
		now.forget()
		return
	}
	for a != nil && a.gone {
		a = a.before
	}
	if a == nil {
		delete(g.aliases, name)
		return
	}
	g.aliases[name] = a
}

// forget takes what has failed out of the chain behind a name: a host whose
// failing imports overlap without end must not make it longer than what it has
// in flight.
func (a *alias) forget() {
	for ; a != nil; a = a.before {
		for a.before != nil && a.before.gone {
			a.before = a.before.before
		}
	}
}

// release drops the names of a module, and says whether there was one. None
// comes back when an import that is under way fails.
func (g *guest) release(module string) (released bool) {
	if g == nil {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for name, a := range g.aliases {
		if name == module || a.module == module {
			delete(g.aliases, name)
			released = true
			continue
		}
		for b := a.before; b != nil; b = b.before {
			if b.module == module && !b.gone {
				b.gone, released = true, true
			}
		}
	}
	return released
}
