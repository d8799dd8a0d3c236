package pool_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mochilang/mochi-pyd/pool"
	"github.com/mochilang/mochi-pyd/render"
	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// The tests of this file run real workers: a rendered script, python3, pipes.

// interpreter is the real python3 behind whatever PATH names: a version
// manager's shim would cost each spawn 65 ms.
var interpreter = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("MOCHI_PYD_TEST_PYTHON"); path != "" {
		return path, nil // with the pinned modules
	}
	out, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
	return strings.TrimSpace(string(out)), err
})

// spawner is one for all tests: its thread never returns.
var spawner = supervisor.OS()

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/mochilang/mochi-pyd/supervisor.(*osSpawner).spawnForever"))
}

// serving is a pool of real workers for a module of testdata/py or of a
// directory of the test's own.
type serving struct {
	*pool.Pool
	t      *testing.T
	events *recorder
}

func serve(t *testing.T, config pool.Config, dirs ...string) *serving {
	t.Helper()
	return serveWith(t, config, func(*pool.Options) {}, dirs...)
}

// serveWith is serve with options that change makes.
func serveWith(t *testing.T, config pool.Config, change func(*pool.Options), dirs ...string) *serving {
	t.Helper()
	python, err := interpreter()
	if err != nil {
		t.Fatalf("python3 does not run: %v", err)
	}
	testdata, err := filepath.Abs("testdata/py")
	if err != nil {
		t.Fatal(err)
	}
	store := render.Store{Dir: t.TempDir()}
	if config.Name == "" {
		config.Name = "guinea"
	}
	events := &recorder{}
	script, err := render.RenderWorker(render.WorkerOptions{Public: true, Modules: []string{config.Name}})
	if err != nil {
		t.Fatal(err)
	}
	options := pool.Options{
		Config:  config,
		Spawner: spawner,
		Hook:    events.hook,
		Watch:   events.watch,
		Command: func(context.Context) (supervisor.Command, error) {
			path, err := store.Put(script)
			if err != nil {
				return supervisor.Command{}, err
			}
			paths := strings.Join(append(dirs, testdata), string(os.PathListSeparator))
			return supervisor.Command{
				Path: python, Args: []string{"-u", path, config.Name},
				Env: append(os.Environ(), "PYTHONPATH="+paths),
			}, nil
		},
	}
	change(&options)
	p, err := pool.New(options)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- p.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		select {
		case err := <-ran:
			if err != nil {
				t.Errorf("Run ended with %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Error("Run did not end")
		}
	})
	return &serving{Pool: p, t: t, events: events}
}

// ready waits for so many ready workers.
func (s *serving) ready(workers int) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("%d workers are ready", workers), func() bool { return s.Stat().Ready >= workers })
}

// eventually polls a condition that has no event of its own.
func (s *serving) eventually(what string, holds func() bool) {
	s.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			s.t.Fatalf("gave up waiting until %s", what)
		}
	}
}

type reply struct {
	result string
	err    *rpc.Error
	took   time.Duration
}

// start makes a call and does not wait for it.
func (s *serving) start(function string, args ...any) <-chan reply {
	s.t.Helper()
	params, err := json.Marshal(args)
	if err != nil {
		s.t.Fatal(err)
	}
	if len(args) == 0 {
		params = nil
	}
	replies := make(chan reply, 2) // room for the second answer that must not come
	begin := time.Now()
	s.Submit(rpc.NewCall(function, params, rpc.AnswerFunc(func(_ *rpc.Call, result []byte, err *rpc.Error) {
		replies <- reply{string(result), err, time.Since(begin)}
	})))
	return replies
}

func (s *serving) get(replies <-chan reply) reply {
	s.t.Helper()
	select {
	case r := <-replies:
		return r
	case <-time.After(30 * time.Second):
		s.t.Fatal("a call was never answered")
		return reply{}
	}
}

func (s *serving) call(function string, args ...any) reply {
	s.t.Helper()
	return s.get(s.start(function, args...))
}

// want fails unless the reply is this result.
func (s *serving) want(r reply, result string) {
	s.t.Helper()
	if r.err != nil || r.result != result {
		s.t.Errorf("answered %s %v, want %s", r.result, r.err, result)
	}
}

// recorder keeps what happened.
type recorder struct {
	mu       sync.Mutex
	events   []supervisor.Event
	statuses []pool.Status
}

func (r *recorder) hook(e supervisor.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

func (r *recorder) watch(e pool.StatusChanged) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.statuses = append(r.statuses, e.To)
}

// of gives the events of one type.
func of[E supervisor.Event](r *recorder) (found []E) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if match, ok := e.(E); ok {
			found = append(found, match)
		}
	}
	return found
}

// inTime holds a promise of time: one of three tries must keep it. Other
// packages' tests share the machine's cores, so one miss says nothing; three
// in a row do.
func inTime(t *testing.T, limit time.Duration, what string, try func() time.Duration) {
	t.Helper()
	const tries = 3
	var took []time.Duration
	for range tries {
		if took = append(took, try()); took[len(took)-1] < limit {
			return
		}
	}
	t.Errorf("%s took %v, want under %v", what, took, limit)
}
