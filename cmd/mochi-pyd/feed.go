package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mochilang/mochi-pyd/internal/sock"
	"github.com/mochilang/mochi-pyd/rpc"
)

// follow asks the operators' socket for a stream and gives its items as they
// come, until the daemon ends or ctrl-C.
func (a *app) follow(ctx context.Context, method string, params map[string]any, take func(json.RawMessage) error) error {
	path, err := a.controlPath()
	if err != nil {
		return err
	}
	conn, err := sock.Dial(ctx, path)
	if err != nil {
		return err
	}
	client := rpc.NewClientOf(conn, answerLimit)
	defer client.Close()
	params["follow"] = true
	for item, err := range client.Stream(ctx, method, params) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var remote *rpc.Error
		switch {
		case errors.As(err, &remote):
			return remote
		case err != nil:
			return exitf(exitUnreachable, "the daemon at %s went away: look at its log", path)
		}
		if err := take(item); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(a.err, "mochi-pyd: the daemon has ended")
	return err
}
