package acceptance

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

const buildLimit = 5 * time.Minute // with -race, on two cores, nothing cached

var (
	raceEnabled bool // race_test.go sets it

	binary   string // the program under test
	python   string // the workers' interpreter
	fixtures string // the modules of testdata/py
)

func TestMain(m *testing.M) {
	status, err := prepareAndRun(m)
	if err != nil {
		fmt.Fprintf(os.Stderr, "acceptance: %v\n", err)
		status = 1
	}
	os.Exit(status)
}

func prepareAndRun(m *testing.M) (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), buildLimit)
	defer cancel()
	dir, err := os.MkdirTemp("", "mochi-bin")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	if fixtures, err = filepath.Abs(filepath.Join("testdata", "py")); err != nil {
		return 1, err
	}
	var found bool
	if python, found, err = rig.Python(ctx); err != nil {
		return 1, err
	}
	if !found {
		fmt.Fprintf(os.Stdout, "acceptance: %s is not set, so workers run on %s; what it cannot import is skipped by name (make test makes an interpreter with everything)\n", rig.PythonVariable, python)
	}
	if binary, err = rig.Build(ctx, dir, raceEnabled); err != nil {
		return 1, err
	}
	for _, beside := range []string{"mochi-pyd-python3", "mochi-pyd-embedded"} { // which is dynamic without cgo
		if _, err = rig.BuildCommand(ctx, dir, beside, false); err != nil {
			return 1, err
		}
	}
	return m.Run(), nil
}

// needs skips the test, saying so, when the interpreter lacks a module.
func needs(t *testing.T, modules ...string) {
	t.Helper()
	for _, module := range modules {
		if out, err := exec.CommandContext(t.Context(), python, "-c", "import "+module).CombinedOutput(); err != nil {
			t.Skipf("%s cannot import %s (make test makes an interpreter that can): %.200s", python, module, out)
		}
	}
}

// serve starts a daemon for the test and, when the test ends, ends it and looks
// at what it left: it must end by itself, without a data race.
func serve(t *testing.T, o rig.Options) *rig.Daemon {
	t.Helper()
	o.PythonPath = fixtures
	// Else a daemon with the race detector takes a second to end.
	o.Env = append(o.Env, "GORACE="+strings.TrimSpace(os.Getenv("GORACE")+" atexit_sleep_ms=10"))
	if o.Binary == "" {
		o.Binary = binary
	}
	if o.Python == "" && !strings.Contains(o.Config, "\npython = ") { // the flag would win over the file
		o.Python = python
	}
	d, err := rig.Start(context.WithoutCancel(t.Context()), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Stop(); err != nil {
			t.Errorf("%v", err)
		}
		if d.Log.Races() {
			t.Error("the race detector found something in the daemon")
		}
		if t.Failed() {
			t.Logf("the end of the daemon's log:\n%s", d.Log.Tail())
		}
	})
	return d
}

// dial connects a host for the test.
func dial(t *testing.T, d *rig.Daemon) *rig.Host {
	t.Helper()
	h, err := rig.Dial(d.Socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// call makes a call that must give a result, and returns its exact bytes.
func call(t *testing.T, h *rig.Host, method, params string) string {
	t.Helper()
	a, err := h.Call(method, params)
	if err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	if a.Error != nil {
		t.Fatalf("%s(%s) failed: %d %s %v", method, params, a.Error.Code, a.Error.Message, a.Error.Data)
	}
	return string(a.Result)
}

// refused makes a call that must fail with an error of the kind.
func refused(t *testing.T, h *rig.Host, kind, method, params string) *rig.Failure {
	t.Helper()
	a, err := h.Call(method, params)
	if err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	if a.Error.Kind() != kind {
		t.Fatalf("%s(%s) gave result %s error %+v, want an error of kind %s", method, params, a.Result, a.Error, kind)
	}
	return a.Error
}

// whole waits until every worker that the pool wants is ready, and says how
// long that took.
func whole(t *testing.T, d *rig.Daemon, pool string) time.Duration {
	t.Helper()
	const limit = 20 * time.Second
	started := time.Now()
	var last rig.Pool
	if !rig.Until(limit, func() bool {
		p, err := d.Pool(pool)
		last = p
		return err == nil && p.WorkersDesired > 0 && p.WorkersReady == p.WorkersDesired
	}) {
		t.Fatalf("pool %s is not whole after %s: %+v", pool, limit, last)
	}
	return time.Since(started)
}

// promptly holds what to a time, in at most three tries (see the package's
// story).
func promptly(t *testing.T, promise string, limit time.Duration, what func() time.Duration) {
	t.Helper()
	const tries = 3
	var took []time.Duration
	for range tries {
		last := what()
		took = append(took, last.Round(time.Millisecond))
		if last < limit {
			t.Logf("%s: %v, promised < %s", promise, took, limit)
			return
		}
	}
	t.Errorf("%s took %v in %d tries, promised < %s", promise, took, tries, limit)
}
