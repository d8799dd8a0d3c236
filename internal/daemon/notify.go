package daemon

import (
	"context"
	"fmt"
	"sync"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"
	"github.com/hashicorp/go-hclog"
)

// While something takes long the service manager is asked, each extendEvery, for
// extendBy more: it takes a daemon for hung that has not asked again in time.
// What bounds the import of a module is its pool's start-timeout, not the unit.
// The first time is at once: the unit may allow less than extendEvery.
const (
	extendEvery = 5 * time.Second
	extendBy    = 20 * time.Second
)

// notifier tells the service manager how far we are; without one it is silent.
// A message is one datagram: what belongs together must not be told apart.
type notifier struct {
	log     hclog.Logger
	changed chan struct{} // one token: a pool is doing better or worse
	every   time.Duration // extendEvery, but for tests

	mu      sync.Mutex
	isReady bool
	ending  bool
	reloads int    // under way
	last    string // status told
}

func newNotifier(log hclog.Logger) *notifier {
	return &notifier{log: log, changed: make(chan struct{}, 1), every: extendEvery}
}

// ready says that hosts may come; status names the pools that are broken.
func (n *notifier) ready(status string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.isReady = true
	if !n.ending {
		n.tell(systemd.SdNotifyReady, status)
	}
}

// status is told when it is another than before. It was made while the daemon was
// ready or was not; one that has come too late is not told, but made again.
func (n *notifier) status(text string, ready bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.isReady != ready:
		n.kick()
	case !n.ending && n.reloads == 0 && text != n.last:
		n.tell("", text)
	}
}

// stopping asks for as long as the drain may last, which the configuration says
// and the unit cannot know.
func (n *notifier) stopping(longest time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ending = true
	n.tell(systemd.SdNotifyStopping+"\n"+extension(longest), "draining: what runs is finished, what waits is refused")
}

// reloading says that a reload has begun, and done that it is over; of several
// at once the first and the last say so. done comes before whoever asked is
// answered: the service manager takes the daemon for reloading until it is told.
func (n *notifier) reloading(ctx context.Context, status func() string) (done func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.reloads++
	if n.reloads == 1 && n.isReady && !n.ending {
		// The time makes out which of our messages a request to reload precedes.
		n.tell(systemd.SdNotifyReloading+"\n"+systemd.SdNotifyMonotonicUsec()+extension(extendBy), "reloading")
	}
	rest := n.extendLater(ctx, func() string { return "reloading" })
	return func() {
		rest()
		n.mu.Lock()
		defer n.mu.Unlock()
		n.reloads--
		if n.reloads == 0 && n.isReady && !n.ending {
			n.tell(systemd.SdNotifyReady, status())
		}
	}
}

// extend asks for more time, now and until it is told to rest.
func (n *notifier) extend(ctx context.Context, status func() string) (rest func()) {
	n.ask(status())
	return n.extendLater(ctx, status)
}

// ask asks for more time. The end asks for its own: what outlasts its beginning,
// as a reload may, must not take its place in the status.
func (n *notifier) ask(status string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.ending {
		n.tell(extension(extendBy), status)
	}
}

// extendLater goes on where time has been asked for.
func (n *notifier) extendLater(ctx context.Context, status func() string) (rest func()) {
	ctx, cancel := context.WithCancel(ctx)
	var asking sync.WaitGroup
	asking.Go(func() {
		tick := time.NewTicker(n.every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				n.ask(status())
			}
		}
	})
	return func() {
		cancel()
		asking.Wait()
	}
}

func extension(d time.Duration) string {
	return fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", d.Microseconds())
}

// kick has the status told anew. It never blocks: pools call it.
func (n *notifier) kick() {
	select {
	case n.changed <- struct{}{}:
	default:
	}
}

// follow tells the status when it has changed: until the daemon is ready what it
// waits for, and then how its pools are.
func (n *notifier) follow(ctx context.Context, importing, serving func() string) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.changed:
			if n.told() {
				n.status(serving(), true)
			} else {
				n.status(importing(), false)
			}
		}
	}
}

// told says whether the daemon was said to be ready.
func (n *notifier) told() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.isReady
}

// tell sends one datagram. Called with mu held.
func (n *notifier) tell(state, status string) {
	n.last = status
	if state != "" {
		state += "\n"
	}
	n.send(state + "STATUS=" + status)
}

func (n *notifier) send(state string) {
	if _, err := systemd.SdNotify(false, state); err != nil {
		n.log.Warn("the service manager could not be told", "event", "notify_failed", "reason", err.Error())
	}
}
