package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/mochilang/mochi-pyd/rpc"
)

// The pools that the calls go to: one worker with every default, one that
// sleeps as soon as it may, two workers, and a module of coroutines.
const (
	poolOne    = "one"
	poolNoPoll = "nopoll"
	poolTwo    = "two"
	poolLoop   = "loop"
	poolCaller = "caller" // of its own: a worker's trial of polling is about who asks it
	poolAttr   = "attr"
)

func callPools() string {
	return poolTable(poolOne, moduleSync, "workers = 1") +
		poolTable(poolNoPoll, moduleSync, "workers = 1", `busy-poll = "0s"`) +
		poolTable(poolTwo, moduleSync, "workers = 2") +
		poolTable(poolLoop, moduleAsync, "workers = 1") +
		poolTable(poolCaller, moduleSync, "workers = 1") +
		poolTable(poolAttr, moduleSync, "workers = 1")
}

// throughDaemon asks in raw lines over the socket.
func throughDaemon(s *server, name, pool string) (*contender, error) {
	c := &contender{name: name, host: hostGo, kind: ours}
	roles, err := s.roles(pool)
	if err != nil {
		return c, err
	}
	conn, err := net.Dial("unix", s.Socket)
	if err != nil {
		return c, fmt.Errorf("connect: %w", err)
	}
	c.ask = newLines(name, conn, conn, pool+".add").ask
	c.cpu, c.close = roles, conn.Close
	return c, nil
}

// manyHosts is several connections that ask at the same time, each with a
// window of its own: calls and depth are each one's.
func manyHosts(s *server, name, pool string, hosts int) (*contender, error) {
	c := &contender{name: name, host: hostGo, kind: ours}
	roles, err := s.roles(pool)
	if err != nil {
		return c, err
	}
	all := make([]*lines, hosts)
	var closers []func() error
	for i := range all {
		conn, err := net.Dial("unix", s.Socket)
		if err != nil {
			return c, errors.Join(fmt.Errorf("connect: %w", err), shut(closers))
		}
		closers = append(closers, conn.Close)
		all[i] = newLines(name, conn, conn, pool+".add")
		all[i].room = hostRoom
	}
	c.cpu = roles
	c.close = func() error { return shut(closers) }
	c.ask = func(ctx context.Context, calls, depth int) (measured, error) {
		each := max(calls/hosts, depth)
		return together(hosts, each, func(i int) error {
			_, err := all[i].ask(ctx, each, depth)
			return err
		})
	}
	return c, nil
}

const hostRoom = 16 << 10 // of a connection's buffer, where there are many

// throughClient asks through rpc.Client, as Go programs do: a goroutine for
// each call in flight.
func throughClient(ctx context.Context, s *server, name, pool string) (*contender, error) {
	c := &contender{name: name, host: hostGo, kind: ours}
	roles, err := s.roles(pool)
	if err != nil {
		return c, err
	}
	client, err := rpc.Dial(ctx, s.Socket)
	if err != nil {
		return c, err
	}
	c.cpu, c.close = roles, client.Close
	c.ask = goroutines(func(ctx context.Context) error {
		var sum int
		if err := client.Call(ctx, pool+".add", []int{3, 4}, &sum); err != nil {
			return err
		}
		return checkSum(sum)
	})
	return c, nil
}

// throughCaller asks through rpc.Caller, as Go programs do that have one call to
// make at a time.
func throughCaller(ctx context.Context, s *server, name, pool string) (*contender, error) {
	c := &contender{name: name, host: hostGo, kind: ours}
	roles, err := s.roles(pool)
	if err != nil {
		return c, err
	}
	caller, err := rpc.DialCaller(ctx, s.Socket)
	if err != nil {
		return c, err
	}
	c.cpu, c.close = roles, caller.Close
	c.ask = func(ctx context.Context, calls, _ int) (measured, error) {
		return oneByOne(calls, func() error {
			sum, err := caller.Call(ctx, pool+".add", directParams, nil)
			if err == nil && string(sum) != "7" {
				err = fmt.Errorf("add(3, 4) was answered %q", sum)
			}
			return err
		})
	}
	return c, nil
}

// throughAttr asks with the function that Mochi calls Python by.
func throughAttr(s *server, name, pool string) (*contender, error) {
	c := &contender{name: name, host: hostGo, kind: ours}
	if err := os.Setenv(rpc.SocketVariable, s.Socket); err != nil { //nolint:forbidigo // rpc.Attr has no other way to be told
		return c, err
	}
	c.ask = func(_ context.Context, calls, _ int) (measured, error) {
		return oneByOne(calls, func() error {
			sum, err := rpc.Attr(pool, "add", 3, 4)
			if err == nil && sum != 7.0 {
				err = fmt.Errorf("add(3, 4) was answered %v", sum)
			}
			return err
		})
	}
	return c, nil
}

func checkSum(sum int) error {
	if sum != 7 {
		return fmt.Errorf("add(3, 4) was answered %d", sum)
	}
	return nil
}
