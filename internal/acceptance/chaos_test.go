package acceptance

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestChaosBreaksNoPromise runs the program's own self-test for half a minute:
// every row of its table must be green.
func TestChaosBreaksNoPromise(t *testing.T) {
	t.Parallel() // beside a test that waits for a minute to pass
	const chaos, limit = "30s", 3 * time.Minute
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	log := filepath.Join(t.TempDir(), "daemon.log")
	run := exec.CommandContext(ctx, binary, "selftest", "--chaos", chaos, "--python", python, "--log", log)
	// It ends its daemon when it is asked to end, and not when it is killed.
	run.Cancel = func() error { return run.Process.Signal(syscall.SIGTERM) }
	run.WaitDelay = time.Minute
	out, err := run.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Errorf("the self-test: %v (the seed above repeats its choices)", err)
		keep(t, log)
	}
}

// keep shows the end of a file that is gone after the test.
func keep(t *testing.T, file string) {
	t.Helper()
	const most = 16 << 10
	text, err := os.ReadFile(file)
	if err != nil {
		t.Logf("%v", err)
		return
	}
	t.Logf("the daemon's log ends:\n%s", text[max(0, len(text)-most):])
}
