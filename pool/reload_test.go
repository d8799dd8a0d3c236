package pool_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/pool"
	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// code is a module that a test changes. No two contents may have one size: a
// cached compilation is told from its source by size, and time in seconds.
func code(t *testing.T, dir, name, source string) {
	t.Helper()
	file := filepath.Join(dir, name+".py")
	if err := os.WriteFile(file+".new", []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

// TestAnOperatorsReloadWaitsOutNoBackoff: whoever has mended a module, or thinks
// so, learns at once whether it works, however long the pool would wait by
// itself and whichever slot of it would be the next to try.
func TestAnOperatorsReloadWaitsOutNoBackoff(t *testing.T) {
	dir := t.TempDir()
	code(t, dir, "mended", "raise RuntimeError('not yet')\n")
	s := serve(t, pool.Config{Name: "mended", Workers: 3, BackoffMin: time.Hour, BackoffMax: time.Hour}, dir)
	if _, err := s.Wait(t.Context()); rpc.AsError(err).Kind() != rpc.KindImportFailed {
		t.Fatalf("the start gave %v, want import_failed", err)
	}
	reload := func() (replaced int, err error) {
		inTime(t, 5*time.Second, "a reload of a pool whose backoff is an hour", func() time.Duration {
			begin := time.Now()
			replaced, err = s.Reload(t.Context())
			return time.Since(begin)
		})
		return replaced, err
	}
	const attempts = 5
	for range attempts {
		if n, err := reload(); rpc.AsError(err).Kind() != rpc.KindImportFailed || n != 0 {
			t.Errorf("the reload of broken code replaced %d workers and gave %v", n, err)
		}
	}
	failed := 0
	for _, e := range of[supervisor.Exited](s.events) {
		if e.Reason == supervisor.ReasonStartImport {
			failed++
		}
	}
	// The first start, and for each reload one; a second where the slot's own
	// start was under way when it was asked.
	if failed < 1+attempts || failed > 1+2*attempts {
		t.Errorf("%d starts for a pool that waits an hour and %d reloads", failed, attempts)
	}
	code(t, dir, "mended", "def add(a, b): return a + b\n")
	if n, err := reload(); err != nil || n != 3 {
		t.Errorf("the reload of mended code replaced %d workers and gave %v, want 3", n, err)
	}
	s.ready(3)
	s.want(s.call("add", 3, 4), "7")
}

// TestCodeThatBreaksInTheMiddleOfARollLeavesEveryoneServing: the new code came
// up once, so the first slot has it, and what it followed is gone; it does not
// come up again, so the others keep what they have.
func TestCodeThatBreaksInTheMiddleOfARollLeavesEveryoneServing(t *testing.T) {
	dir := t.TempDir()
	code(t, dir, "fickle", "def which(): return 'old'\n")
	s := serve(t, pool.Config{Name: "fickle", Workers: 3}, dir)
	s.ready(3)
	once := filepath.Join(dir, "once")
	code(t, dir, "fickle", fmt.Sprintf("import os\nos.mkdir(%q)\ndef which(): return 'new'\n", once))
	n, err := s.Reload(t.Context())
	if n != 1 || rpc.AsError(err).Kind() != rpc.KindImportFailed || !strings.Contains(err.Error(), "FileExistsError") {
		t.Errorf("the reload replaced %d workers and gave %v, want 1 and the second one's own error", n, err)
	}
	stat := s.Stat()
	if stat.Ready != 3 || stat.Status != pool.Open {
		t.Errorf("%d workers are ready and the pool is %s, want all of them", stat.Ready, stat.Status)
	}
	seen := map[string]int{}
	for range 3 {
		var calls []<-chan reply
		for range 30 {
			calls = append(calls, s.start("which"))
		}
		for _, c := range calls {
			r := s.get(c)
			if r.err != nil {
				t.Fatal(r.err)
			}
			seen[r.result]++
		}
	}
	t.Logf("answers: %v", seen)
	if err := os.Remove(once); err != nil {
		t.Fatal(err)
	}
	code(t, dir, "fickle", "def which(): return 'mended, after all'\n")
	if n, err := s.Reload(t.Context()); n != 3 || err != nil {
		t.Errorf("the reload of mended code replaced %d workers and gave %v", n, err)
	}
	s.want(s.call("which"), `"mended, after all"`)
}
