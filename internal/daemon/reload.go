package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/mochilang/mochi-pyd/rpc"
)

// Reload is transactional: a worker with the new code is ready before one with
// the old code drains, one slot at a time, so that no call is refused for it;
// and code that does not start leaves the old workers serving, all of them
// when it is the first slot's that fails, and says why.
//
// There are two things on the disk that may have changed: the configuration and
// the code. Asked without a pool's name, mochi.reload is about the
// configuration (reconfigure.go), as a service manager's reload is: it touches
// what changed, and no pool has to be named for that. Nobody can say so of code:
// what a module imports only the module knows, so whoever changed it names the
// pools, or says code for all of them. A daemon without a configuration file has
// nothing but code, so there the name may be left out.
//
// Rejected: configuration and then the code of all, for then a changed timeout
// would cost every pool its workers, and what they hold for their hosts.

// reload is mochi.reload. It answers at once, or with wait when all workers are
// new.
func (d *Daemon) reload(c *rpc.Call) {
	var p struct {
		Pool poolNames `json:"pool"`
		Wait bool      `json:"wait"`
		Code bool      `json:"code"`
	}
	refuse := func(err *rpc.Error) {
		d.observeControl(c, err)
		c.Fail(err)
	}
	if err := bind(c, &p, "pool", "wait", "code"); err != nil {
		refuse(err)
		return
	}
	if len(p.Pool) == 0 && !p.Code && d.config().File != "" {
		d.reloadConfig(c, p.Wait)
		return
	}
	chosen, err := d.chosenOf(p.Pool)
	if err != nil {
		refuse(err)
		return
	}
	d.observeControl(c, nil)
	count := 0
	for _, s := range chosen {
		count += len(s.pool.Stat().Slots)
	}
	rolled := d.onItsOwn(func(ctx context.Context) (any, error) {
		defer d.notify.reloading(ctx, d.pools.summary)()
		n, err := d.reloadPools(ctx, chosen) // the log is told, too
		return map[string]int{"reloaded": n}, err
	})
	if p.Wait {
		d.later(c, rolled)
		return
	}
	reply(c, map[string]int{"reloading": count})
}

// onItsOwn begins work that goes on when who waits for it is gone: half a pool
// with the new code is what nobody asked for. What it gives waits for the end.
func (d *Daemon) onItsOwn(work func(context.Context) (any, error)) func(context.Context) (any, error) {
	type outcome struct {
		value any
		err   error
	}
	ended := make(chan outcome, 1)
	d.work.Go(func() {
		value, err := work(d.hard)
		ended <- outcome{value, err}
	})
	return func(ctx context.Context) (any, error) {
		select {
		case o := <-ended:
			return o.value, o.err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// poolNames are one name or a list of them.
type poolNames []string

// UnmarshalJSON takes both forms.
func (n *poolNames) UnmarshalJSON(raw []byte) error {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		*n = nil
		if one != "" {
			*n = poolNames{one}
		}
		return nil
	}
	var all []string
	if err := json.Unmarshal(raw, &all); err != nil {
		return fmt.Errorf("pool must be a name, or a list of names")
	}
	*n = all
	return nil
}

// chosenOf are the named pools, each once; or, without a name, all that are not
// the failed imports of hosts.
func (d *Daemon) chosenOf(names []string) ([]*served, *rpc.Error) {
	if len(names) == 0 {
		return slices.DeleteFunc(slices.Clone(d.pools.now.Load().all), hopeless), nil
	}
	var out []*served
	for _, name := range names {
		one, err := d.chosen(name)
		if err != nil {
			return nil, err
		}
		for _, s := range one {
			if !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	return out, nil
}

// reloadPools reloads pools beside each other, and says how many workers are
// new.
func (d *Daemon) reloadPools(ctx context.Context, chosen []*served) (int, error) {
	counts := make([]int, len(chosen))
	err := beside(ctx, "reloaded", chosen, func(s *served) (err error) {
		counts[slices.Index(chosen, s)], err = d.reloadPool(ctx, s)
		return err
	})
	all := 0
	for _, n := range counts {
		all += n
	}
	return all, err
}

// reloadPool reloads one pool. Both who asked and the log are told why it could
// not be: in dev mode, or without wait, nobody else hears of it.
func (d *Daemon) reloadPool(ctx context.Context, s *served) (replaced int, err error) {
	s.reloading.Add(1)
	defer s.reloading.Add(-1)
	replaced, err = s.pool.Reload(ctx)
	switch {
	case err == nil:
		d.observeReload(s, replaced, nil)
	case ctx.Err() == nil:
		why := keptOld(s, replaced, rpc.AsError(err))
		err = why
		if why.Kind() == rpc.KindShuttingDown {
			break
		}
		d.observeReload(s, replaced, why)
	}
	return replaced, err
}

// keptOld is why the new code does not serve, with what serves instead.
func keptOld(s *served, replaced int, why *rpc.Error) *rpc.Error {
	ready := s.pool.Stat().Ready
	what := "the old code goes on serving"
	switch {
	case why.Kind() == rpc.KindShuttingDown:
		return why
	case replaced > 0:
		what = fmt.Sprintf("workers already on the new code: %d, and they go on, as what they replaced is gone; the others go on with the old code; mend the new code or put the old one back, and reload again", replaced)
	case ready == 0:
		what = "nothing of it serves"
	}
	return &rpc.Error{Code: why.Code, Message: why.Message + " (" + what + ")", Data: why.Data}
}
