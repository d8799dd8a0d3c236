package daemon

import (
	"context"
	"slices"
	"strings"

	"github.com/hashicorp/go-hclog"

	"github.com/mochilang/mochi-pyd/internal/config"
	"github.com/mochilang/mochi-pyd/pool"
	"github.com/mochilang/mochi-pyd/rpc"
)

// The configuration is reloaded in three steps: the file is read and what it
// says compared with what is in force, key by key (plan); all that could be
// refused is looked at; then what differs is applied and nothing else. A pool
// that nothing is said of anew keeps its workers. A mistake ends it before the
// last step, so a file that is wrong changes nothing.
//
// A pool changes as a whole or not at all, and pools do not wait for each other:
// one whose new module does not import keeps its settings, and the others have
// theirs. Rejected: all pools or none, which would let one bad module keep the
// rest of the file out, and would take rolled pools back that serve well.

// Reconfigured is what mochi.reload answers.
type Reconfigured struct {
	File string      `json:"file,omitempty"`
	Plan config.Plan `json:"plan"`
	Text string      `json:"text"` // the plan in one line

	Reloading int `json:"reloading,omitempty"` // workers that are being replaced
	Reloaded  int `json:"reloaded,omitempty"`  // with wait: those that were
}

// Reconfigure reads the configuration again and applies it. told, if any, hears
// the plan once nothing of it can be refused any more, before pools are touched.
func (d *Daemon) Reconfigure(ctx context.Context, told func(Reconfigured)) (Reconfigured, error) {
	d.rereading.Lock()
	defer d.rereading.Unlock()
	return d.reconfigure(ctx, told)
}

// reconfigure is Reconfigure, called with rereading held.
func (d *Daemon) reconfigure(ctx context.Context, told func(Reconfigured)) (Reconfigured, error) {
	select {
	case <-d.opened: // a signal may come before
	case <-ctx.Done():
		return Reconfigured{}, ctx.Err()
	}
	defer d.notify.reloading(ctx, d.pools.summary)()
	next, err := d.config().Again()
	if err != nil {
		err = wrongConfig(err)
	}
	var p *changeOver
	if err == nil {
		p = d.plan(next)
		err = p.prepare()
	}
	if err == nil && d.draining.Load() {
		err = errDraining
	}
	if err != nil {
		d.rereadFailed.Store(true)
		d.meters.Reloaded(false)
		d.observeReconfigured("", err)
		return Reconfigured{}, err
	}
	out := Reconfigured{File: next.File, Plan: p.steps, Text: p.steps.String()}
	pending := d.adopt(p)
	if told != nil {
		out.Reloading = p.workers()
		told(out)
		out.Reloading = 0
	}
	kept, err := d.applyAll(ctx, p, &out)
	d.now.Store(&setup{config: next, daemon: *d.settings(), pending: append(pending, kept...)})
	d.rereadFailed.Store(err != nil)
	d.meters.Reloaded(err == nil)
	d.observeReconfigured(out.Text, err)
	return out, err
}

// adopt makes the daemon's own settings the new ones, as far as they can change
// while it runs, and says which cannot.
func (d *Daemon) adopt(p *changeOver) (pending []string) {
	running := d.settings()
	for _, c := range running.ChangesTo(&p.daemon, p.next.File) {
		if c.Apply == config.ApplyRestart {
			pending = append(pending, c.Key)
		}
	}
	settings := p.daemon
	settings.Keep(running)
	d.now.Store(&setup{config: p.next, daemon: settings, pending: pending})
	if settings.LogLevel != running.LogLevel {
		d.log.SetLevel(hclog.LevelFromString(settings.LogLevel))
	}
	d.handles.Limit(settings.MaxHandles)
	d.memory.hold(settings.MaxPools)
	d.host.SetLimits(d.limits())
	d.control.SetLimits(unshared(d.limits()))
	if settings.LogRate != running.LogRate {
		for _, s := range d.pools.now.Load().all {
			c := d.poolConfig(*s.settings(), s.number)
			c.Workers = pool.AsMany
			_, _ = s.pool.Configure(d.hard, c, nil) // only a pool that ends refuses
		}
	}
	return pending
}

// applyAll does the pools' steps beside each other, and names those that keep
// the settings they had.
func (d *Daemon) applyAll(ctx context.Context, p *changeOver, out *Reconfigured) (kept []string, err error) {
	var touched []*served
	steps := map[*served]*poolStep{}
	for i := range p.pools {
		s := &p.pools[i]
		switch s.Action {
		case config.ActionUnchanged:
			continue
		case config.ActionRemoved:
			d.pools.remove(s.served)
			continue
		case config.ActionAdded:
			d.pools.unalias(s.Pool)
			if s.served, err = d.pools.add(s.next); err != nil {
				return nil, err
			}
		}
		touched = append(touched, s.served)
		steps[s.served] = s
	}
	err = beside(ctx, "reloaded", touched, func(s *served) error {
		step := steps[s]
		if step.Action == config.ActionAdded {
			_, step.err = s.pool.Wait(ctx) // it is there and goes on trying, as at the daemon's start
		} else {
			step.replaced, step.err = d.apply(ctx, step)
		}
		return step.err
	})
	for _, s := range touched {
		step := steps[s]
		out.Reloaded += step.replaced
		if step.err != nil && step.Action == config.ActionChanged && !s.gone() {
			kept = append(kept, step.Pool)
		}
	}
	return kept, err
}

// apply gives one pool its new settings.
func (d *Daemon) apply(ctx context.Context, p *poolStep) (replaced int, err error) {
	s := p.served
	s.reloading.Add(1)
	defer s.reloading.Add(-1)
	if p.Has(config.ApplyReplaced) {
		n := len(s.pool.Stat().Slots)
		if err := d.pools.replace(ctx, s, p.next); err != nil {
			return 0, keepsOld(s, rpc.AsError(err))
		}
		return n, nil
	}
	c := d.poolConfig(p.next, s.number)
	sized := func(c config.Change) bool { return slices.Contains([]string{"workers", "max-workers", "spare"}, c.Key) }
	if !slices.ContainsFunc(p.Changes, sized) {
		c.Workers = pool.AsMany
	}
	var command pool.Command
	if p.Has(config.ApplyRolling) {
		command = d.commandOf(p.next, p.script)
	}
	if replaced, err = s.pool.Configure(ctx, c, command); err != nil {
		return 0, keepsOld(s, rpc.AsError(err))
	}
	d.pools.settled(s, p.next)
	return replaced, nil
}

// reloadConfig is mochi.reload without pools.
func (d *Daemon) reloadConfig(c *rpc.Call, wait bool) {
	d.observeControl(c, nil)
	type outcome struct {
		value Reconfigured
		err   error
	}
	first := make(chan outcome, 1)
	tell := func(o outcome) {
		select {
		case first <- o:
		default: // who asked has an answer
		}
	}
	ended := d.onItsOwn(func(ctx context.Context) (any, error) {
		out, err := d.Reconfigure(ctx, func(planned Reconfigured) {
			if !wait {
				tell(outcome{planned, nil})
			}
		})
		tell(outcome{out, err})
		return out, err
	})
	if wait {
		d.later(c, ended)
		return
	}
	d.later(c, func(ctx context.Context) (any, error) {
		select {
		case o := <-first:
			return o.value, o.err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
}

// Reread begins a reload of the configuration for somebody who waits for no
// answer: a signal's. The log is told. One that waits for its turn reads what
// this one would.
func (d *Daemon) Reread() {
	if d.draining.Load() {
		return // there is nothing left to set
	}
	if d.asking.Swap(true) {
		return
	}
	_ = d.onItsOwn(func(ctx context.Context) (any, error) {
		d.rereading.Lock()
		defer d.rereading.Unlock()
		d.asking.Store(false)
		return d.reconfigure(ctx, nil)
	})
}

// observeReconfigured: the configuration was read again, or could not be. Where
// it is wrong is in the text, which has several lines.
func (d *Daemon) observeReconfigured(plan string, err error) {
	args := []any{"event", "config_reload"}
	if file := d.config().File; file != "" {
		args = append(args, "path", file)
	}
	if plan != "" {
		args = append(args, "plan", plan)
	}
	if err == nil {
		d.log.Info("configuration reloaded", args...)
		return
	}
	first, rest, more := strings.Cut(err.Error(), "\n")
	args = append(args, "error", first)
	if more {
		args = append(args, "text", rest)
	}
	d.log.Error("configuration not reloaded, or not all of it", args...)
}
