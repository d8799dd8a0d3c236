package pool

import (
	"context"
	"slices"

	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// Restart replaces the worker of a slot, or of all slots one after another
// (slot -1). Soft: the successor is ready before the old one drains. Hard: the
// old one is killed first.
func (p *Pool) Restart(ctx context.Context, slot int, hard bool) error {
	chosen := p.slots()
	if slot >= 0 {
		chosen = slices.DeleteFunc(chosen, func(s *supervisor.Slot) bool { return s.Number() != slot })
		if len(chosen) == 0 {
			return rpc.Errorf(rpc.KindInvalidParams, "pool %s has no slot %d: mochi-pyd ps shows those it has", p.opt.Name, slot)
		}
	}
	_, err := p.replace(ctx, chosen, supervisor.ReasonRestart, hard)
	return err
}

// Reload has new workers load the code as it is now: a soft restart of every
// slot, one after another. The first that does not start ends it, and the old
// workers that are left go on; replaced is how many are new.
//
// The first slot's is the canary: no old worker drains before one with the new
// code is ready. Code that comes up once and not again is found later, when an
// old worker is gone already; then both generations serve and the error says so.
// The first cannot be rolled back: what it ran is no longer on the disk, and the
// process that had it in memory has ended. What is rejected: all successors
// before the first drains, which needs twice the memory at each reload to
// guard against what is rare; and refusing calls until all are of one kind.
func (p *Pool) Reload(ctx context.Context) (replaced int, err error) {
	return p.replace(ctx, p.slots(), supervisor.ReasonReload, false)
}

// replace gives each slot a new worker in turn, until one cannot have it. A
// slot that ended meanwhile, because an elastic pool shrank, needs none.
func (p *Pool) replace(ctx context.Context, chosen []*supervisor.Slot, reason supervisor.Reason, hard bool) (replaced int, err error) {
	if p.opt.Nursery != nil {
		p.opt.Nursery.Renew() // the new workers load the code as it is now
	}
	for _, s := range chosen {
		answer := s.Restart(reason, hard)
		unhurried := p.hurry(s.Number())
		err := p.await(ctx, answer)
		unhurried()
		switch {
		case err == nil:
			replaced++
		case len(chosen) > 1 && rpc.AsError(err).Kind() == rpc.KindShuttingDown && p.context().Err() == nil:
		default:
			return replaced, err
		}
	}
	return replaced, nil
}

// await waits for a slot's answer.
func (p *Pool) await(ctx context.Context, answer <-chan error) error {
	select {
	case err := <-answer:
		return err
	case <-p.done:
		return shuttingDown(p.opt.Name)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// haste is somebody who waits for a slot's new worker, and will not wait out a
// backoff besides: he says that the cause is mended, and one attempt tells. It
// is the slot's alone: were the next start let through whosesoever it is, that
// of a slot beside it would use the haste up, fail, and leave the one that was
// asked for to wait longer than before.
type haste struct {
	slot   int
	starts int // let through at once, at most
}

// hastyStarts is one for a start of the slot's own that was under way when it
// was asked, and one for the answer. More would be a loop: the answer may take
// as long as an old worker drains.
const hastyStarts = 2

func (p *Pool) hurry(slot int) (unhurried func()) {
	h := &haste{slot, hastyStarts}
	p.mu.Lock()
	p.hasty = append(p.hasty, h)
	p.unlock() // who waits at the gate looks again
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.hasty = slices.DeleteFunc(p.hasty, func(x *haste) bool { return x == h })
	}
}

// hasteFor is who lets the slot start at once; nil: nobody. Called with mu held.
func (p *Pool) hasteFor(slot int) *haste {
	i := slices.IndexFunc(p.hasty, func(h *haste) bool { return h.slot == slot && h.starts > 0 })
	if i < 0 {
		return nil
	}
	return p.hasty[i]
}

// context is Run's. A slot exists only while it runs.
func (p *Pool) context() context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.running
}
