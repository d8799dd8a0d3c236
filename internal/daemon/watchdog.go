package daemon

import (
	"context"
	"fmt"
	"net"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"

	"github.com/mochilang/mochi-pyd/rpc"
)

// feedings are how often in WatchdogSec= the daemon proves that it lives. Two
// proofs may fail before it is ended: a machine may be busy for a moment.
const feedings = 3

// guard feeds the service manager's watchdog, when there is one, each time
// alive has come back in time. A timer that fed it would outlive what hosts
// need: a daemon whose locks are held for ever has healthy timers.
func (n *notifier) guard(ctx context.Context, alive func(context.Context) error) {
	limit, err := systemd.SdWatchdogEnabled(false)
	if err != nil {
		n.log.Warn("the watchdog is not fed", "event", "watchdog", "reason", err.Error())
	}
	if limit <= 0 || err != nil {
		return
	}
	every := limit / feedings
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		patience, cancel := context.WithTimeout(ctx, every)
		err := alive(patience)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			n.log.Error("the daemon does not answer itself; the service manager will end it unless that passes", "event", "watchdog", "reason", err.Error())
		default:
			n.send(systemd.SdNotifyWatchdog)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// alive makes a call to ourselves, over a socket, as any operator would: it is
// read, dispatched, goes through the lock of each pool, and is answered. A busy
// pool answers; one whose lock is held for ever does not. The socket is a pair
// and not the one with a path: who may open that is the operator's to choose,
// and may not be us.
func (d *Daemon) alive(ctx context.Context) error {
	ours, theirs, err := socketPair()
	if err != nil {
		return fmt.Errorf("make a pair of sockets: %w", err)
	}
	// Not waited for: a pool that hangs would keep it, and us.
	go func() { _ = d.control.ServeConn(context.WithoutCancel(ctx), theirs) }()
	client := rpc.NewClient(ours)
	defer client.Close()
	err = client.Call(ctx, "mochi.workers", nil, nil)
	if err != nil && ctx.Err() == nil {
		// Hung up on at once, which takes life, too: operators hold every
		// connection there may be, or the doors close.
		return d.locksTurn(ctx)
	}
	return err
}

// locksTurn goes through the pools' locks without a connection.
func (d *Daemon) locksTurn(ctx context.Context) error {
	through := make(chan struct{})
	go func() {
		defer close(through)
		workersOf(d.pools.now.Load().all)
	}()
	select {
	case <-through:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("a pool's lock is held: %w", ctx.Err())
	}
}

// socketPair is two ends of one connection.
func socketPair() (ours, theirs net.Conn, err error) {
	fds, err := pairOfSockets()
	if err != nil {
		return nil, nil, err
	}
	if ours, err = connOf(fds[0]); err != nil {
		closeFD(fds[1])
		return nil, nil, err
	}
	if theirs, err = connOf(fds[1]); err != nil {
		_ = ours.Close()
		return nil, nil, err
	}
	return ours, theirs, nil
}
