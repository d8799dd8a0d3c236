package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"slices"
	"sync/atomic"

	"github.com/sourcegraph/jsonrpc2"
)

// ErrClosed is what a call gets when its connection is closed, before or while
// it waits. Whether the function ran is then unknown.
var ErrClosed = errors.New("rpc: the connection is closed")

// Client calls functions over one connection. It may be used by any number of
// goroutines; their calls are pipelined.
//
// It is built on jsonrpc2.Conn, which is a good client. As a server that type
// rewrites params and closes without a word on bad input, so Server is our own.
type Client struct {
	conn *jsonrpc2.Conn
	last atomic.Uint64 // ids are 1, 2, 3…

	heard  heard  // who hears $/progress
	offers offers // callbacks
}

// Dial connects to a daemon's socket.
func Dial(ctx context.Context, socket string) (*Client, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, fmt.Errorf("rpc: %w", err)
	}
	return NewClient(conn), nil
}

// NewClient speaks over rwc and owns it: Close closes it, and must release a
// blocked Read.
func NewClient(rwc io.ReadWriteCloser) *Client { return NewClientOf(rwc, 0) }

// NewClientOf is NewClient with the longest line it takes or sends, in bytes (0:
// DefaultMaxMessage), for a server whose max-message is another.
func NewClientOf(rwc io.ReadWriteCloser, maxMessage int) *Client {
	c := &Client{}
	lines := newLineStream(rwc, maxMessage)
	lines.aside = c.heard.take
	c.conn = jsonrpc2.NewConn(
		context.Background(), lines, &c.offers,
		jsonrpc2.SetLogger(log.New(io.Discard, "", 0)), // this floor does not log; what matters is returned
	)
	return c
}

// CallOption changes one call.
type CallOption func(*callOptions)

type callOptions struct {
	meta   *Meta
	report func(Report)
}

// WithMeta sends the per-call options.
func WithMeta(m Meta) CallOption { return func(o *callOptions) { o.meta = &m } }

// with adds to the options that a caller gave.
func with(opts []CallOption, change func(*Meta)) []CallOption {
	return append(slices.Clip(opts), func(o *callOptions) {
		var m Meta
		if o.meta != nil {
			m = *o.meta
		}
		change(&m)
		o.meta = &m
	})
}

// Call calls method and decodes its result into result (a pointer; nil to drop
// it). params is encoded as JSON: a slice for positional arguments, a struct or
// map for keyword ones, nil for none.
//
// An error that the server answered is an *Error in the chain, with its code,
// message and data. When ctx ends first the call is cancelled at the server and
// ctx's error returned.
func (c *Client) Call(ctx context.Context, method string, params, result any, opts ...CallOption) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("rpc: %s: %w", method, err)
	}
	raw, err := encode(params)
	if err != nil {
		return fmt.Errorf("rpc: the params of %s: %w", method, err)
	}
	id := jsonrpc2.ID{Num: c.last.Add(1)}
	o := collect(opts)
	defer c.hear(id.Num, &o)()
	w, err := c.conn.DispatchCall(ctx, method, orNil(raw), append(o.list(), jsonrpc2.PickID(id))...)
	if err != nil {
		return callError(method, err)
	}
	err = w.Wait(ctx, result)
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		// The answer that still comes is dropped by its id. An error here
		// means that the connection is gone, and the call with it.
		_ = c.conn.Notify(context.WithoutCancel(ctx), "$/cancelRequest", map[string]any{"id": id})
	}
	return callError(method, err)
}

// Notify calls method and waits for nothing: the server never answers.
func (c *Client) Notify(ctx context.Context, method string, params any, opts ...CallOption) error {
	raw, err := encode(params)
	if err != nil {
		return fmt.Errorf("rpc: the params of %s: %w", method, err)
	}
	o := collect(opts)
	return callError(method, c.conn.Notify(ctx, method, orNil(raw), o.list()...))
}

// Close ends the connection; calls that wait get ErrClosed. A second Close
// does nothing.
func (c *Client) Close() error {
	if err := c.conn.Close(); err != nil && !errors.Is(err, jsonrpc2.ErrClosed) {
		return fmt.Errorf("rpc: close: %w", err)
	}
	return nil
}

// Closed is closed when the connection is, whoever ended it.
func (c *Client) Closed() <-chan struct{} { return c.conn.DisconnectNotify() }

// callError turns jsonrpc2's errors into ours.
func callError(method string, err error) error {
	var remote *jsonrpc2.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &remote):
		e := &Error{Code: int(remote.Code), Message: remote.Message}
		if remote.Data != nil {
			e.Data = *remote.Data
		}
		return fmt.Errorf("rpc: %s: %w", method, e)
	case errors.Is(err, jsonrpc2.ErrClosed), errors.Is(err, ErrSenderClosed):
		return fmt.Errorf("rpc: %s: %w", method, ErrClosed)
	}
	return fmt.Errorf("rpc: %s: %w", method, err)
}

// orNil: jsonrpc2 leaves params out for a nil interface only.
func orNil(raw json.RawMessage) any {
	if raw == nil {
		return nil
	}
	return raw
}
