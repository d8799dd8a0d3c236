package acceptance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// TestASIGTERMAtAnyMomentOfTheStartLeavesNothingBehind is row F15 before there
// is anything to drain: from the moment a socket is bound the end is a clean
// one, with status 0; before it the signal's own way is good enough, as there
// is nothing to tidy up. Neither leaves a socket, a lock or a process.
func TestASIGTERMAtAnyMomentOfTheStartLeavesNothingBehind(t *testing.T) {
	onlyWithProc(t)
	const rounds, step = 12, 300 * time.Microsecond
	for _, c := range []struct {
		name  string
		since string // the file whose appearing the moment is counted from; "": the start of the process
		step  time.Duration
	}{
		{"from the start of the process", "", 10 * step},
		{"from the hosts' socket", "rpc.sock", step},
		{"from the operators' socket", "ctl.sock", step},
	} {
		t.Run(c.name, func(t *testing.T) {
			clean := 0
			for i := range rounds {
				if interruptedStart(t, c.since, time.Duration(i)*c.step) {
					clean++
				}
			}
			t.Logf("%d of %d ended with status 0", clean, rounds)
			if c.since != "" && clean != rounds {
				t.Errorf("%d of %d daemons that had bound a socket did not end with status 0", rounds-clean, rounds)
			}
		})
	}
}

// interruptedStart starts a daemon with a pool, sends it SIGTERM some time after
// the file appeared, looks at what it left, and says whether it exited with 0.
func interruptedStart(t *testing.T, since string, delay time.Duration) bool {
	t.Helper()
	dir, err := os.MkdirTemp("", "mochi") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	mark := "START_MARK=" + filepath.Base(dir)
	config := filepath.Join(t.TempDir(), "config.toml")
	text := fmt.Sprintf("[pools.both]\npython = %q\npython-path = [%q]\nenv = { START_MARK = %q }\n", python, fixtures, filepath.Base(dir))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	watch, err := fsnotify.NewWatcher()
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Close()
	if err := watch.Add(dir); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), gentle)
	defer cancel()
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, binary, "serve", "--config", config, "--socket", filepath.Join(dir, "rpc.sock"), "--control-socket", filepath.Join(dir, "ctl.sock"))
	cmd.Env = append(os.Environ(), mark, "GORACE=atexit_sleep_ms=10")
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for seen := since == ""; !seen; {
		select {
		case e := <-watch.Events:
			seen = filepath.Base(e.Name) == since && e.Has(fsnotify.Create)
		case <-ctx.Done():
			t.Fatalf("%s did not appear within %s", since, gentle)
		}
	}
	<-time.After(delay)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	err = cmd.Wait()
	if ctx.Err() != nil {
		t.Fatalf("it did not end within %s of SIGTERM", gentle)
	}
	ended, _ := errors.AsType[*exec.ExitError](err)
	if err != nil && (ended == nil || ended.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM) {
		t.Errorf("after %s: %v\n%s", delay, err, said.String())
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("after %s it left %v (%v)\n%s", delay, left, err, said.String())
	}
	if !rig.Until(soon, func() bool { return len(marked(mark)) == 0 }) {
		t.Errorf("after %s it left the processes %v", delay, marked(mark))
	}
	return err == nil
}

// marked are the processes that were started with a variable in their
// environment, and live.
func marked(variable string) (pids []string) {
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		env, err := os.ReadFile(file) // of a dead one there is nothing to read
		if err == nil && strings.Contains("\x00"+string(env), "\x00"+variable+"\x00") {
			pids = append(pids, filepath.Base(filepath.Dir(file)))
		}
	}
	return pids
}
