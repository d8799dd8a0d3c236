package daemon

import (
	"context"
	"fmt"
	"slices"

	"github.com/mochilang/mochi-pyd/internal/config"
	"github.com/mochilang/mochi-pyd/pool"
)

// This file is what a reload does to the picture of the pools. In each change
// the routes come first and the old pool's end second, so that a call finds
// either the old pool, which still takes it, or what is there now.

// add starts a pool that is declared from now on. One of the same name that
// hosts had imported ends: two of a name would be one to status and metrics.
func (r *registry) add(settings config.Pool) (*served, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, errDraining
	}
	s, err := r.start(settings)
	if err != nil {
		return nil, err
	}
	imported := r.now.Load().imported[settings.Name]
	r.change(func(n *routes) {
		if imported != nil {
			n.drop(imported)
		}
		n.declare(s)
		n.all = append(n.all, s)
	})
	if imported != nil {
		r.leave(imported)
	}
	return s, nil
}

// remove ends a pool: no call finds it any more, and those it has are answered.
func (r *registry) remove(s *served) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || s.gone() { // or forgotten meanwhile
		return
	}
	r.change(func(n *routes) { n.drop(s) })
	r.leave(s)
}

// leave ends a pool that no route leads to any more. Called with mu held.
func (r *registry) leave(s *served) {
	s.shut(nil)
	r.d.meters.Forget(s.settings().Name)
	r.apart[s] = struct{}{}
	r.d.work.Go(func() { r.finish(s) })
}

// buried: nothing of s is alive.
func (r *registry) buried(s *served) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.apart, s)
}

// replace starts another pool in a pool's place, and changes over when it is
// ready; when it does not start, nothing has changed.
func (r *registry) replace(ctx context.Context, old *served, settings config.Pool) error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return errDraining
	}
	s, err := r.start(settings)
	if err == nil {
		r.apart[s] = struct{}{} // the daemon may have to end before it is ready
	}
	r.mu.Unlock()
	if err != nil {
		return err
	}
	if _, err = s.pool.Wait(ctx); err == nil {
		r.mu.Lock()
		if !r.closed && old.touch() {
			defer r.mu.Unlock()
			inherit(s, old)
			delete(r.apart, s)
			r.change(func(n *routes) {
				_, imported := n.imported[settings.Name]
				n.drop(old)
				if n.all = append(n.all, s); imported && !settings.Declared {
					n.imported[settings.Name] = s
				} else {
					n.declare(s)
				}
			})
			r.leave(old) // its name has been opened twice, and is forgotten once
			return nil
		}
		r.mu.Unlock()
		err = errDraining
	}
	r.d.meters.Forget(settings.Name)
	s.cancel() // nobody has seen it
	<-s.ended
	r.buried(s)
	return err
}

// inherit tells a pool what an operator has told the one whose place it takes,
// where the file does not say otherwise now. A pool that ends refuses, and need
// not know.
func inherit(s, old *served) {
	was, now := old.settings().Workers, s.settings().Workers
	st := old.pool.Stat()
	if st.Workers != was && now == was {
		_, _ = s.pool.Resize(st.Workers)
	}
	if st.Status == pool.Paused {
		_ = s.pool.Pause()
	}
}

// settled gives a pool its new settings, once they are in force, and the name
// that they give it besides its own.
func (r *registry) settled(s *served, next config.Pool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := s.settings().Alias
	s.said.Store(&next)
	if r.closed {
		return
	}
	r.change(func(n *routes) { // in any case: whoever watches source files looks where they are now
		if before != next.Alias && n.declared[before] == s {
			delete(n.declared, before)
		}
		if next.Declared {
			n.declare(s)
		}
	})
}

// unalias takes a name away from the pool whose alias it was.
func (r *registry) unalias(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.change(func(n *routes) { delete(n.declared, name) })
}

// declare makes s found by its name and its alias.
func (n *routes) declare(s *served) {
	n.declared[s.settings().Name] = s
	if alias := s.settings().Alias; alias != "" {
		n.declared[alias] = s
	}
}

// drop makes s found by no name.
func (n *routes) drop(s *served) {
	for _, names := range []map[string]*served{n.declared, n.imported} {
		for name, other := range names {
			if other == s {
				delete(names, name)
			}
		}
	}
	n.all = slices.DeleteFunc(n.all, func(other *served) bool { return other == s })
}

// finish ends a pool that no new call finds, when it has answered those it has.
func (r *registry) finish(s *served) {
	ctx, cancel := context.WithTimeout(r.d.hard, s.settings().GracefulTimeout)
	defer cancel()
	name := s.settings().Name
	if err := s.pool.Finish(ctx); err != nil {
		r.overdue(s, err)
	}
	s.cancel()
	<-s.ended
	r.buried(s)
	r.d.log.Info("a pool is closed", "event", "pool_closed", "pool", name, "reason", fmt.Sprintf("it is not in %s any more, or another has its place", r.d.config().File))
}
