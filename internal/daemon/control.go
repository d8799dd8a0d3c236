package daemon

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/mochilang/mochi-pyd/internal/config"
	"github.com/mochilang/mochi-pyd/pool"
	"github.com/mochilang/mochi-pyd/rpc"
)

// controlMethods are the operators' methods.
func (d *Daemon) controlMethods() map[string]method {
	m := d.commonMethods()
	m["mochi.status"] = method{nil, "the daemon and its pools", func(c *rpc.Call) { d.later(c, d.status) }}
	m["mochi.workers"] = method{[]string{"pool?"}, "every worker, or one pool's", d.workers}
	m["mochi.restart"] = method{[]string{"pool?", "slot?", "hard?", "wait?"}, "replace workers, one after another", d.restart}
	m["mochi.reload"] = method{[]string{"pool?", "wait?", "code?"}, "read the configuration again and apply what changed; or, of the pools named, or with code of all, load the code anew, one worker after another: what does not start leaves the old code serving", d.reload}
	m["mochi.config"] = method{[]string{"pool?", "diff?"}, "every key in force and where it was said, of all or one pool; with diff, what a reload would do", d.showConfig}
	m["mochi.drain"] = method{[]string{"now?"}, "end the daemon when what runs has been answered, or now", d.drainRequest}
	m["mochi.describe"] = method{[]string{"pool", "slot?"}, "a pool's settings and where they came from, its workers, how the ones before them ended, their last lines, and its functions", d.describePool}
	m["mochi.logs"] = method{[]string{"pool?", "slot?", "n?", "since?", "level?", "follow?"}, "what the workers of one pool or of all wrote; with follow as a stream", d.logsOf}
	m["mochi.events"] = method{[]string{"follow?", "pool?", "n?", "slot?", "since?", "level?"}, "what happened; with follow as a stream", d.eventsOf}
	m["mochi.scale"] = method{[]string{"pool", "workers?", "by?"}, "another number of workers, or so many more (by), until the daemon ends", d.scale}
	m["mochi.pause"] = method{[]string{"pool"}, "take no calls; those that run go on", d.pause(true)}
	m["mochi.resume"] = method{[]string{"pool"}, "take calls again", d.pause(false)}
	m["mochi.kill"] = method{[]string{"pool", "slot", "signal?"}, "send a worker a signal, TERM when none is named", d.kill}
	return m
}

// handleControl takes every call of the control socket.
func (d *Daemon) handleControl(c *rpc.Call) {
	if err := checkLength(c); err != nil {
		d.fail(c, err)
		return
	}
	if config.Reserved(c.Method) {
		d.own(c, d.controls)
		return
	}
	d.fail(c, rpc.Errorf(rpc.KindMethodNotFound, "this is the control socket, which calls no functions: send %s to the hosts' socket", c.Method))
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
		names[i] = s.settings().Name
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
		if !hasSlot(chosen[0], slot) {
			refuse(rpc.NewError(rpc.KindInvalidParams, fmt.Sprintf("pool %s has no worker %d: its workers are %s", p.Pool, slot, slotsOf(chosen[0])),
				rpc.Fields{"argument": "slot", "missing": "worker"}))
			return
		}
	}
	if p.Pool == "" {
		chosen = slices.DeleteFunc(slices.Clone(chosen), hopeless)
	}
	d.observeControl(c, nil)
	count := 0
	for _, s := range chosen {
		if slot >= 0 {
			count++
		} else {
			count += len(s.pool.Stat().Slots)
		}
	}
	rolled := d.onItsOwn(func(ctx context.Context) (any, error) {
		err := restartAll(ctx, chosen, slot, p.Hard)
		if err != nil && !p.Wait {
			d.observeControl(c, err)
		}
		return map[string]int{"restarted": count}, err
	})
	if p.Wait {
		d.later(c, rolled)
		return
	}
	reply(c, map[string]int{"restarting": count})
}

// hopeless is an import that a host asked for and that failed: no operator's
// business, and nothing to restart.
func hopeless(s *served) bool { return !s.settings().Declared && failed(s.pool.Stat()) }

func hasSlot(s *served, slot int) bool {
	return slices.ContainsFunc(s.pool.Stat().Slots, func(st pool.SlotStat) bool { return st.Slot == slot })
}

func slotsOf(s *served) string {
	slots := s.pool.Stat().Slots
	if len(slots) == 0 {
		return "not there yet"
	}
	return fmt.Sprintf("%d to %d", slots[0].Slot, slots[len(slots)-1].Slot)
}

// restartAll restarts pools beside each other.
func restartAll(ctx context.Context, chosen []*served, slot int, hard bool) error {
	return beside(ctx, "restarted", chosen, func(s *served) error { return s.pool.Restart(ctx, slot, hard) })
}

// beside does the same to several pools at once: they have nothing to wait for
// in one another. The error is the first pool's that failed, and names all. One
// that was forgotten meanwhile has failed in nothing: there is nothing left of it
// that could be as it was.
func beside(ctx context.Context, done string, chosen []*served, do func(*served) error) error {
	errs := make([]error, len(chosen))
	var all sync.WaitGroup
	for i, s := range chosen {
		all.Go(func() {
			if errs[i] = do(s); s.gone() {
				errs[i] = nil
			}
		})
	}
	all.Wait()
	var first *rpc.Error
	var names []string
	for i, err := range errs {
		if err == nil {
			continue
		}
		if names = append(names, chosen[i].settings().Name); first == nil {
			first = rpc.AsError(err)
		}
	}
	switch {
	case first == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	which := "pool " + names[0]
	if len(names) > 1 {
		which = "pools " + strings.Join(names, ", ") + "; of " + names[0]
	}
	return &rpc.Error{Code: first.Code, Message: "not " + done + ": " + which + ": " + first.Message, Data: first.Data}
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
