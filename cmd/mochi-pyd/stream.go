package main

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/mochilang/mochi-pyd/internal/sock"
	"github.com/mochilang/mochi-pyd/rpc"
)

// runStream prints items as they come, each with the bytes it came in. There is
// no time after which it gives up waiting: the call's own stands still while our
// output is not read, and only the daemon knows of that.
func (a *app) runStream(ctx context.Context, function string, params json.RawMessage, timeout time.Duration) error {
	path, err := a.hostPath()
	if err != nil {
		return err
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	conn, err := sock.Dial(ctx, path)
	if err != nil {
		return err
	}
	client := rpc.NewClientOf(conn, answerLimit)
	defer client.Close()
	var args any // no params at all must stay none
	if params != nil {
		args = params
	}
	for item, err := range client.Stream(ctx, function, args, rpc.WithMeta(rpc.Meta{Timeout: timeout})) {
		if errors.Is(err, rpc.ErrClosed) {
			return exitf(exitUnreachable, "the daemon at %s went away before the stream ended: look at its log", path)
		}
		if err != nil {
			return a.traceback(err)
		}
		if _, err := a.out.Write(append(item, '\n')); err != nil {
			return err
		}
	}
	return nil
}
