package daemon

import (
	"context"
	"net"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"

	"github.com/mochilang/mochi-pyd/pool"
	"github.com/mochilang/mochi-pyd/rpc"
)

// manager is a service manager's notify socket.
type manager struct{ *net.UnixConn }

func newManager(t *testing.T) manager {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return manager{conn}
}

// next is the next message, as its lines; nil when none comes in time.
func (m manager) next(t *testing.T, limit time.Duration) []string {
	t.Helper()
	if err := m.SetReadDeadline(time.Now().Add(limit)); err != nil {
		t.Fatal(err)
	}
	message := make([]byte, 4096)
	n, err := m.Read(message)
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSpace(string(message[:n])), "\n")
}

const soon = 10 * time.Second

// until reads messages up to the first that has the line.
func (m manager) until(t *testing.T, line string) []string {
	t.Helper()
	for {
		message := m.next(t, soon)
		if message == nil {
			t.Fatalf("no message with %s came", line)
		}
		if slices.Contains(message, line) {
			return message
		}
	}
}

func TestTheServiceManagerIsToldOfStartReloadAndStopInWholeMessages(t *testing.T) {
	m := newManager(t)
	r := start(t, "[pools.good]\nmodule = \"good\"\n[pools.bad]\nmodule = \"bad\"\n", map[string]string{"good": "def f(): return 1\n", "bad": "import nothing_of_that_name\n"})
	ready := m.until(t, "READY=1")
	if !slices.ContainsFunc(ready, func(l string) bool {
		return strings.HasPrefix(l, "STATUS=serving: pools 2") && strings.HasSuffix(l, "broken: bad")
	}) {
		t.Errorf("ready with %q", ready)
	}
	client, err := rpc.Dial(t.Context(), r.control)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.Call(t.Context(), "mochi.reload", map[string]any{"pool": "good", "wait": true}, nil); err != nil {
		t.Fatal(err)
	}
	reloading := m.until(t, "RELOADING=1")
	at, err := strconv.ParseInt(valueOf(reloading, "MONOTONIC_USEC"), 10, 64)
	if now := monotonic(t); err != nil || at > now || now-at > soon.Microseconds() {
		t.Errorf("RELOADING=1 came without its time, which is now %d: %q", now, reloading)
	}
	// The answer is here, so this has been sent.
	m.until(t, "READY=1")
	r.stop()
	stopping := m.until(t, "STOPPING=1")
	// As long as the pools' graceful-timeout lets it last, and the rest besides.
	if usec, err := strconv.ParseInt(valueOf(stopping, "EXTEND_TIMEOUT_USEC"), 10, 64); err != nil || usec < (30*time.Second).Microseconds() {
		t.Errorf("the drain asked for too little time: %q", stopping)
	}
}

// valueOf is what a message says of a name; "" when nothing.
func valueOf(message []string, name string) string {
	for _, line := range message {
		if value, ok := strings.CutPrefix(line, name+"="); ok {
			return value
		}
	}
	return ""
}

// monotonic is the clock that the service manager measures by.
func monotonic(t *testing.T) int64 {
	t.Helper()
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		t.Fatal(err)
	}
	return now.Nano() / int64(time.Microsecond)
}

// TestTimeIsAskedForAtOnceAndAgainUntilTheEndAsksForItsOwn: the first time does
// not wait for its turn, for the unit may not allow so long.
func TestTimeIsAskedForAtOnceAndAgainUntilTheEndAsksForItsOwn(t *testing.T) {
	m := newManager(t)
	n := newNotifier(hclog.NewNullLogger())
	n.every = time.Hour
	rest := n.extend(t.Context(), func() string { return "importing: slow" })
	first := m.next(t, soon)
	if valueOf(first, "EXTEND_TIMEOUT_USEC") != "20000000" || valueOf(first, "STATUS") != "importing: slow" {
		t.Errorf("at once came %q", first)
	}
	rest()
	n.every = time.Millisecond
	rest = n.extend(t.Context(), func() string { return "importing: slow" })
	for range 3 {
		if again := m.next(t, soon); valueOf(again, "EXTEND_TIMEOUT_USEC") == "" {
			t.Errorf("and then %q", again)
		}
	}
	n.stopping(time.Minute)
	if end := m.until(t, "STOPPING=1"); valueOf(end, "EXTEND_TIMEOUT_USEC") != "60000000" {
		t.Errorf("at the end %q", end)
	}
	n.ready("serving")
	n.status("serving", true)
	rest()
	if after := m.next(t, 20*time.Millisecond); after != nil {
		t.Errorf("after the end %q", after)
	}
}

// TestTheStatusSaysWhatTheStartWaitsFor and nothing of it when that is over,
// however late it was made.
func TestTheStatusSaysWhatTheStartWaitsFor(t *testing.T) {
	m := newManager(t)
	n := newNotifier(hclog.NewNullLogger())
	ctx, cancel := context.WithCancel(t.Context())
	asked, made := make(chan struct{}), make(chan string)
	var following sync.WaitGroup
	following.Go(func() {
		n.follow(ctx, func() string {
			asked <- struct{}{}
			return <-made
		}, func() string { return "serving" })
	})
	defer following.Wait()
	defer cancel()
	n.kick()
	<-asked
	made <- "importing: a, b"
	if first := m.next(t, soon); !slices.Equal(first, []string{"STATUS=importing: a, b"}) {
		t.Errorf("while modules are imported came %q", first)
	}
	n.kick()
	<-asked
	n.ready("ready")
	made <- "importing: b"
	if ready := m.next(t, soon); !slices.Equal(ready, []string{"READY=1", "STATUS=ready"}) {
		t.Errorf("then %q", ready)
	}
	if last := m.next(t, soon); !slices.Equal(last, []string{"STATUS=serving"}) {
		t.Errorf("and then %q", last)
	}
}

// TestADeadlockedPoolIsNotFedThrough: the watchdog is fed while the daemon
// answers itself, and no more when a pool's lock is held for ever.
func TestADeadlockedPoolIsNotFedThrough(t *testing.T) {
	m := newManager(t)
	t.Setenv("WATCHDOG_USEC", "300000")
	t.Setenv("WATCHDOG_PID", "")
	r := start(t, "[pools.good]\nmodule = \"good\"\n", map[string]string{"good": "def f(): return 1\n"})
	m.until(t, "READY=1")
	for range 3 {
		m.until(t, "WATCHDOG=1")
	}
	lock := lockOf(r.pools.named("good").pool)
	lock.Lock()
	// What was on its way may still come; then nothing does, for longer than the
	// limit.
	deadline := time.Now().Add(soon)
	for m.next(t, time.Second) != nil {
		if time.Now().After(deadline) {
			lock.Unlock()
			t.Fatal("the watchdog of a daemon with a deadlocked pool goes on being fed")
		}
	}
	lock.Unlock()
	m.until(t, "WATCHDOG=1")
}

// lockOf is the pool's own lock: holding it is the deadlock that no function of
// its lets a test bring about.
func lockOf(p *pool.Pool) *sync.Mutex {
	return (*sync.Mutex)(unsafe.Pointer(reflect.ValueOf(p).Elem().FieldByName("mu").UnsafeAddr()))
}

// TestOperatorsWhoHoldEveryConnectionDoNotStarveTheWatchdog.
func TestOperatorsWhoHoldEveryConnectionDoNotStarveTheWatchdog(t *testing.T) {
	r := start(t, "[daemon]\nmax-connections = 1\n[pools.good]\nmodule = \"good\"\n", map[string]string{"good": "def f(): return 1\n"})
	operator, err := rpc.Dial(t.Context(), r.control)
	if err != nil {
		t.Fatal(err)
	}
	defer operator.Close()
	if err := operator.Call(t.Context(), "mochi.ping", nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := r.alive(t.Context()); err != nil {
		t.Errorf("the daemon takes itself for dead: %v", err)
	}
}
