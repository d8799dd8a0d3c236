package daemon

import (
	"context"
	"net"
	"slices"
	"sync"

	"github.com/mochilang/mochi-pyd/internal/metrics"
	"github.com/mochilang/mochi-pyd/rpc"
)

// Calls are counted only where somebody can ask for the counts: what is told at
// each answer is set when a call is routed, and does not count in a daemon without
// a metrics key. What happens to workers is counted always, as it is rare.

// ownMethods are the names of the daemon's own methods, on both sockets.
func (d *Daemon) ownMethods() []string {
	var names []string
	for _, table := range []map[string]method{d.methods, d.controls} {
		for name := range table {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// fail answers a call that no pool has taken.
func (d *Daemon) fail(c *rpc.Call, why *rpc.Error) {
	if c.Told == nil {
		c.Told = d.unrouted
	}
	c.Fail(why)
}

// refused counts what was refused before a handler saw it.
func (d *Daemon) refused(why *rpc.Error) {
	if d.counting {
		d.meters.Refused(why)
	}
}

// look is what a scrape sees.
func (d *Daemon) look() metrics.Look {
	all := d.pools.now.Load().all
	look := metrics.Look{Draining: d.draining.Load(), Connections: d.host.Connections()}
	for _, s := range all {
		look.Pools = append(look.Pools, metrics.PoolLook{Stat: s.pool.Stat(), Declared: s.settings().Declared})
	}
	return look
}

// tell serves metrics until the returned function is called, which waits until
// that is over: to the end of a drain, which is when they are wanted most.
func (d *Daemon) tell(l net.Listener) (stop func()) {
	if l == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	server := metrics.NewServer(d.meters, d.look, d.log)
	serving.Go(func() { server.Serve(ctx, l) })
	return func() {
		cancel()
		serving.Wait()
	}
}
