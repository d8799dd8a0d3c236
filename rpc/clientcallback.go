package rpc

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/sourcegraph/jsonrpc2"
)

// CallbackFunc answers a callback. args is a raw JSON array, kwargs a raw
// object. An *Error goes to the function as it is, any other error as -32603
// internal. ctx ends with the connection.
type CallbackFunc func(ctx context.Context, args, kwargs json.RawMessage) (any, error)

// CallbackArg is an argument that the called function can call: the name given
// to OnCallback. It wants the tagged encoding (Meta.Encoding).
type CallbackArg string

// MarshalJSON writes {"$callback":"name"}.
func (a CallbackArg) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"$callback": string(a)})
}

// OnCallback offers a function to the functions that are called by this client.
// f runs on a goroutine of its own and may make further calls. A nil f takes
// the offer back.
func (c *Client) OnCallback(name string, f CallbackFunc) {
	c.offers.mu.Lock()
	defer c.offers.mu.Unlock()
	if c.offers.byName == nil {
		c.offers.byName = make(map[string]CallbackFunc)
	}
	if c.offers.byName[name] = f; f == nil {
		delete(c.offers.byName, name)
	}
}

// offers answers the requests that the server sends: callbacks and nothing else.
type offers struct {
	mu     sync.Mutex
	byName map[string]CallbackFunc
}

// Handle never waits: it is called by who reads the connection.
func (o *offers) Handle(ctx context.Context, conn *jsonrpc2.Conn, r *jsonrpc2.Request) {
	if r.Notif {
		return
	}
	var p struct {
		Callback     string
		Args, Kwargs json.RawMessage
	}
	if r.Method != "mochi.callback" || r.Params == nil || json.Unmarshal(*r.Params, &p) != nil {
		o.refuse(ctx, conn, r.ID, Errorf(KindMethodNotFound, "this client offers no method %q", r.Method))
		return
	}
	o.mu.Lock()
	f := o.byName[p.Callback]
	o.mu.Unlock()
	if f == nil {
		o.refuse(ctx, conn, r.ID, Errorf(KindMethodNotFound, "this client offers no callback %q: name it with OnCallback", p.Callback))
		return
	}
	go func() { // bounded by the server's MaxCallbacks
		result, err := invoke(ctx, func(ctx context.Context, _ json.RawMessage) (any, error) {
			return f(ctx, p.Args, p.Kwargs)
		}, nil)
		if err != nil {
			o.refuse(ctx, conn, r.ID, AsError(err))
			return
		}
		if result == nil {
			result = nullID
		}
		if err := conn.Reply(ctx, r.ID, result); err != nil && ctx.Err() == nil {
			o.refuse(ctx, conn, r.ID, Errorf(KindTooLarge, "the callback's result cannot be sent: %v", err))
		}
	}()
}

// refuse answers with an error. That the connection is gone is no news here.
func (o *offers) refuse(ctx context.Context, conn *jsonrpc2.Conn, id jsonrpc2.ID, e *Error) {
	remote := &jsonrpc2.Error{Code: int64(e.Code), Message: e.Message}
	if len(e.Data) > 0 {
		remote.Data = &e.Data
	}
	_ = conn.ReplyWithError(ctx, id, remote)
}

// WithProgress asks the called function for its reports of progress. report is
// called by who reads the connection: it must not wait, and may make no call.
func WithProgress(report func(Report)) CallOption {
	return func(o *callOptions) { o.report = report }
}

// collect gathers the options of one call.
func collect(opts []CallOption) callOptions {
	var o callOptions
	for _, set := range opts {
		set(&o)
	}
	if o.report != nil {
		m := Meta{}
		if o.meta != nil {
			m = *o.meta
		}
		m.Progress = true
		o.meta = &m
	} else if o.meta != nil {
		m := *o.meta // Stream writes to it
		o.meta = &m
	}
	return o
}

// list is the options as jsonrpc2 takes them.
func (o *callOptions) list() []jsonrpc2.CallOption {
	if o.meta == nil {
		return nil
	}
	return []jsonrpc2.CallOption{jsonrpc2.Meta(*o.meta)}
}

// hear has the reports of the call with this id heard until the returned
// function is called.
func (c *Client) hear(id uint64, o *callOptions) func() {
	if o.report == nil {
		return func() {}
	}
	c.heard.add(id, &inbox{report: o.report, more: make(chan struct{}, 1)})
	return func() { c.heard.remove(id) }
}
