package daemon

import (
	"context"
	"fmt"

	"github.com/mochilang/mochi-pyd/rpc"
)

// A handle's id names its worker, so a call on one, or with one among its
// arguments, is sent there and nowhere else; no table of handles is kept here.
// Whether the handle is this connection's, or there at all, its worker decides.

// refPrefix begins the methods that are for a handle's object.
const refPrefix = "$ref."

// maxRefPools bounds the pools a connection is remembered to have handles in;
// past it those that are gone are forgotten.
const maxRefPools = 64

// routeRef finds the pool of a call on a handle. The worker reads the rest of the
// name.
func (d *Daemon) routeRef(c *rpc.Call) (*served, string, *rpc.Error) {
	if c.Meta.Ref == "" {
		return nil, "", rpc.NewError(rpc.KindInvalidParams,
			fmt.Sprintf(`%s needs the handle it is for: put its id into meta, as in "meta":{"ref":"p1.w3.g2.17"}`, c.Method),
			rpc.Fields{"argument": "meta.ref"})
	}
	place, ok := rpc.PlaceOf(c.Meta.Ref)
	if !ok {
		return nil, "", staleRef(c.Meta.Ref, "that is no handle's id")
	}
	s := d.pools.numbered(place.Pool)
	if s == nil {
		return nil, "", staleRef(c.Meta.Ref, "its pool is gone, and the object with it")
	}
	c.Holder = &place
	return s, c.Method, nil
}

// hold binds a call to the worker of the handles among its arguments, and
// remembers where its connection may come to have handles. It is asked of calls
// with options only.
func (d *Daemon) hold(c *rpc.Call, s *served) *rpc.Error {
	tagged := c.Meta.Encoding == "tagged"
	if tagged && rpc.HoldsRefs(c.Params) {
		if err := bindRefs(c, s); err != nil {
			return err
		}
	}
	if tagged || c.Meta.Returns == "ref" {
		guestOf(c).mayHold(s.number, d.pools)
	}
	return nil
}

// bindRefs sees to it that all handles of a call live on one worker, which is one
// of the pool that serves the function.
func bindRefs(c *rpc.Call, s *served) (problem *rpc.Error) {
	rpc.EachRef(c.Params, func(id string) bool {
		place, ok := rpc.PlaceOf(id)
		switch {
		case !ok:
			problem = staleRef(id, "that is no handle's id")
		case c.Holder == nil && place.Pool != s.number:
			problem = staleRef(id, fmt.Sprintf("it lives in another pool than %s, which runs in pool %s, and objects cannot move: have one pool serve both modules (modules = [...])", c.Function, s.settings().Name))
		case c.Holder == nil:
			c.Holder = &place
		case place != *c.Holder:
			problem = staleRef(id, fmt.Sprintf("it lives on another worker (%s) than the call's other handle (%s), and objects cannot move: make them with one meta.affinity", place, c.Holder))
		}
		return problem == nil
	})
	return problem
}

func staleRef(id, why string) *rpc.Error {
	if len(id) > maxShown {
		id = id[:maxShown]
	}
	return rpc.NewError(rpc.KindStaleRef, fmt.Sprintf("handle %q cannot be used: %s", id, why), rpc.Fields{"ref": id})
}

// maxShown is how much of what is no id an error repeats.
const maxShown = 80

// releaseRefs is mochi.release with refs: each worker is asked once for all of
// its own. What is not there any more was released already, and does not count.
func (d *Daemon) releaseRefs(c *rpc.Call, module string, refs []string) {
	if module != "" {
		c.Fail(rpc.NewError(rpc.KindInvalidParams, "mochi.release takes a module or refs, not both", rpc.Fields{"argument": "refs"}))
		return
	}
	type target struct {
		place rpc.RefPlace
		refs  []string
	}
	var targets []*target
	byPlace := map[rpc.RefPlace]*target{}
	for _, id := range refs {
		place, ok := rpc.PlaceOf(id)
		if !ok {
			continue
		}
		t := byPlace[place]
		if t == nil {
			t = &target{place: place}
			byPlace[place] = t
			targets = append(targets, t)
		}
		t.refs = append(t.refs, id)
	}
	d.later(c, func(ctx context.Context) (any, error) {
		count := 0
		for _, t := range targets {
			s := d.pools.numbered(t.place.Pool)
			if s == nil {
				continue
			}
			n, err := s.pool.Release(ctx, c.Conn, t.place, t.refs)
			if err != nil {
				return nil, err
			}
			count += n
		}
		return map[string]int{"released": count}, nil
	})
}

// disconnected frees the handles of a connection that is gone. A worker that
// computes frees them when it is through.
func (d *Daemon) disconnected(c *rpc.Conn) {
	g, _ := c.State.(*guest)
	if g == nil {
		return
	}
	g.mu.RLock()
	defer g.mu.RUnlock()
	for number := range g.pools {
		if s := d.pools.numbered(number); s != nil {
			s.pool.Disconnected(c.Number)
		}
	}
}

// mayHold remembers that a connection may have handles in a pool.
func (g *guest) mayHold(number int, pools *registry) {
	if g == nil {
		return
	}
	g.mu.RLock()
	_, known := g.pools[number]
	g.mu.RUnlock()
	if known {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.pools == nil {
		g.pools = map[int]struct{}{}
	}
	if len(g.pools) >= maxRefPools {
		for n := range g.pools {
			if pools.numbered(n) == nil {
				delete(g.pools, n)
			}
		}
	}
	g.pools[number] = struct{}{}
}

// numbered finds a pool by the number in its handles' ids.
func (r *registry) numbered(number int) *served {
	for _, s := range r.now.Load().all {
		if s.number == number {
			return s
		}
	}
	return nil
}
