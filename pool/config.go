package pool

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mochilang/mochi-pyd/supervisor"
)

// Config is what a pool is made of. Every field has a key in the [pools.*]
// tables of the configuration; its zero value means the default named here.
type Config struct {
	Name    string   // required; also the prefix of its functions' names
	Number  int      // among the daemon's pools: part of its handles' ids
	Module  string   // what its workers import; default Name
	Modules []string // several modules in one process, instead of Module

	Workers     int // slots kept filled; default 2
	MaxWorkers  int // above Workers the pool is elastic: it grows when calls wait; default Workers
	Spare       int // ready workers beside those, to take the place of one that dies; default 0
	Concurrency int // coroutines in flight per worker; default 64
	Depth       int // calls in a worker's main pipe at once, at most; default 32

	StartTimeout      time.Duration // spawn + import + ready; default 30s
	StopTimeout       time.Duration // SIGTERM to SIGKILL; default 5s
	GracefulTimeout   time.Duration // drain at stop and restart; default 30s
	QueueTimeout      time.Duration // longest wait for a seat; default 30s
	CallTimeout       time.Duration // longest a call may take, its wait included; default 60s
	StreamIdleTimeout time.Duration // longest a stream may wait for its host's credit; default 60s
	CancelGrace       time.Duration // from an interrupt to the kill; default 2s
	LoopPerCall       bool          // a fresh event loop for each coroutine; default: one per worker for all of them
	BusyPoll          time.Duration // longest a worker polls before it sleeps; default the runtime's adaptive choice, negative: never

	MaxQueue    int // waiting calls; default 1024
	MaxRequeues int // times a call may lose its worker before it starts; default 3, negative: never
	MaxMessage  int // longest line to or from a worker, bytes; default 16 MiB
	LogRate     int // log lines a second per worker; default supervisor.DefaultLogRate, negative: no limit

	MaxHandles int // objects one connection may have a worker hold; default 10000

	MaxRetries int // times an idempotent call is run again after it lost its worker; default 2, negative: never

	MaxRequests       int           // calls after which a worker is recycled; 0: never
	MaxRequestsJitter int           // up to so many more, by chance, so that workers do not go together
	MaxAge            time.Duration // after which a worker is recycled; 0: never
	IdleTimeout       time.Duration // after which an elastic worker ends; 0: never
	MaxMemory         int64         // bytes of a worker's whole process tree at which it is recycled between calls; 0: no limit
	MaxMemoryHard     int64         // bytes at which it is killed; 0: no limit

	BackoffMin    time.Duration // after the second early death; default 100ms
	BackoffMax    time.Duration // default 30s
	RestartLimit  int           // early deaths per RestartWindow before the pool is broken; default 5
	RestartWindow time.Duration // default 60s

	// Kinds are the kinds of functions, where they are known before a worker
	// has said so.
	Kinds map[string]supervisor.Kind
}

// Defaults of Config.
const (
	DefaultWorkers           = 2
	DefaultConcurrency       = 64
	DefaultDepth             = 32
	DefaultStartTimeout      = 30 * time.Second
	DefaultStopTimeout       = 5 * time.Second
	DefaultGracefulTimeout   = 30 * time.Second
	DefaultQueueTimeout      = 30 * time.Second
	DefaultCallTimeout       = time.Minute
	DefaultStreamIdleTimeout = time.Minute
	DefaultCancelGrace       = 2 * time.Second
	DefaultMaxRetries        = 2
	DefaultMaxQueue          = 1024
	DefaultMaxHandles        = 10_000
	DefaultMaxRequeues       = 3
	DefaultMaxMessage        = 16 << 20
	DefaultBackoffMin        = 100 * time.Millisecond
	DefaultBackoffMax        = 30 * time.Second
	DefaultRestartLimit      = 5
	DefaultRestartWindow     = time.Minute
)

// Options are a Config and the hands a pool works with.
type Options struct {
	Config
	Spawner supervisor.Spawner
	// Command says what to start; it is asked anew before each spawn, so that
	// a fixed environment heals a broken pool.
	Command func(context.Context) (supervisor.Command, error)
	// Nursery, if any, is the Spawner: it imports the module once and forks the
	// workers. It is the pool's own, and closed when Run ends.
	Nursery *supervisor.Nursery
	// Ledger counts the handles of this pool and of others; may be nil.
	Ledger *supervisor.Ledger
	Hook   supervisor.Hook     // the supervisor's events; may be nil
	Watch  func(StatusChanged) // the pool's own; may be nil
}

func (o *Options) setDefaults() error {
	if o.Name == "" {
		return errors.New("pool: Name is empty: give the pool the name its functions are called by")
	}
	if o.Nursery != nil {
		o.Spawner = o.Nursery
	}
	if o.Spawner == nil || o.Command == nil {
		return fmt.Errorf("pool %s: Spawner and Command are required", o.Name)
	}
	if o.Module == "" && len(o.Modules) == 0 {
		o.Module = o.Name
	}
	setDefault(&o.Workers, DefaultWorkers)
	o.MaxWorkers = max(o.MaxWorkers, o.Workers)
	o.Spare = max(o.Spare, 0)
	setDefault(&o.Concurrency, DefaultConcurrency)
	setDefault(&o.Depth, DefaultDepth)
	setDefault(&o.StartTimeout, DefaultStartTimeout)
	setDefault(&o.StopTimeout, DefaultStopTimeout)
	setDefault(&o.GracefulTimeout, DefaultGracefulTimeout)
	setDefault(&o.QueueTimeout, DefaultQueueTimeout)
	setDefault(&o.CallTimeout, DefaultCallTimeout)
	setDefault(&o.StreamIdleTimeout, DefaultStreamIdleTimeout)
	setDefault(&o.CancelGrace, DefaultCancelGrace)
	setDefault(&o.MaxQueue, DefaultMaxQueue)
	setDefault(&o.MaxHandles, DefaultMaxHandles)
	if o.MaxRetries == 0 {
		o.MaxRetries = DefaultMaxRetries
	}
	if o.MaxRequeues == 0 {
		o.MaxRequeues = DefaultMaxRequeues
	}
	setDefault(&o.MaxMessage, DefaultMaxMessage)
	setDefault(&o.BackoffMin, DefaultBackoffMin)
	setDefault(&o.BackoffMax, DefaultBackoffMax)
	setDefault(&o.RestartLimit, DefaultRestartLimit)
	setDefault(&o.RestartWindow, DefaultRestartWindow)
	if o.Hook == nil {
		o.Hook = func(supervisor.Event) {}
	}
	if o.Watch == nil {
		o.Watch = func(StatusChanged) {}
	}
	return nil
}

func setDefault[T int | time.Duration](field *T, value T) {
	if *field <= 0 {
		*field = value
	}
}
