package main

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/mochilang/mochi-pyd/rpc"
)

// client is one connection of the demo's host.
type client struct{ rpc *rpc.Client }

func dial(ctx context.Context, socket string) (*client, error) {
	c, err := rpc.Dial(ctx, socket)
	if err != nil {
		return nil, err
	}
	return &client{c}, nil
}

func (c *client) call(ctx context.Context, method string, params any) (json.RawMessage, error) {
	var result json.RawMessage
	err := c.rpc.Call(ctx, method, params, &result)
	return result, err
}

func (c *client) close() { _ = c.rpc.Close() } // the demo has read every answer by then

// kindOf is data.kind of an error that the daemon answered.
func kindOf(err error) string {
	if e, ok := errors.AsType[*rpc.Error](err); ok {
		return string(e.Kind())
	}
	return "no answer"
}
