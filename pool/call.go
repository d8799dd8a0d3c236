package pool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mochilang/mochi-pyd/rpc"
)

// outcome is the one answer to a Call.
type outcome struct {
	result json.RawMessage
	err    *rpc.Error
}

// waiter hands the answer to the goroutine that waits for it.
type waiter chan outcome

// AnswerCall keeps a copy: result is the reader's.
func (w waiter) AnswerCall(_ *rpc.Call, result []byte, err *rpc.Error) {
	w <- outcome{append(json.RawMessage(nil), result...), err}
}

// Call calls a function and waits for its answer. params and meta (see rpc.Meta)
// are raw JSON, or nil. It is Submit for programs that have nothing else to do
// meanwhile: the goroutine looks for the answer for a moment before it sleeps
// (unless BusyPoll is off), which saves most of a quick call's time.
//
// The function's exception and the pool's refusals are an *rpc.Error in the
// chain. When ctx ends first the call is cancelled; Call returns when it has
// ended, with ctx's cause.
func (p *Pool) Call(ctx context.Context, function string, params, meta json.RawMessage) (json.RawMessage, error) {
	w := make(waiter, 1)
	c := rpc.NewCall(function, params, w)
	if len(meta) > 0 {
		c.RawMeta = meta
		if err := json.Unmarshal(meta, &c.Meta); err != nil {
			return nil, fmt.Errorf("call %s: %w", function, err)
		}
	}
	p.Submit(c)
	if p.opt.BusyPoll >= 0 {
		rpc.Look(func() bool { return len(w) > 0 })
	}
	var a outcome
	select {
	case a = <-w:
	case <-ctx.Done():
		c.Cancel(rpc.Errorf(rpc.KindRequestCancelled, "the call was cancelled"))
		if a = <-w; a.err != nil && a.err.Kind() == rpc.KindRequestCancelled {
			return nil, fmt.Errorf("call %s: %w", function, errors.Join(context.Cause(ctx), a.err))
		}
	}
	if a.err != nil {
		return nil, fmt.Errorf("call %s: %w", function, a.err)
	}
	return a.result, nil
}
