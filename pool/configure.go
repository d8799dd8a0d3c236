package pool

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"time"

	"github.com/mochilang/mochi-pyd/supervisor"
)

// A pool's settings can be changed while it serves. Most are the pool's own and
// hold at once. Those that a worker's process was started with need a new
// process: the workers are replaced as for a reload, and when the first
// successor does not start the pool is as it was.
//
// Unlike code, of which the old version is gone once the file has been written
// over, old settings are still known. So a roll that breaks in the middle is
// rolled back, and a pool never stays half of each.

// Command says what to start; see Options.Command.
type Command = func(context.Context) (supervisor.Command, error)

// What a process was told at its start it goes on believing: a function that asks
// for its deadline (current_call().deadline), and whose host has set none, hears
// of a new call-timeout from the next worker on. The pool itself holds calls to
// the new one at once.

// AsMany as Config.Workers tells Configure to leave the number of workers alone,
// MaxWorkers and Spare too: an operator may have changed it meanwhile.
const AsMany = -1

// Configure gives the pool other settings; what is left out of c is its
// default, as in New. Name, Number, MaxMessage and Kinds stay. With a command,
// the workers are replaced one after another by such as it says and c asks for;
// an error then means that nothing has changed, and replaced is 0. Without one,
// what c says of processes that run concerns only those that are started later.
func (p *Pool) Configure(ctx context.Context, c Config, command Command) (replaced int, err error) {
	p.configuring.Lock()
	defer p.configuring.Unlock()
	p.mu.Lock()
	before := p.opt
	next := before
	next.Config = c
	next.Name, next.Number, next.MaxMessage, next.Kinds = before.Name, before.Number, before.MaxMessage, before.Kinds
	if command != nil {
		next.Command = command
	}
	if err := next.setDefaults(); err != nil {
		p.mu.Unlock()
		return 0, err
	}
	size := next.size()
	// The number of workers comes last: those that a bigger pool has more are
	// then not replaced before they have done anything.
	next.Config = withSize(next.Config, before.size())
	p.use(next)
	if command != nil {
		// While both kinds serve, each is given what either has seats for.
		p.seats = seats{min(before.Depth, next.Depth), min(before.Concurrency, next.Concurrency)}
	}
	p.unlock()
	if command != nil {
		if replaced, err = p.replace(ctx, p.slots(), supervisor.ReasonReload, false); err != nil {
			return 0, p.back(ctx, before, replaced, err)
		}
		p.settled()
	}
	if c.Workers == AsMany {
		return replaced, nil // how many it is now, an operator may have said since
	}
	return replaced, p.resize(size)
}

// back takes a roll back that could not be finished.
func (p *Pool) back(ctx context.Context, before Options, replaced int, why error) error {
	p.mu.Lock()
	before.Config = withSize(before.Config, p.opt.size()) // an operator may have said another meanwhile
	p.use(before)
	p.unlock()
	if replaced > 0 && ctx.Err() == nil {
		// All of them: which are new is not known any more, as any may have died.
		if _, err := p.replace(ctx, p.slots(), supervisor.ReasonReload, false); err != nil {
			return errors.Join(why, err)
		}
	}
	p.settled()
	return why
}

// settled: every worker has the seats that the settings say.
func (p *Pool) settled() {
	p.mu.Lock()
	p.seats = seats{p.opt.Depth, p.opt.Concurrency}
	p.mu.Unlock()
	p.dispatch(nil)
}

// use makes o the pool's settings. Called with mu held.
func (p *Pool) use(o Options) {
	p.opt.take(o)
	p.circuit.backoff = backoff{min: o.BackoffMin, max: o.BackoffMax}
	p.circuit.budget.limit, p.circuit.budget.window = o.RestartLimit, o.RestartWindow
	tuning := supervisor.Tuning{StopTimeout: o.StopTimeout, LogRate: o.LogRate}
	for _, r := range p.rooms {
		if r != nil {
			r.slot.Retune(o.GracefulTimeout, tuning)
		}
	}
	if o.Nursery != nil {
		o.Nursery.Retune(o.StartTimeout, tuning)
	}
	for _, m := range p.all() {
		p.limitLife(m)
	}
	p.weighFromNowOn()
	p.expireAt(time.Now()) // whatever was due later may be due now
}

// fixed are the fields of Config that never change. They are read without the
// lock, so nothing may write them, not even what they are.
var fixed = []string{"Name", "Number", "MaxMessage", "Kinds"}

// take copies the settings that may change, and nothing else: written as a list
// of fields, it would forget the next one that is added to Config.
func (o *Options) take(next Options) {
	to, from := reflect.ValueOf(&o.Config).Elem(), reflect.ValueOf(next.Config)
	for i := range to.NumField() {
		if !slices.Contains(fixed, to.Type().Field(i).Name) {
			to.Field(i).Set(from.Field(i))
		}
	}
	o.Command = next.Command
}

// seats are what a member can be given at once.
type seats struct{ depth, concurrency int }

// headcount is how many workers a pool has.
type headcount struct{ workers, most, spare int }

func (o *Options) size() headcount { return headcount{o.Workers, o.MaxWorkers, o.Spare} }

func withSize(c Config, n headcount) Config {
	c.Workers, c.MaxWorkers, c.Spare = n.workers, n.most, n.spare
	return c
}

// resize makes it a pool of so many workers.
func (p *Pool) resize(n headcount) error {
	p.mu.Lock()
	now := p.opt.size()
	p.mu.Unlock()
	if now == n {
		return nil
	}
	if now.workers != n.workers || n.most < now.most {
		if _, err := p.Resize(n.workers); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.unlock()
	if p.running == nil || p.draining || p.closed {
		return shuttingDown(p.opt.Name)
	}
	p.opt.MaxWorkers = n.most
	for len(p.rooms) < n.most+n.spare {
		p.rooms = append(p.rooms, nil)
	}
	for have := p.opt.Spare; have < n.spare; have++ {
		p.open(true)
	}
	surplus := p.opt.Spare - n.spare
	for _, r := range p.rooms {
		if surplus > 0 && r != nil && r.spare && !r.leaving {
			surplus--
			r.leaving = true
			r.stop(supervisor.Ending{Reason: supervisor.ReasonScale})
		}
	}
	p.opt.Spare = n.spare
	return nil
}

// limitLife sets when m is recycled. Called with mu held.
func (p *Pool) limitLife(m *member) {
	m.retireAt = time.Time{}
	if p.opt.MaxAge > 0 {
		m.retireAt = m.readyAt.Add(p.opt.MaxAge)
		p.expireAt(m.retireAt)
	}
	if p.opt.MaxRequests != m.perLife {
		m.perLife = p.opt.MaxRequests
		m.lifetime = p.lifetime()
	}
}
