package pool

import (
	"context"
	"encoding/json"

	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// refsParams is what mochi.release takes in a worker.
type refsParams struct {
	Refs []string `json:"refs"`
	Conn uint64   `json:"conn"`
}

// Release has a worker let go of a connection's handles, and says how many it
// had. One that calls are waiting for or working on goes behind those calls, as
// it was asked for later than they were.
func (p *Pool) Release(ctx context.Context, conn *rpc.Conn, place rpc.RefPlace, refs []string) (released int, err error) {
	number := uint64(0)
	if conn != nil {
		number = conn.Number
	}
	p.mu.Lock()
	m := p.holder(place)
	if m == nil {
		p.mu.Unlock()
		return 0, nil
	}
	var idle, busy []string
	for _, ref := range refs {
		if p.leases[leaseKey{place, ref}] == nil {
			idle = append(idle, ref)
		} else {
			busy = append(busy, ref)
		}
	}
	p.mu.Unlock()
	behind := p.releaseBehind(conn, place, busy, number)
	if len(idle) > 0 {
		released, err = releaseNow(ctx, m.worker, refsParams{idle, number})
	}
	for range busy {
		select {
		case r := <-behind:
			released += r.count
			if err == nil {
				err = r.err
			}
		case <-ctx.Done():
			return released, context.Cause(ctx)
		}
	}
	return released, err
}

// released is what became of one release.
type released struct {
	count int
	err   error
}

// releaseBehind releases each handle by a call that waits in the handle's line.
func (p *Pool) releaseBehind(conn *rpc.Conn, place rpc.RefPlace, refs []string, number uint64) <-chan released {
	results := make(chan released, len(refs))
	for _, ref := range refs {
		params, _ := json.Marshal(refsParams{[]string{ref}, number}) // strings always marshal
		c := rpc.NewCall("mochi.release", params, rpc.AnswerFunc(func(_ *rpc.Call, result []byte, err *rpc.Error) {
			switch {
			case err == nil:
				n, err := countReleased(result)
				results <- released{n, err}
			case err.Kind() == rpc.KindStaleRef: // it went with its worker
				results <- released{}
			default:
				results <- released{err: err}
			}
		}))
		c.Conn, c.Holder, c.Meta.Ref = conn, &place, ref
		p.Submit(c)
	}
	return results
}

func releaseNow(ctx context.Context, w *supervisor.Worker, params refsParams) (int, error) {
	raw, err := w.Ask(ctx, "mochi.release", params)
	switch kind := rpc.AsError(err).Kind(); {
	case err == nil:
		return countReleased(raw)
	case kind == rpc.KindWorkerLost, kind == rpc.KindPoolUnavailable:
		return 0, nil // they went with their worker
	}
	return 0, err
}

func countReleased(raw []byte) (int, error) {
	var r struct {
		Released int `json:"released"`
	}
	err := json.Unmarshal(raw, &r)
	return r.Released, err
}

// Disconnected frees what a connection that is gone has left in the workers, each
// as soon as its main thread is free. Returns at once.
func (p *Pool) Disconnected(conn uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.members {
		p.part(m, parting{conn: conn})
	}
}

// parting is one thing a worker is to be told to let go of: all handles of a
// connection, or some that its host never heard of.
type parting struct {
	conn uint64
	refs []string
}

// part has m told, after what it is being told already: one goroutine a worker,
// however many hosts leave while it computes. Called with mu held.
func (p *Pool) part(m *member, what parting) {
	if p.closed {
		return // nothing of the pool will be left
	}
	m.partings = append(m.partings, what)
	if len(m.partings) > 1 {
		return
	}
	ctx := p.running
	p.tasks.Go(func() {
		for {
			p.mu.Lock()
			next := m.partings[0]
			p.mu.Unlock()
			// An error means that the worker is gone, or the pool.
			if next.refs != nil {
				_, _ = m.worker.Ask(ctx, "mochi.release", refsParams{next.refs, next.conn})
			} else {
				_, _ = m.worker.Ask(ctx, "mochi.disconnected", map[string]uint64{"conn": next.conn})
			}
			p.mu.Lock()
			m.partings = m.partings[1:]
			last := len(m.partings) == 0
			if last {
				m.partings = nil
			}
			p.mu.Unlock()
			if last {
				return
			}
		}
	})
}

// orphaned lets go of the handles in a result that its host will not get, since
// the call's deadline or cancel won, or since it is a notification.
func (p *Pool) orphaned(w *supervisor.Worker, c *rpc.Call, result []byte) {
	if c.Conn == nil || !rpc.HoldsRefs(result) || c.Meta.Returns != "ref" && c.Meta.Encoding != "tagged" {
		return
	}
	var refs []string
	rpc.EachRef(result, func(id string) bool {
		refs = append(refs, id)
		return true
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	if m := p.memberOf(w); m != nil {
		p.part(m, parting{c.Conn.Number, refs})
	}
}

// handles counts the objects that the pool's workers hold for hosts. Called with
// mu held.
func (p *Pool) handles() (n int) {
	for _, m := range p.members {
		n += m.worker.Handles()
	}
	return n
}
