package top

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/mochilang/mochi-pyd/internal/daemon"
	"github.com/mochilang/mochi-pyd/rpc"
)

const (
	// patience is how long an answer may take: a daemon that answers no status for
	// longer does not run, whatever its socket says.
	patience = 5 * time.Second
	// answerLimit bounds an answer: the daemon's own bound is below it.
	answerLimit = 1 << 30
)

// Snapshot is one look at the daemon.
type Snapshot struct {
	At      time.Time
	Status  daemon.Status
	Workers []daemon.WorkerStatus
}

// Target is a pool, or with a slot of 0 or more one worker of it.
type Target struct {
	Pool string
	Slot int
}

// wholePool is the slot of a Target that means all of them.
const wholePool = -1

func (t Target) String() string {
	if t.Slot == wholePool {
		return t.Pool
	}
	return fmt.Sprintf("%s/%d", t.Pool, t.Slot)
}

func (t Target) params() map[string]any {
	p := map[string]any{"pool": t.Pool}
	if t.Slot != wholePool {
		p["slot"] = t.Slot
	}
	return p
}

// Source is what the model asks.
type Source interface {
	Look(ctx context.Context) (Snapshot, error)
	Restart(ctx context.Context, t Target) (workers int, err error)
	Logs(ctx context.Context, t Target, n int) ([]string, error)
}

// Feed is a Source over the operators' socket. It keeps one connection, and
// makes another one for the next question when that one has ended.
type Feed struct {
	dial func(context.Context) (net.Conn, error)

	mu     sync.Mutex
	client *rpc.Client
}

// NewFeed asks over the connections that dial makes.
func NewFeed(dial func(context.Context) (net.Conn, error)) *Feed { return &Feed{dial: dial} }

// Look asks for the pools and the workers.
func (f *Feed) Look(ctx context.Context) (Snapshot, error) {
	var s Snapshot
	var w daemon.Workers
	if err := f.ask(ctx, "mochi.status", nil, &s.Status); err != nil {
		return s, err
	}
	if err := f.ask(ctx, "mochi.workers", nil, &w); err != nil {
		return s, err
	}
	s.At, s.Workers = time.Now(), w.Workers
	return s, nil
}

// Restart replaces a pool's workers, or one, and says how many.
func (f *Feed) Restart(ctx context.Context, t Target) (int, error) {
	var done struct {
		Restarting int `json:"restarting"`
	}
	err := f.ask(ctx, "mochi.restart", t.params(), &done)
	return done.Restarting, err
}

// errNoLogs is a daemon without mochi.logs.
var errNoLogs = errors.New("this daemon keeps no log lines to ask for: they are where its log goes")

// Logs are the last lines of a pool or a worker.
func (f *Feed) Logs(ctx context.Context, t Target, n int) ([]string, error) {
	params := t.params()
	params["n"] = n
	var raw json.RawMessage
	err := f.ask(ctx, "mochi.logs", params, &raw)
	var remote *rpc.Error
	if errors.As(err, &remote) && (remote.Kind() == rpc.KindMethodNotFound || remote.Kind() == rpc.KindPermissionDenied) {
		return nil, errNoLogs
	}
	if err != nil {
		return nil, err
	}
	return logLines(raw)
}

// ask sends one request, over the connection there is or a new one.
func (f *Feed) ask(ctx context.Context, method string, params, result any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("the daemon has not answered for %s", patience))
	defer cancel()
	client, err := f.connected(ctx)
	if err != nil {
		return err
	}
	err = client.Call(ctx, method, params, result)
	switch remote := (*rpc.Error)(nil); {
	case err == nil, errors.As(err, &remote):
		return err
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case errors.Is(err, rpc.ErrClosed):
		err = errors.New("the daemon went away")
	}
	f.hangUp(client)
	return err
}

func (f *Feed) connected(ctx context.Context) (*rpc.Client, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.client != nil {
		select {
		case <-f.client.Closed():
			_ = f.client.Close() // it has ended: nothing is lost
			f.client = nil
		default:
			return f.client, nil
		}
	}
	conn, err := f.dial(ctx)
	if err != nil {
		return nil, err
	}
	f.client = rpc.NewClientOf(conn, answerLimit)
	return f.client, nil
}

// hangUp gives up a connection that answers no more.
func (f *Feed) hangUp(client *rpc.Client) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_ = client.Close() // nobody waits on it any more
	if f.client == client {
		f.client = nil
	}
}

// Close ends the connection.
func (f *Feed) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.client != nil {
		_ = f.client.Close() // the program ends
		f.client = nil
	}
}
