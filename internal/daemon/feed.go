package daemon

import (
	"context"
	"fmt"

	"github.com/mochilang/mochi-pyd/rpc"
)

// feed is a stream of ours to an operator: $/progress as a generator's items are,
// as far as the operator's credit goes.
type feed struct {
	call    *rpc.Call
	sent    uint64
	credit  uint64 // items that may still go
	bytes   int    // that may still go
	granted chan uint64
}

// newFeed begins one, for a call that asked for a stream.
func newFeed(c *rpc.Call) (*feed, *rpc.Error) {
	if !c.Meta.Stream {
		return nil, rpc.NewError(rpc.KindInvalidParams, c.Method+": follow needs a stream to follow on: set meta.stream", rpc.Fields{"argument": "follow"})
	}
	return &feed{call: c, credit: rpc.StartItems, bytes: rpc.StartBytes, granted: make(chan uint64, 1)}, nil
}

// GiveCredit is the host's.
func (f *feed) GiveCredit(_ *rpc.Call, n uint64) { f.granted <- n }

// send sends one item, and waits for credit before it where there is none.
func (f *feed) send(ctx context.Context, item any) error {
	raw, err := marshal(item)
	if err != nil {
		return err
	}
	for f.credit == 0 || f.bytes <= 0 {
		n, ok := f.call.AskCredit(f, f.credit > 0)
		if !ok {
			select {
			case n = <-f.granted:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		f.credit += n
		f.bytes = rpc.StartBytes
	}
	f.credit--
	f.bytes -= len(raw)
	items := append(append([]byte{'['}, raw...), ']')
	rest := fmt.Appendf(nil, `"seq":%d,"items":%s`, f.sent, items)
	if err := f.call.Items(nil, rest, items, f.sent, 1); err != nil {
		return err
	}
	f.sent++
	return nil
}

// end is the answer behind the items.
func (f *feed) end() any { return map[string]uint64{"count": f.sent} }

// follow sends what a ring gets, until the daemon ends or the operator has
// enough. What one missed who is slower than the ring is told as an item of its
// own, that lost makes.
func follow[T any](ctx, ending context.Context, f *feed, r *ring[T], from uint64, wanted func(T) bool, lost func(uint64) any) error {
	for {
		items, missed, next, changed := r.since(from)
		from = next
		if missed > 0 {
			if err := f.send(ctx, lost(missed)); err != nil {
				return err
			}
		}
		for _, item := range items {
			if !wanted(item) {
				continue
			}
			if err := f.send(ctx, item); err != nil {
				return err
			}
		}
		select {
		case <-changed:
			continue
		case <-ctx.Done():
			return ctx.Err()
		case <-ending.Done():
		}
		if items, _, _, _ := r.since(from); len(items) == 0 {
			return nil
		}
	}
}
