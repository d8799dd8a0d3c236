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
func (p *Pool) Reload(ctx context.Context) (replaced int, err error) {
	return p.replace(ctx, p.slots(), supervisor.ReasonReload, false)
}

// replace gives each slot a new worker in turn, until one cannot have it. A
// slot that ended meanwhile, because an elastic pool shrank, needs none.
func (p *Pool) replace(ctx context.Context, chosen []*supervisor.Slot, reason supervisor.Reason, hard bool) (replaced int, err error) {
	p.mu.Lock()
	p.circuit.hurry()
	p.unlock()
	for _, s := range chosen {
		select {
		case err := <-s.Restart(reason, hard):
			switch {
			case err == nil:
				replaced++
			case len(chosen) > 1 && rpc.AsError(err).Kind() == rpc.KindShuttingDown && p.context().Err() == nil:
			default:
				return replaced, err
			}
		case <-p.done:
			return replaced, shuttingDown(p.opt.Name)
		case <-ctx.Done():
			return replaced, ctx.Err()
		}
	}
	return replaced, nil
}

// context is Run's. A slot exists only while it runs.
func (p *Pool) context() context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.running
}
