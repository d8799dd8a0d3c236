package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"sync"

	"github.com/sourcegraph/jsonrpc2"
)

const (
	// clientWindow is how many items a stream's client may have waiting, and
	// clientRoom about how many bytes: it grants while what it grants, at the
	// size that items have had, fits that.
	clientWindow = 1024
	clientRoom   = StartBytes
)

// errItemsLost: a stream's items did not come in order.
var errItemsLost = errors.New("rpc: items of the stream are missing: one of them was over the client's limit for a message")

// Stream calls a generator and gives its items as they come. They are raw JSON,
// the caller's to keep. Credit is given as they are taken, so a slow reader
// slows the function down and fills no memory. The last pair has the error of
// the call, if it failed; items that came before stay good. Leaving the loop
// cancels the call, as the end of ctx does. What is no generator gives its one
// result as the only item, unless that is {"count":0}, the end of an empty stream.
func (c *Client) Stream(ctx context.Context, method string, params any, opts ...CallOption) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		if err := c.stream(ctx, method, params, yield, opts); err != nil {
			yield(nil, err)
		}
	}
}

// StreamOf is Stream with its items decoded.
func StreamOf[T any](ctx context.Context, c *Client, method string, params any, opts ...CallOption) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for raw, err := range c.Stream(ctx, method, params, opts...) {
			var item T
			if err == nil {
				if err = json.Unmarshal(raw, &item); err != nil {
					err = fmt.Errorf("rpc: an item of %s: %w", method, err)
				}
			}
			if !yield(item, err) || err != nil {
				return
			}
		}
	}
}

// stream runs the loop. Its error is still to be yielded.
func (c *Client) stream(ctx context.Context, method string, params any, yield func(json.RawMessage, error) bool, opts []CallOption) error {
	raw, err := encode(params)
	if err != nil {
		return fmt.Errorf("rpc: the params of %s: %w", method, err)
	}
	o := collect(opts)
	if o.meta == nil {
		o.meta = &Meta{}
	}
	o.meta.Stream = true
	in := &inbox{more: make(chan struct{}, 1), report: o.report}
	id := c.last.Add(1)
	c.heard.add(id, in)
	defer c.heard.remove(id)
	w, err := c.conn.DispatchCall(ctx, method, orNil(raw), append(o.list(), jsonrpc2.PickID(jsonrpc2.ID{Num: id}))...)
	if err != nil {
		return callError(method, err)
	}
	gone, ended := context.WithCancel(context.Background())
	defer ended()
	go func() { // ends with the answer, or the connection, or the loop
		var result json.RawMessage
		err := w.Wait(gone, &result)
		if gone.Err() == nil {
			in.end(result, err)
		}
	}()
	left := true // the call runs, as far as we know
	defer func() {
		if left {
			_ = c.conn.Notify(context.WithoutCancel(ctx), "$/cancelRequest", map[string]any{"id": id})
		}
	}()
	grants := granter{outstanding: StartItems}
	for {
		items, result, done, err := in.take(ctx)
		for _, item := range items {
			if !yield(item, nil) {
				return nil
			}
			if n := grants.taken(len(item)); n > 0 && !done {
				// That the connection is gone, Wait says.
				_ = c.conn.Notify(ctx, "$/credit", map[string]any{"token": id, "n": n})
			}
		}
		switch {
		case ctx.Err() != nil && !done:
			return fmt.Errorf("rpc: %s: %w", method, context.Cause(ctx))
		case errors.Is(err, errItemsLost):
			return fmt.Errorf("rpc: %s: %w", method, err)
		case done:
			left = false
			if err == nil && !in.streamed(result) {
				yield(result, nil)
			}
			return callError(method, err)
		}
	}
}

// inbox holds what a call has said and its caller has not taken. It is bounded
// by the credit that the caller has given.
type inbox struct {
	report func(Report) // nil: reports are not wanted
	more   chan struct{}

	mu     sync.Mutex
	items  []json.RawMessage
	next   uint64 // number of the item that is due
	done   bool
	result json.RawMessage
	err    error
}

// take waits for something new.
func (in *inbox) take(ctx context.Context) (items []json.RawMessage, result json.RawMessage, done bool, err error) {
	for {
		in.mu.Lock()
		items, in.items = in.items, nil
		result, done, err = in.result, in.done, in.err
		in.mu.Unlock()
		if len(items) > 0 || done || err != nil {
			return items, result, done, err
		}
		select {
		case <-in.more:
		case <-ctx.Done():
			return nil, nil, false, nil
		}
	}
}

// put takes items from a message; it keeps no bytes of it.
func (in *inbox) put(seq uint64, raw []byte) {
	c := cursor{line: bytes.Clone(raw)}
	in.mu.Lock()
	defer in.mu.Unlock()
	if seq != in.next && in.err == nil {
		in.err = errItemsLost
	}
	if c.next() != '[' || c.open() != nil || c.next() == ']' {
		return
	}
	for more := true; more; {
		item, err := c.value()
		if err != nil {
			return
		}
		in.items = append(in.items, item[:len(item):len(item)])
		in.next++
		if more, err = c.more(false); err != nil {
			return
		}
	}
	in.wake()
}

func (in *inbox) end(result json.RawMessage, err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.result, in.done = result, true
	if in.err == nil {
		in.err = err
	}
	in.wake()
}

// streamed says whether result is the end of a stream, and not what a function
// gave that is no generator.
func (in *inbox) streamed(result json.RawMessage) bool {
	var end map[string]json.RawMessage
	if json.Unmarshal(result, &end) != nil || len(end) != 1 {
		return false
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	return string(end["count"]) == fmt.Sprint(in.next)
}

func (in *inbox) wake() {
	select {
	case in.more <- struct{}{}:
	default: // it has one waiting
	}
}

// granter decides when to give credit, and how much. Half of the window is given
// at a time: a credit for each item would be a message for each.
type granter struct {
	outstanding int // items that are granted and not taken
	items       int // taken since the last grant
	bytes       int
}

// taken notes one item; n is what to grant now.
func (g *granter) taken(size int) (n int) {
	g.outstanding--
	g.items++
	g.bytes += size
	window := StartItems
	// The window grows while twice of it fits the room, so that small items come
	// without pauses and big ones do not pile up.
	for mean := g.bytes/g.items + 1; window < clientWindow && 2*window*mean <= clientRoom; {
		window *= 2
	}
	if g.items < StartItems/2 && g.bytes < clientRoom/2 || g.outstanding > window/2 && g.bytes < clientRoom/2 {
		return 0
	}
	n = max(window-g.outstanding, 1)
	g.outstanding += n
	g.items, g.bytes = 0, 0
	return n
}

// heard is who hears what calls say before their answers, by id.
type heard struct {
	mu   sync.Mutex
	byID map[uint64]*inbox
}

func (h *heard) add(id uint64, in *inbox) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.byID == nil {
		h.byID = make(map[uint64]*inbox)
	}
	h.byID[id] = in
}

func (h *heard) remove(id uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.byID, id)
}

// progressMark is in every $/progress line, and hardly in any other.
var progressMark = []byte(`"$/progress"`)

// take takes a line if it is a $/progress, so that jsonrpc2 need not read it:
// that would cost more than all else about an item.
func (h *heard) take(line []byte) bool {
	if !bytes.Contains(line[:min(len(line), progressWithin)], progressMark) {
		return false
	}
	m, err := ScanReply(line)
	if err != nil || string(m.Method) != "$/progress" || m.ID != nil {
		return false
	}
	var p struct {
		Token uint64
		Value struct {
			Seq        uint64
			Items      json.RawMessage
			Kind       string
			Percentage *float64
			Message    string
		}
	}
	if !quickProgress(m.Params, &p.Token, &p.Value.Seq, &p.Value.Items) && json.Unmarshal(m.Params, &p) != nil {
		return true // of something that we did not ask for
	}
	h.mu.Lock()
	in := h.byID[p.Token]
	h.mu.Unlock()
	switch {
	case in == nil:
	case p.Value.Items != nil:
		in.put(p.Value.Seq, p.Value.Items)
	case p.Value.Kind == "report" && in.report != nil:
		in.report(Report{Percentage: p.Value.Percentage, Message: p.Value.Message})
	}
	return true
}

// progressWithin is how far into a line the method stands, as our server writes
// it.
const progressWithin = 64

// quickProgress cuts params that are written as our server writes them.
func quickProgress(params []byte, token, seq *uint64, items *json.RawMessage) bool {
	rest := params
	for _, m := range [...]struct {
		before string
		number *uint64
	}{{`{"token":`, token}, {`,"value":{"seq":`, seq}} {
		var ok bool
		if rest, ok = bytes.CutPrefix(rest, []byte(m.before)); !ok {
			return false
		}
		end := digits(rest, 0)
		if *m.number, ok = LinkID(rest[:end]); !ok {
			return false
		}
		rest = rest[end:]
	}
	rest, ok := bytes.CutPrefix(rest, []byte(`,"items":`))
	if !ok || len(rest) < len("[]}}") {
		return false
	}
	*items = json.RawMessage(rest[:len(rest)-len("}}")])
	return true
}
