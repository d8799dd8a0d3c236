package supervisor

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mochilang/mochi-pyd/rpc"
)

// patience is how long a test waits for what must happen at once. It is long
// because the machine may be busy, and never waited out when all is well.
const patience = 20 * time.Second

// python is the interpreter the tests run: the real one behind python3, since
// a version manager's shim would be measured otherwise.
var python = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		return "", fmt.Errorf("these tests need python3 on the PATH: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
})

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(playRole(role))
	}
	// The spawning thread lives as long as the process: the workers' parent-death
	// signal hangs on it.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction(
		"github.com/mochilang/mochi-pyd/supervisor.(*osSpawner).spawnForever"))
}

// miniCommand starts testdata/mini_worker.py.
func miniCommand(t testing.TB, module string) Command {
	t.Helper()
	path, err := python()
	if err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs(filepath.Join("testdata", "mini_worker.py"))
	if err != nil {
		t.Fatal(err)
	}
	return Command{Path: path, Args: []string{"-u", script, module}, Env: []string{"PATH=" + os.Getenv("PATH"), "PYTHONDONTWRITEBYTECODE=1"}}
}

// miniConfig is a worker with 4 seats on each lane.
func miniConfig(t testing.TB, module string, o Owner) WorkerConfig {
	t.Helper()
	return WorkerConfig{
		Identity: Identity{Pool: "mini"}, Spawner: OS(), Command: miniCommand(t, module), Owner: o,
		MainSeats: 4, LoopSeats: 4, StartTimeout: patience, StopTimeout: time.Second,
	}
}

// witness is an Owner and a Hook that remembers all it hears.
type witness struct {
	mu      sync.Mutex
	events  []Event
	moved   []string
	left    []Orphan
	exit    Exit
	gone    chan struct{}
	ready   chan ReadyInfo
	onDone  func(*Worker, *rpc.Call)
	onFree  func()
	onPause func(Pause)
	onFell  func([]*rpc.Call) []*rpc.Call
}

func newWitness() *witness {
	return &witness{gone: make(chan struct{}), ready: make(chan ReadyInfo, 1)}
}

func (o *witness) WorkerReady(_ *Worker, r ReadyInfo) { o.ready <- r }

func (o *witness) CallMoved(_ *Worker, _ *rpc.Call, name string, kind Kind) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.moved = append(o.moved, name+" "+string(kind))
}

func (o *witness) CallDone(w *Worker, c *rpc.Call, a Answer) {
	if a.Err != nil {
		c.FailIn(a.Burst, a.Err)
	} else {
		c.ReplyIn(a.Burst, a.Result)
	}
	if o.onDone != nil {
		o.onDone(w, c)
	}
}

func (o *witness) CallPaused(_ *Worker, _ *rpc.Call, _ Lane, p Pause) {
	if o.onPause != nil {
		o.onPause(p)
	}
}

func (o *witness) CallVoid(_ *Worker, c *rpc.Call) {
	c.Fail(rpc.NewError(rpc.KindRequestCancelled, "void", rpc.Fields{"started": false, "void": true}))
}

func (o *witness) SeatFree(*Worker, Lane) {
	if o.onFree != nil {
		o.onFree()
	}
}

func (o *witness) WorkerFell(_ *Worker, c []*rpc.Call) []*rpc.Call {
	if o.onFell != nil {
		return o.onFell(c)
	}
	return c
}

func (o *witness) WorkerGone(w *Worker, e Exit, left []Orphan) (lost, requeued int) {
	for _, l := range left {
		if l.Started {
			lost++
		} else {
			requeued++
		}
		l.Call.Fail(e.LostError(l, w.ID()))
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.exit, o.left = e, left
	close(o.gone)
	return lost, requeued
}

func (o *witness) hook(e Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.events = append(o.events, e)
}

// records are the log records so far.
func (o *witness) records() []LogRecord {
	o.mu.Lock()
	defer o.mu.Unlock()
	var rs []LogRecord
	for _, e := range o.events {
		if l, ok := e.(Logged); ok {
			rs = append(rs, l.Record)
		}
	}
	return rs
}

// life is the sequence of events but for the logs, in words.
func (o *witness) life() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var words []string
	for _, e := range o.events {
		switch e := e.(type) {
		case Spawned:
			words = append(words, "spawned")
		case BecameReady:
			words = append(words, "ready")
		case StateChanged:
			words = append(words, e.From.String()+">"+e.To.String())
		case Exited:
			words = append(words, fmt.Sprintf("exited %s lost=%d requeued=%d", e.Reason, e.Lost, e.Requeued))
		case Logged, BackedOff:
		}
	}
	return words
}

// startMini starts a worker that is ended with the test.
func startMini(t testing.TB, cfg WorkerConfig, o *witness) *Worker {
	t.Helper()
	if cfg.Hook == nil {
		cfg.Hook = o.hook
	}
	ctx, cancel := context.WithCancel(context.Background())
	w := StartWorker(ctx, cfg)
	t.Cleanup(func() {
		w.Kill(ReasonParent)
		cancel()
		await(t, w.Done(), "the worker to be gone")
	})
	return w
}

func readyMini(t *testing.T) (*Worker, *witness) {
	t.Helper()
	o := newWitness()
	w := startMini(t, miniConfig(t, "mini", o), o)
	awaitReady(t, w)
	return w, o
}

func awaitReady(t testing.TB, w *Worker) {
	t.Helper()
	select {
	case <-w.Ready():
	case <-w.Done():
		e := w.Exit()
		t.Fatalf("the worker ended (%s) before it was ready: %v\n%s", e.Reason, e.Failure, strings.Join(e.StderrTail, "\n"))
	case <-time.After(patience):
		t.Fatal("the worker did not become ready")
	}
}

func await[T any](t testing.TB, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		buf := make([]byte, 1<<20)
		t.Fatalf("waited %v for %s\n%s", patience, what, buf[:runtime.Stack(buf, true)])
		panic("unreachable")
	}
}

// eventually polls a condition that has no event: what the kernel does to
// processes that are not ours, and what was logged.
func eventually(t testing.TB, what string, within time.Duration, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(within)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", within, what)
		}
		<-tick.C
	}
}

// answer is the one answer of a call.
type answer struct {
	result string
	err    *rpc.Error
}

func newCall(t testing.TB, method string, params any) (*rpc.Call, <-chan answer) {
	t.Helper()
	var raw []byte
	if params != nil {
		var err error
		if raw, err = json.Marshal(params); err != nil {
			t.Fatal(err)
		}
	}
	c := make(chan answer, 1)
	return rpc.NewCall(method, raw, rpc.AnswerFunc(func(_ *rpc.Call, result []byte, err *rpc.Error) {
		c <- answer{string(result), err}
	})), c
}

// send puts a call on the worker and gives the channel of its answer.
func send(t testing.TB, w *Worker, lane Lane, method string, params any) <-chan answer {
	t.Helper()
	c, a := newCall(t, method, params)
	if !w.Send(c, lane, nil) {
		t.Fatalf("the worker refused %s", method)
	}
	return a
}

// ask sends a call on the main lane and waits for its answer.
func ask1(t testing.TB, w *Worker, method string, params any) answer {
	t.Helper()
	return await(t, send(t, w, LaneMain, method, params), "the answer of "+method)
}

// dataOf reads an error's data.
func dataOf(t testing.TB, err *rpc.Error) map[string]any {
	t.Helper()
	if err == nil {
		t.Fatal("there is no error")
	}
	var data map[string]any
	if e := json.Unmarshal(err.Data, &data); e != nil {
		t.Fatalf("data of %v: %v", err, e)
	}
	return data
}

// benchOwner says that a call is done, and nothing else.
type benchOwner struct{ done chan struct{} }

func (o *benchOwner) WorkerReady(*Worker, ReadyInfo)                          {}
func (o *benchOwner) CallMoved(*Worker, *rpc.Call, string, Kind)              {}
func (o *benchOwner) WorkerFell(_ *Worker, c []*rpc.Call) []*rpc.Call         { return c }
func (o *benchOwner) WorkerGone(*Worker, Exit, []Orphan) (lost, requeued int) { return 0, 0 }
func (o *benchOwner) CallPaused(*Worker, *rpc.Call, Lane, Pause)              {}
func (o *benchOwner) CallVoid(*Worker, *rpc.Call)                             {}
func (o *benchOwner) SeatFree(*Worker, Lane)                                  {}
func (o *benchOwner) CallDone(*Worker, *rpc.Call, Answer) {
	o.done <- struct{}{}
}
