package supervisor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
)

// Nursery is a Spawner that imports a pool's module once, in a process of its
// own, and forks the workers from it: a respawn costs a fork and no import.
//
// The process, a home, is kept by a Worker like any other: how its import goes,
// its logs, its clocks and its death with the daemon are those of every worker.
// It is started by the first Spawn that finds none, inside what the pool's gate
// has let through; so a home that does not start is a worker that did not, and
// the crash policy needs to know nothing of homes.
type Nursery struct {
	cfg NurseryConfig

	mu     sync.Mutex
	home   *home // that forks
	gen    int
	closed bool
	all    sync.WaitGroup // the homes that live
}

// NurseryConfig is what a home is started with; see WorkerConfig.
type NurseryConfig struct {
	Pool         string
	Spawner      Spawner // starts the homes
	Hook         Hook    // hears Preloaded, PreloadEnded, and the homes' logs
	StartTimeout time.Duration
	StopTimeout  time.Duration
	MaxMessage   int
	LogRate      int
}

// HomeSlot is the slot in the Identity of a home, which has none.
const HomeSlot = -1

// defaultForkTimeout is how long a fork is waited for where there is no
// start-timeout.
const defaultForkTimeout = 30 * time.Second

type (
	// Preloaded: a home has imported the module and forks workers.
	Preloaded struct {
		Identity
		Took time.Duration
	}
	// PreloadEnded: a home is dead and reaped.
	PreloadEnded struct {
		Identity
		Exit
	}
)

func (Preloaded) supervisorEvent()    {}
func (PreloadEnded) supervisorEvent() {}

// NewNursery makes a nursery; nothing runs before the first Spawn.
func NewNursery(cfg NurseryConfig) *Nursery { return &Nursery{cfg: cfg} }

// Renew has the next Spawn import the module anew. The workers that there are
// live on, and their home as long as they do.
func (n *Nursery) Renew() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.leave()
}

// Importing is the process that imports the module now; nil when none does.
func (n *Nursery) Importing() *Worker {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.home == nil || n.home.process().State() != Starting {
		return nil
	}
	return n.home.process()
}

// Close ends the homes, each when its last worker is gone, and waits for that.
// A Spawn from now on fails.
func (n *Nursery) Close() {
	n.mu.Lock()
	n.closed = true
	n.leave()
	n.mu.Unlock()
	n.all.Wait()
}

// leave gives the home up. Called with mu held.
func (n *Nursery) leave() {
	if n.home != nil {
		n.home.retire()
		n.home = nil
	}
}

// Spawn forks a worker. The command is its home's too; another one than before
// gets a new home.
func (n *Nursery) Spawn(ctx context.Context, c Command, f Files) (Process, error) {
	wire, c := cutWire(c)
	h, err := n.enter(c)
	if err != nil {
		return nil, err
	}
	return h.spawn(ctx, wire, f)
}

// enter gives the home of a command and counts the caller in.
func (n *Nursery) enter(c Command) (*home, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, errors.New("the nursery is closed")
	}
	if n.home != nil && n.home.serves(c) && n.home.enter() {
		return n.home, nil
	}
	n.leave()
	n.gen++
	h, err := openHome(n.cfg, n.gen, c, n.all.Done)
	if err != nil {
		return nil, err
	}
	n.all.Add(1)
	n.home = h
	h.begin()
	h.enter()
	return h, nil
}

// cutWire parts the worker's wire from what it has in common with its siblings.
func cutWire(c Command) (wire string, common Command) {
	common = c
	common.Env = slices.DeleteFunc(slices.Clone(c.Env), func(pair string) bool {
		value, ok := strings.CutPrefix(pair, WireVariable+"=")
		if ok {
			wire = value
		}
		return ok
	})
	return wire, common
}

func (h *home) serves(c Command) bool {
	return h.command.Path == c.Path && h.command.Dir == c.Dir &&
		slices.Equal(h.command.Args, c.Args) && slices.Equal(h.command.Env, c.Env)
}

// errHomeGone: there is no process any more that could fork.
var errHomeGone = errors.New("the process that forks the workers is gone")

// homeError is a home's failed start, which is its workers'.
type homeError struct{ exit Exit }

func (e *homeError) Error() string { return whyNot(&e.exit).Error() }

// unborn takes over why the worker's home did not start, if that is err.
func (e *Exit) unborn(err error) bool {
	home, ok := errors.AsType[*homeError](err)
	if !ok {
		return false
	}
	at := e.At
	*e = home.exit
	e.At, e.WasReady, e.Answered = at, false, 0
	return true
}

// forkFailure is the error of a fork that failed.
func forkFailure(pool string, err error) *rpc.Error {
	hint := execHint("the process that forks the workers", "", err)
	return rpc.NewError(rpc.KindPoolUnavailable,
		fmt.Sprintf("a worker of %s was not forked: %s; %s", pool, err, hint),
		rpc.Fields{"stage": StageExec, "cause": err.Error(), "stderr_tail": []string{}, "hint": hint})
}
