package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/mochilang/mochi-pyd/internal/config"
	"github.com/mochilang/mochi-pyd/internal/metrics"
	"github.com/mochilang/mochi-pyd/internal/python"
	"github.com/mochilang/mochi-pyd/internal/version"
	"github.com/mochilang/mochi-pyd/render"
	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// How long connections have to take their last answers once every pool has
// ended: as a rule, and when the drain was cut short.
const (
	goodbye       = 2 * time.Second
	forcedGoodbye = 250 * time.Millisecond
)

// Options are what a daemon is made of.
type Options struct {
	Config  *config.Config
	Logger  hclog.Logger
	Version version.Info

	// Environ is the daemon's own environment, which workers inherit when
	// there is no configuration file.
	Environ []string
	// RuntimeDir is where rendered scripts are written; the daemon's user's
	// alone.
	RuntimeDir string
	// Spawner starts processes; nil = the operating system.
	Spawner supervisor.Spawner
	// Dev: pools are reloaded when their source files change.
	Dev bool
	// Ready is called once, when every declared pool is ready or known broken.
	Ready func()
}

// Listeners are the daemon's doors. Run closes them.
type Listeners struct {
	Host    net.Listener
	Control net.Listener // nil = none
	Metrics net.Listener // nil = none
}

// Daemon serves hosts and operators. Make one with New; it runs once.
type Daemon struct {
	opt     Options
	now     atomic.Pointer[setup]
	log     hclog.Logger
	python  python.Resolver
	scripts render.Store
	started time.Time
	address string // of the hosts' socket, once Run has it

	pools    *registry
	handles  *supervisor.Ledger // of all pools
	notify   *notifier
	opened   chan struct{} // closed when the declared pools are there, or cannot be
	routed   chan struct{} // there are other pools than before
	host     *rpc.Server
	control  *rpc.Server
	methods  map[string]method // on the host socket
	controls map[string]method // on the control socket

	strangers    refusals
	memory       *memory         // what operators can read back
	watched      context.Context // ends when there is nothing more to watch
	unwatch      context.CancelFunc
	rereading    sync.Mutex  // one reload of the configuration at a time
	asking       atomic.Bool // a signal's waits for its turn
	rereadFailed atomic.Bool // the last one
	meters       *metrics.Meters
	counting     bool // calls are counted; set by Run before it serves

	draining atomic.Bool
	asked    context.Context    // ends when a drain is asked for, which may be before Run
	stop     context.CancelFunc // asks for it
	hard     context.Context    // ends when the drain is cut short
	force    context.CancelCauseFunc
	work     sync.WaitGroup // answers that take a while
}

// errForced is the cause of a drain that was cut short.
var errForced = errors.New("the daemon was told to end at once")

// New makes a daemon; nothing runs before Run.
func New(o Options) (*Daemon, error) {
	if o.Config == nil || o.Logger == nil {
		return nil, errors.New("daemon: Config and Logger are required")
	}
	if o.Spawner == nil {
		o.Spawner = supervisor.OS()
	}
	d := &Daemon{opt: o, log: o.Logger, scripts: render.Store{Dir: o.RuntimeDir}, started: time.Now(), opened: make(chan struct{}), routed: make(chan struct{}, 1)}
	d.now.Store(&setup{config: o.Config, daemon: o.Config.Daemon()})
	d.hard, d.force = context.WithCancelCause(context.Background())
	d.asked, d.stop = context.WithCancel(context.Background())
	d.watched, d.unwatch = context.WithCancel(context.Background())
	d.memory = newMemory(d.settings().MaxPools, func(name string) bool { return d.pools.named(name) != nil })
	d.log = teller{o.Logger, d.memory}
	d.pools = newRegistry(d)
	d.handles = &supervisor.Ledger{}
	d.handles.Limit(d.settings().MaxHandles)
	d.notify = newNotifier(d.log)
	d.methods, d.controls = d.hostMethods(), d.controlMethods()
	d.meters = metrics.New(o.Version, d.ownMethods()...)
	var err error
	if d.host, err = rpc.NewServer(rpc.HandlerFunc(d.handleHost), d.limits()); err != nil {
		return nil, fmt.Errorf("daemon: %w", err)
	}
	if d.control, err = rpc.NewServer(rpc.HandlerFunc(d.handleControl), unshared(d.limits())); err != nil {
		return nil, fmt.Errorf("daemon: %w", err)
	}
	d.host.Hooks = d.hooks(true)
	d.control.Hooks = d.hooks(false)
	return d, nil
}

func (d *Daemon) limits() rpc.Limits {
	s := d.settings()
	return rpc.Limits{
		MaxMessage: int(s.MaxMessage), MaxBatch: s.MaxBatch, MaxConnections: s.MaxConnections, MaxInFlight: s.MaxInFlight,
		MaxInbound: int(s.MaxInbound), MaxInboundTotal: int(s.MaxInboundTotal), MaxOutbound: int(s.MaxOutbound), WriteTimeout: s.WriteTimeout,
		MaxCallbacks: s.MaxCallbacks, MaxBadLines: s.MaxBadLines,
		MaxConnectionsPerUID: s.MaxConnectionsPerUID, MaxInFlightPerUID: s.MaxInFlightPerUID,
		Grace: d.grace(),
	}
}

// unshared are the operators' limits: they often share one uid.
func unshared(l rpc.Limits) rpc.Limits {
	l.MaxConnectionsPerUID, l.MaxInFlightPerUID = 0, 0
	return l
}

// grace is longer than any pool's drain can last: a connection must never be
// cut while a worker may still answer.
func (d *Daemon) grace() time.Duration {
	pools := append(d.config().Pools(), d.config().OnDemand("any"))
	for _, s := range d.pools.living() { // some have settings that the file has no more
		pools = append(pools, *s.settings())
	}
	longest := time.Duration(0)
	for _, p := range pools {
		longest = max(longest, p.GracefulTimeout+p.StopTimeout)
	}
	return longest + goodbye
}

// Run serves until ctx ends, mochi.drain is asked for, or a door breaks; then
// it drains: what waits is refused, what runs is answered, within each pool's
// graceful-timeout. When it returns, nothing of the daemon is alive.
func (d *Daemon) Run(ctx context.Context, l Listeners) error {
	defer d.stop()
	ctx, end := context.WithCancel(ctx)
	defer end()
	defer context.AfterFunc(d.asked, end)()
	d.counting = l.Metrics != nil

	err := d.pools.openDeclared()
	if err != nil {
		d.pools.drain(d.hard) // those before the one that could not be
	}
	close(d.opened)
	if err != nil {
		closeAll(l)
		return err
	}
	defer d.tell(l.Metrics)()
	d.address = l.Host.Addr().String()
	failed := make(chan error, 2)
	var doors sync.WaitGroup
	open := func(s *rpc.Server, l net.Listener) {
		doors.Go(func() {
			if err := s.Serve(context.Background(), l); err != nil {
				failed <- err
			}
		})
	}
	open(d.host, l.Host)
	if l.Control != nil {
		open(d.control, l.Control)
	}
	d.work.Go(func() { d.pools.tidy(ctx) })
	d.work.Go(func() { d.notify.follow(ctx, d.pools.importing, d.pools.summary) })
	// It is fed until the drain is over: one that hangs is to be ended, too.
	guarded, unguard := context.WithCancel(context.Background())
	defer unguard()
	d.work.Go(func() { d.notify.guard(guarded, d.alive) })
	if d.opt.Dev {
		d.work.Go(func() { d.watch(ctx) })
	}
	d.work.Go(func() {
		rest := d.notify.extend(ctx, d.pools.importing)
		d.pools.settle(ctx)
		rest()
		if ctx.Err() != nil {
			return
		}
		d.notify.ready(d.pools.summary())
		if d.opt.Ready != nil {
			d.opt.Ready()
		}
	})
	d.log.Info("serving", "event", "serving", "pid", pid, "version", d.opt.Version.Version, "socket", l.Host.Addr().String())

	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	d.stop()
	d.host.SetLimits(d.limits()) // grace is of the pools that there are now
	d.notify.stopping(firstAnswers + d.grace())
	d.shut(l.Host)
	d.drain()
	unguard()
	doors.Wait()
	d.work.Wait()
	d.log.Info("stopped", "event", "stopped", "pid", pid)
	return err
}

func closeAll(l Listeners) {
	_ = l.Host.Close()
	if l.Control != nil {
		_ = l.Control.Close()
	}
	if l.Metrics != nil {
		_ = l.Metrics.Close()
	}
}

// Force cuts a drain short: workers are killed, their calls are told so, and
// connections that do not take that at once are closed.
func (d *Daemon) Force() {
	d.stop()
	d.force(errForced)
}

// firstAnswers bounds how long hosts that had just come in are waited for.
const firstAnswers = 5 * time.Second

// shut lets nobody else in and answers who has just come, while the next daemon
// inherits the socket: who connects for each call must not notice a restart but
// by the time it takes. A socket of our own vanishes with us, and whoever finds
// it gone has nothing to wait for.
func (d *Daemon) shut(host net.Listener) {
	if p, ok := host.(interface{ Passed() bool }); !ok || !p.Passed() {
		return
	}
	patience, cancel := context.WithTimeout(d.hard, firstAnswers)
	defer cancel()
	d.host.Shut(patience)
}

// drain ends everything in the order that lets each request have its answer:
// pools refuse what waits and finish what runs, connections take the answers,
// and operators can watch until the end.
func (d *Daemon) drain() {
	d.draining.Store(true)
	d.log.Info("draining", "event", "draining", "connections", d.host.Connections())
	cut, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	hosts := make(chan struct{})
	go func() {
		defer close(hosts)
		if err := d.host.Drain(cut); err != nil {
			d.log.Warn("connections were cut", "event", "drain_cut", "reason", err.Error())
		}
	}()
	d.pools.drain(d.hard)
	d.part(hosts, func() { cancel(errors.New("the hosts did not take their answers in time")) })

	d.unwatch() // what was followed has come to its end
	last, end := context.WithCancel(context.Background())
	defer end()
	operators := make(chan struct{})
	go func() {
		defer close(operators)
		_ = d.control.Drain(last) // an operator who holds on is cut
	}()
	d.part(operators, end)
}

// part waits until connections have gone, and cuts those that take their time.
func (d *Daemon) part(gone <-chan struct{}, cut func()) {
	patience := time.NewTimer(goodbye)
	defer patience.Stop()
	select {
	case <-gone:
		return
	case <-patience.C:
	case <-d.hard.Done():
		patience.Reset(forcedGoodbye)
		select {
		case <-gone:
			return
		case <-patience.C:
		}
	}
	cut()
	<-gone
}

// hooks tell who connects; peers that may not are refused with one line.
func (d *Daemon) hooks(host bool) rpc.Hooks {
	return rpc.Hooks{
		Peer: peerOf,
		Opened: func(c *rpc.Conn) error {
			if err := d.admit(c.Peer); err != nil {
				d.observeRefusal(c.Peer)
				return err
			}
			if host {
				c.State = &guest{}
			}
			return nil
		},
		Closed: func(c *rpc.Conn, err error) {
			d.disconnected(c)
			if err != nil {
				d.log.Debug("a connection was cut", "event", "connection_cut", "peer_uid", c.Peer.UID, "pid", c.Peer.PID, "reason", err.Error())
			}
		},
		Refused: d.refused,
		AcceptError: func(err error) {
			d.log.Error("a connection could not be accepted; trying again", "event", "accept_failed", "reason", err.Error())
		},
	}
}

// admit applies allow-uids.
func (d *Daemon) admit(p rpc.Peer) error {
	if len(d.settings().AllowUIDs) == 0 || p.OK && p.UID == uid {
		return nil
	}
	if p.OK {
		for _, allowed := range d.settings().AllowUIDs {
			if p.UID == allowed {
				return nil
			}
		}
	}
	return rpc.Errorf(rpc.KindPermissionDenied, "uid %d may not connect: have it added to allow-uids", p.UID)
}
