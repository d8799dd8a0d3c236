package daemon

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/mochilang/mochi-pyd/internal/config"
	"github.com/mochilang/mochi-pyd/rpc"
)

// controlMethods are the operators' methods.
func (d *Daemon) controlMethods() map[string]method {
	m := d.commonMethods()
	m["mochi.status"] = method{nil, "the daemon and its pools", func(c *rpc.Call) { d.later(c, d.status) }}
	m["mochi.workers"] = method{[]string{"pool"}, "every worker, or one pool's", d.workers}
	m["mochi.restart"] = method{[]string{"pool", "slot", "hard", "wait"}, "replace workers, one after another", d.restart}
	m["mochi.drain"] = method{[]string{"now"}, "end the daemon when what runs has been answered, or now", d.drainRequest}
	return m
}

// handleControl takes every call of the control socket.
func (d *Daemon) handleControl(c *rpc.Call) {
	if config.Reserved(c.Method) {
		d.own(c, d.controls)
		return
	}
	c.Fail(rpc.Errorf(rpc.KindMethodNotFound, "this is the control socket, which calls no functions: send %s to the hosts' socket", c.Method))
}

func (d *Daemon) workers(c *rpc.Call) {
	var p struct {
		Pool string `json:"pool"`
	}
	if err := bind(c, &p, "pool"); err != nil {
		c.Fail(err)
		return
	}
	chosen, err := d.chosen(p.Pool)
	if err != nil {
		c.Fail(err)
		return
	}
	d.later(c, func(context.Context) (any, error) { return workersOf(chosen), nil })
}

// chosen is one pool, or all of them.
func (d *Daemon) chosen(name string) ([]*served, *rpc.Error) {
	all := d.pools.now.Load().all
	if name == "" {
		return all, nil
	}
	if s := d.pools.named(name); s != nil {
		return []*served{s}, nil
	}
	names := make([]string, len(all))
	for i, s := range all {
		names[i] = s.settings.Name
	}
	advice := "there is none yet: pools appear when a module is first called"
	if len(names) > 0 {
		advice = "there are " + strings.Join(names, ", ")
	}
	return nil, rpc.NewError(rpc.KindInvalidParams, fmt.Sprintf("there is no pool %q: %s", name, advice),
		rpc.Fields{"argument": "pool", "missing": "pool"})
}

// restart replaces workers: of one slot, one pool, or all pools beside each
// other. It answers at once, or with wait when all are replaced.
func (d *Daemon) restart(c *rpc.Call) {
	var p struct {
		Pool string `json:"pool"`
		Slot *int   `json:"slot"`
		Hard bool   `json:"hard"`
		Wait bool   `json:"wait"`
	}
	refuse := func(err *rpc.Error) {
		d.observeControl(c, err)
		c.Fail(err)
	}
	if err := bind(c, &p, "pool", "slot", "hard", "wait"); err != nil {
		refuse(err)
		return
	}
	chosen, err := d.chosen(p.Pool)
	if err != nil {
		refuse(err)
		return
	}
	slot := -1
	if p.Slot != nil {
		slot = *p.Slot
		if p.Pool == "" {
			refuse(rpc.NewError(rpc.KindInvalidParams, "mochi.restart: a slot needs its pool", rpc.Fields{"argument": "pool"}))
			return
		}
		if n := chosen[0].settings.Workers; slot < 0 || slot >= n {
			refuse(rpc.NewError(rpc.KindInvalidParams, fmt.Sprintf("pool %s has no worker %d: its workers are 0 to %d", p.Pool, slot, n-1),
				rpc.Fields{"argument": "slot", "missing": "worker"}))
			return
		}
	}
	d.observeControl(c, nil)
	count := 0
	for _, s := range chosen {
		if slot >= 0 {
			count++
		} else {
			count += s.settings.Workers
		}
	}
	if p.Wait {
		d.later(c, func(ctx context.Context) (any, error) {
			if err := restartAll(ctx, chosen, slot, p.Hard); err != nil {
				return nil, err
			}
			return map[string]int{"restarted": count}, nil
		})
		return
	}
	d.work.Go(func() {
		if err := restartAll(d.hard, chosen, slot, p.Hard); err != nil {
			d.observeControl(c, err)
		}
	})
	reply(c, map[string]int{"restarting": count})
}

// restartAll restarts pools beside each other: they have nothing to wait for
// in one another.
func restartAll(ctx context.Context, chosen []*served, slot int, hard bool) error {
	errs := make([]error, len(chosen))
	var all sync.WaitGroup
	for i, s := range chosen {
		all.Go(func() { errs[i] = s.pool.Restart(ctx, slot, hard) })
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// drainRequest ends the daemon as SIGTERM does, or with now as a second one.
func (d *Daemon) drainRequest(c *rpc.Call) {
	var p struct {
		Now bool `json:"now"`
	}
	if err := bind(c, &p, "now"); err != nil {
		c.Fail(err)
		return
	}
	d.observeControl(c, nil)
	reply(c, map[string]bool{"draining": true})
	if p.Now {
		d.Force()
		return
	}
	d.stop()
}
