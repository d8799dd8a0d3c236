package rpc

import (
	"context"
	"encoding/json"
	"fmt"
)

// Ref is a handle: an object that stays in its Python worker. It lives until it
// is released, its Client closes, or its worker is gone; then what is asked of
// it is stale_ref. Calls on one Ref are done one after the other, in the order
// they were made.
//
// As an argument of a call in the tagged encoding (Meta.Encoding) it is the
// object itself.
type Ref struct {
	ID   string // "p1.w3.g2.17"
	Type string // "httpx.Response"
	Repr string // of the object when the handle was made, cut short

	client *Client
}

// Ref calls method and keeps its result in the worker.
func (c *Client) Ref(ctx context.Context, method string, params any, opts ...CallOption) (*Ref, error) {
	r := &Ref{client: c}
	if err := c.Call(ctx, method, params, r, with(opts, func(m *Meta) { m.Returns = "ref" })...); err != nil {
		return nil, err
	}
	return r, nil
}

// Bind makes a Ref of a handle that came inside another result.
func (c *Client) Bind(id string) *Ref { return &Ref{ID: id, client: c} }

// Call calls an attribute ("json", "headers.get") or one of the operations
// ("$call", "$iter", "$next", "$enter", "$exit", "$str", "$repr", "$len",
// "$value"), and decodes the result as Client.Call does. An attribute that is
// no function gives its value.
func (r *Ref) Call(ctx context.Context, name string, params, result any, opts ...CallOption) error {
	return r.client.Call(ctx, "$ref."+name, params, result, with(opts, func(m *Meta) { m.Ref = r.ID })...)
}

// Ref is Call that keeps the result in the worker.
func (r *Ref) Ref(ctx context.Context, name string, params any, opts ...CallOption) (*Ref, error) {
	return r.client.Ref(ctx, "$ref."+name, params, with(opts, func(m *Meta) { m.Ref = r.ID })...)
}

// Get gives an attribute's value and calls nothing.
func (r *Ref) Get(ctx context.Context, name string, result any, opts ...CallOption) error {
	return r.Call(ctx, "$get", []any{name}, result, opts...)
}

// Item gives what stands at a key or index.
func (r *Ref) Item(ctx context.Context, key, result any, opts ...CallOption) error {
	return r.Call(ctx, "$item", []any{key}, result, opts...)
}

// Release lets the object go. To release it twice does no harm.
func (r *Ref) Release(ctx context.Context) error { return r.client.Release(ctx, r) }

// Release lets any number of objects go at once.
func (c *Client) Release(ctx context.Context, refs ...*Ref) error {
	ids := make([]string, len(refs))
	for i, r := range refs {
		ids[i] = r.ID
	}
	return c.Call(ctx, "mochi.release", map[string]any{"refs": ids}, nil)
}

// refWire is a handle on the wire.
type refWire struct {
	Ref *refBody `json:"$ref"`
}

type refBody struct {
	ID   string `json:"id"`
	Type string `json:"type,omitempty"`
	Repr string `json:"repr,omitempty"`
}

// MarshalJSON writes the handle as the tagged encoding's argument.
func (r *Ref) MarshalJSON() ([]byte, error) { return json.Marshal(refWire{&refBody{ID: r.ID}}) }

// UnmarshalJSON reads a handle; Client.Bind makes one of its ID that can be called.
func (r *Ref) UnmarshalJSON(raw []byte) error {
	var wire refWire
	if err := json.Unmarshal(raw, &wire); err != nil {
		return fmt.Errorf("rpc: a handle: %w", err)
	}
	if wire.Ref == nil {
		return fmt.Errorf("rpc: %.80s is no handle", raw)
	}
	r.ID, r.Type, r.Repr = wire.Ref.ID, wire.Ref.Type, wire.Ref.Repr
	return nil
}
