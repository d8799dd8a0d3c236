package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// bench is what the measurements share: programs, directories, sizes.
type bench struct {
	daemon   string // mochi-pyd
	python   string // the interpreter of workers, floors and Python peers
	self     string // this program, for the relay
	py       string // our Python files
	node     string // the Node program; "" when there is none
	goplugin string // the Go host of the gRPC peers; "" when it could not be built
	dir      string // scratch, removed at the end
	runs     int
	quick    bool
	gating   bool // only what the gate compares
	sockets  int  // paths handed out
}

// Modules that are called, and the roles of the processes that answer.
const (
	moduleSync  = "bench_sync"
	moduleAsync = "bench_async"
	moduleNumpy = "bench_numpy"

	roleDaemon = "daemon"
	roleWorker = "worker"
	roleServer = "server"
)

const maxMessage = 32 << 20 // a 10 MiB value, also after Python has written it its own way

// scaled is a number of rounds or calls, fewer when the run is to be quick.
func (b *bench) scaled(n int) int {
	if b.quick {
		return max(n/5, 1)
	}
	return n
}

// workerEnv is the environment of the Python that we start ourselves.
func (b *bench) workerEnv() []string {
	env := slices.DeleteFunc(os.Environ(), func(pair string) bool { return strings.HasPrefix(pair, "PYTHONPATH=") })
	return append(env, "PYTHONPATH="+b.py)
}

// render writes a module's worker as an embedder does, ahead of time, and gives
// the script's path.
func (b *bench) render(ctx context.Context, module string) (string, error) {
	dir := filepath.Join(b.dir, "render-"+module)
	script := filepath.Join(dir, "mochi_worker.py")
	if _, err := os.Stat(script); err == nil {
		return script, nil
	}
	if out, err := exec.CommandContext(ctx, b.daemon, "render", module, "--out", dir).CombinedOutput(); err != nil {
		return "", fmt.Errorf("render the worker of %s: %w: %s", module, err, out)
	}
	return script, nil
}

// modules is where modules are written that are imported for the first time.
func (b *bench) modules() string { return filepath.Join(b.dir, "modules") }

// server is a daemon under measurement.
type server struct{ *rig.Daemon }

// serve starts the program as a person does, at its default log level.
func (b *bench) serve(ctx context.Context, config string) (*server, error) {
	d, err := rig.Start(ctx, rig.Options{
		Binary: b.daemon, Python: b.python, PythonPath: b.py + string(filepath.ListSeparator) + b.modules(),
		Config: config, Args: []string{"--log-level", "info"},
	})
	if err != nil {
		return nil, err
	}
	return &server{d}, nil
}

// workers gives the processes of a pool, once all of them are ready.
func (s *server) workers(pool string) ([]int, error) {
	var pids []int
	var failed error
	ready := rig.Until(readyLimit, func() bool {
		rows, err := s.Workers(pool)
		status, err2 := s.Pool(pool)
		if failed = errors.Join(err, err2); failed != nil {
			return false
		}
		pids = pids[:0]
		for _, w := range rows {
			if w.PID > 0 {
				pids = append(pids, w.PID)
			}
		}
		return len(pids) > 0 && status.WorkersReady >= status.WorkersDesired && len(pids) >= status.WorkersDesired
	})
	if !ready {
		return nil, errors.Join(fmt.Errorf("the workers of pool %s were not ready within %s", pool, readyLimit), failed)
	}
	return pids, nil
}

// roles are the processes behind a call to a pool.
func (s *server) roles(pool string) (map[string]func() []int, error) {
	pids, err := s.workers(pool)
	if err != nil {
		return nil, err
	}
	return map[string]func() []int{roleDaemon: pid(s.PID()), roleWorker: func() []int { return pids }}, nil
}

// poolTable is one pool's table of a configuration.
func poolTable(name, module string, keys ...string) string {
	return fmt.Sprintf("[pools.%s]\nmodule = %q\n%s\n\n", name, module, strings.Join(keys, "\n"))
}

// refused tells a configuration key that this daemon does not have from a
// daemon that did not start.
func refused(err error) error {
	if err == nil || !strings.Contains(err.Error(), "unknown key") {
		return err
	}
	return fmt.Errorf("%w: the daemon refuses the key", errUnavailable)
}
