package supervisor

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/mochilang/mochi-pyd/rpc"
)

// ask is a question to the runtime itself. There is one at a time, on a seat
// of its own; who gives up waiting leaves it there until it is answered.
type ask struct {
	method string
	answer chan askAnswer // buffered: the reader never waits for who asked
}

type askAnswer struct {
	result json.RawMessage
	err    *rpc.Error
}

// Ask calls one of the runtime's own methods ("mochi.describe", "mochi.ping")
// outside the owner's calls. params may be nil.
func (w *Worker) Ask(ctx context.Context, method string, params any) (json.RawMessage, error) {
	var raw []byte
	if params != nil {
		var err error
		if raw, err = json.Marshal(params); err != nil {
			return nil, fmt.Errorf("write the params of %s: %w", method, err)
		}
	}
	select {
	case w.asking <- struct{}{}:
	case <-w.done:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	a := &ask{method: method, answer: make(chan askAnswer, 1)}
	if !w.link.question(a, method, raw) {
		select {
		case <-w.asking:
		default: // the worker is gone, and we never held the turn
		}
		return nil, rpc.Errorf(rpc.KindPoolUnavailable, "worker %s is %s and answers no %s", w.ID(), w.State(), method)
	}
	select {
	case r := <-a.answer:
		if r.err != nil {
			return nil, r.err
		}
		return r.result, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// answered gives the answer to who asked and lets the next one ask.
func (w *Worker) answered(a *ask, result json.RawMessage, err *rpc.Error) {
	a.answer <- askAnswer{result: result, err: err}
	<-w.asking
}
