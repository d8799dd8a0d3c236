package daemon

import (
	"github.com/mochilang/mochi-pyd/internal/config"
	"github.com/mochilang/mochi-pyd/render"
)

// changeOver is a plan, and what it is about.
type changeOver struct {
	next   *config.Config
	daemon config.Daemon
	steps  config.Plan
	pools  []poolStep
}

type poolStep struct {
	config.Step
	served *served     // nil: added
	next   config.Pool // zero: removed
	script render.Script

	replaced int // what came of it
	err      error
}

// plan compares a configuration with what is in force.
func (d *Daemon) plan(next *config.Config) *changeOver {
	p := &changeOver{next: next, daemon: next.Daemon()}
	running, file := d.settings(), next.File
	if changes := running.ChangesTo(&p.daemon, file); len(changes) > 0 {
		p.steps = append(p.steps, config.Step{Action: config.ActionChanged, Changes: changes})
	}
	now := d.pools.now.Load()
	seen, added := map[*served]bool{}, map[string]bool{}
	for _, settings := range next.Pools() {
		s := now.declared[settings.Name]
		if s == nil || s.settings().Name != settings.Name { // somebody's alias, by now
			added[settings.Name] = true
			p.add(poolStep{Step: config.Step{Pool: settings.Name, Action: config.ActionAdded}, next: settings})
			continue
		}
		seen[s] = true
		p.compare(s, settings, file)
	}
	for _, s := range now.all {
		switch {
		case seen[s]:
		case !s.settings().Declared && added[s.settings().Name]: // which takes its place
		case !s.settings().Declared && allowedBy(&p.daemon, s.settings().Name) && !p.mended(s):
			p.compare(s, next.OnDemand(s.settings().Name), file)
		default:
			p.add(poolStep{Step: config.Step{Pool: s.settings().Name, Action: config.ActionRemoved}, served: s})
		}
	}
	return p
}

// mended says of an import that failed that it may do better with other
// defaults. Whoever asks for it next has it tried from scratch; rolling it would
// make the operator wait for what is no business of his.
func (p *changeOver) mended(s *served) bool {
	next := p.next.OnDemand(s.settings().Name)
	return hopeless(s) && len(s.settings().ChangesTo(&next, "")) > 0
}

func (p *changeOver) compare(s *served, next config.Pool, file string) {
	step := config.Step{Pool: next.Name, Action: config.ActionUnchanged, Changes: s.settings().ChangesTo(&next, file)}
	if len(step.Changes) > 0 {
		step.Action = config.ActionChanged
	}
	p.add(poolStep{Step: step, served: s, next: next})
}

func (p *changeOver) add(s poolStep) {
	p.pools = append(p.pools, s)
	p.steps = append(p.steps, s.Step)
}

// prepare looks at what could be refused.
func (p *changeOver) prepare() (err error) {
	for i := range p.pools {
		s := &p.pools[i]
		if s.Action == config.ActionRemoved {
			continue
		}
		if s.script, err = scriptOf(s.next); err != nil {
			return wrongConfig(err)
		}
	}
	return nil
}

// workers is how many are to be replaced.
func (p *changeOver) workers() (n int) {
	for _, s := range p.pools {
		if s.served != nil && (s.Has(config.ApplyRolling) || s.Has(config.ApplyReplaced)) {
			n += len(s.served.pool.Stat().Slots)
		}
	}
	return n
}
