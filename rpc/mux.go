package rpc

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"sync"
)

// Func is a method written in Go. params is raw JSON, nil when there were
// none. ctx ends when the call is cancelled. The result is encoded as JSON; an
// *Error goes to the host as it is, any other error as -32603 internal.
type Func func(ctx context.Context, params json.RawMessage) (any, error)

// Mux is a Handler for methods written in Go: a map of names. Each call runs on
// a goroutine of its own, which is what Handle's rule of never blocking asks.
type Mux struct {
	mu      sync.RWMutex
	funcs   map[string]Func
	running sync.WaitGroup
}

// NewMux makes an empty one.
func NewMux() *Mux { return &Mux{funcs: make(map[string]Func)} }

// Func adds a method, or replaces it.
func (m *Mux) Func(name string, f Func) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.funcs[name] = f
}

// Handle starts the call's method.
func (m *Mux) Handle(c *Call) {
	m.mu.RLock()
	f := m.funcs[c.Method]
	m.mu.RUnlock()
	if f == nil {
		c.Fail(Errorf(KindMethodNotFound, "there is no method %q", c.Method))
		return
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	if cause := c.HeldBy(cancelFunc(cancel)); cause != nil {
		cancel(cause)
		c.Fail(cause)
		return
	}
	m.running.Go(func() {
		defer cancel(nil)
		result, err := invoke(ctx, f, c.Params)
		switch {
		case err == nil:
			c.Reply(result)
		case c.Cancelled() != nil && ctx.Err() != nil:
			c.Fail(c.Cancelled().With("started", true))
		default:
			c.Fail(err)
		}
	})
}

// Wait returns when no method runs.
func (m *Mux) Wait() { m.running.Wait() }

// cancelFunc is a Canceller that ends a context.
type cancelFunc context.CancelCauseFunc

func (f cancelFunc) CancelCall(_ *Call, cause *Error) { f(cause) }

func invoke(ctx context.Context, f Func, params json.RawMessage) (raw json.RawMessage, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = panicked(r)
		}
	}()
	result, err := f(ctx, params)
	if err != nil {
		return nil, err
	}
	if raw, err = encode(result); err != nil {
		return nil, Errorf(KindNotSerializable, "the result cannot be written as JSON: %v", err)
	}
	return raw, nil
}

// panicked is the answer of a call whose handler panicked. The stack goes with
// it: this floor has no log, and nobody else will see it.
func panicked(r any) *Error {
	const enough = 4 << 10
	stack := debug.Stack()
	return NewError(KindInternal, fmt.Sprintf("the handler panicked: %v", r),
		Fields{"stack": string(stack[:min(len(stack), enough)])})
}
