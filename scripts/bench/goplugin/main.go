// Command goplugin is the Go host of the peers that speak gRPC: it drives a
// grpcio server over a Unix socket, or a Python program as a go-plugin, and is
// itself driven by the benchmark (scripts/bench/drive.go). It is a module of its
// own, so that what it needs is in nobody else's.
//
//	goplugin grpc PYTHON SCRIPT SOCKET
//	goplugin plugin PYTHON SCRIPT SOCKET
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/mochilang/mochi-pyd/scripts/bench/goplugin/add"
)

// host is an open connection and who serves it.
type host struct {
	adder *add.Client
	pid   int
	close func()
}

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		say(map[string]any{"failed": err.Error()})
	}
}

func run(ctx context.Context, args []string) error {
	open := map[string]func(ctx context.Context, python, script, socket string) (*host, error){"grpc": dial, "plugin": launch}
	if len(args) != 4 || open[args[0]] == nil {
		return fmt.Errorf("usage: goplugin grpc|plugin PYTHON SCRIPT SOCKET")
	}
	h, err := open[args[0]](ctx, args[1], args[2], args[3])
	if err != nil {
		return err
	}
	defer h.close()
	say(map[string]any{"pids": map[string][]int{"server": {h.pid}}})
	orders := bufio.NewReader(os.Stdin)
	for {
		line, err := orders.ReadBytes('\n')
		if err != nil {
			return nil // nobody gives orders any more
		}
		var o struct{ Calls, Depth int }
		if err := json.Unmarshal(line, &o); err != nil {
			return fmt.Errorf("an order that is none: %q", line)
		}
		say(h.turn(ctx, o.Calls, o.Depth))
	}
}

func say(message any) {
	if err := json.NewEncoder(os.Stdout).Encode(message); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

func (h *host) turn(ctx context.Context, calls, depth int) map[string]any {
	started := time.Now()
	if depth == 1 {
		each := make([]int64, 0, calls)
		last := started
		for range calls {
			if err := h.call(ctx); err != nil {
				return map[string]any{"failed": err.Error()}
			}
			now := time.Now()
			each = append(each, int64(now.Sub(last)))
			last = now
		}
		return map[string]any{"calls": calls, "took_ns": int64(last.Sub(started)), "each_ns": each}
	}
	share := max(calls/depth, 1)
	failed := make([]error, depth)
	var all sync.WaitGroup
	for i := range depth {
		all.Go(func() {
			for range share {
				if failed[i] = h.call(ctx); failed[i] != nil {
					return
				}
			}
		})
	}
	all.Wait()
	for _, err := range failed {
		if err != nil {
			return map[string]any{"failed": err.Error()}
		}
	}
	return map[string]any{"calls": share * depth, "took_ns": int64(time.Since(started))}
}

func (h *host) call(ctx context.Context) error {
	sum, err := h.adder.Add(ctx, &add.Terms{A: 3, B: 4})
	if err != nil {
		return err
	}
	if sum.GetValue() != 7 {
		return fmt.Errorf("add(3, 4) was answered %d", sum.GetValue())
	}
	return nil
}
