package selftest

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/mochilang/mochi-pyd/internal/daemon"
	"github.com/mochilang/mochi-pyd/rpc"
)

//go:embed py/*.py
var modules embed.FS

// mark is a variable that the daemon and everything below it bear: what still
// has it when the daemon is gone was left behind.
const mark = "MOCHI_PYD_SELFTEST"

const (
	startLimit   = 30 * time.Second // until the sockets accept and every worker is ready
	stopLimit    = 40 * time.Second // SIGTERM to the end: the drain's grace, and a little
	controlLimit = 10 * time.Second // for an operator's question
	tick         = 5 * time.Millisecond
)

// subject is the daemon under test.
type subject struct {
	dir     string
	socket  string
	log     *chronicle
	control *rpc.Client

	cmd    *exec.Cmd
	exited chan struct{}
	status error // of the process, once exited is closed
}

// settings is the daemon's configuration. Limits are low, so that seconds of
// chaos meet them; the circuit never opens, because what it sees is not the
// module's fault.
func (o *Options) settings(dir string) string {
	return fmt.Sprintf(`
[daemon]
socket = %q
control-socket = %q
metrics = %q
log-level = "debug"
log-format = "json"
log-rate = 200
max-message = "%dKiB"
max-outbound = "4MiB"
write-timeout = "5s"

[pool-defaults]
python = %q
python-path = [%q]
workers = %d
call-timeout = "30s"
cancel-grace = "500ms"
stop-timeout = "1s"
graceful-timeout = "5s"
max-requests = 2000
max-requests-jitter = 500
max-requeues = 1000
max-retries = %d
restart-limit = 1000000
backoff-min = "10ms"
backoff-max = "250ms"
env = { %s = %q, MOCHI_PYD_SELFTEST_RUNS = %q, MOCHI_PYD_SELFTEST_DEATHS = %q }

[pools.%s]
module = "selftest_plain"

[pools.%s]
module = "selftest_mixed"

[pools.%s]
module = "selftest_plain"
workers = 1
max-requests = 0
`, filepath.Join(dir, "rpc.sock"), filepath.Join(dir, "ctl.sock"), "unix:"+filepath.Join(dir, "metrics.sock"), maxMessage>>10, o.Python, filepath.Join(dir, "py"), o.Workers,
		maxRetries, mark, dir, runsFile(dir), deathsFile(dir), plain, mixed, calm)
}

// maxRetries is how often an idempotent call may run again.
const maxRetries = 2

func runsFile(dir string) string   { return filepath.Join(dir, "runs") }
func deathsFile(dir string) string { return filepath.Join(dir, "deaths") }

// furnish writes what the daemon needs into its directory.
func (o *Options) furnish(dir string) error {
	files := map[string]string{"config.toml": o.settings(dir), "runs": "", "deaths": ""}
	for _, name := range []string{"py/selftest_plain.py", "py/selftest_mixed.py"} {
		text, err := modules.ReadFile(name)
		if err != nil {
			return err
		}
		files[name] = string(text)
	}
	for _, name := range []string{"py", "tmp"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			return err
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// start runs the daemon and waits until its pools are whole.
func start(ctx context.Context, o *Options) (*subject, error) {
	// A short path: a socket's has 107 bytes.
	dir, err := os.MkdirTemp("", "mochi-selftest-")
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, err
	}
	s := &subject{dir: dir, socket: filepath.Join(dir, "rpc.sock"), log: newChronicle(o.Log), exited: make(chan struct{})}
	if err := o.furnish(dir); err != nil {
		return nil, errors.Join(fmt.Errorf("prepare the self-test's directory: %w", err), os.RemoveAll(dir))
	}
	s.cmd = exec.CommandContext(context.WithoutCancel(ctx), o.Binary, "serve", "--config", filepath.Join(dir, "config.toml"))
	s.cmd.Env = append(os.Environ(), mark+"="+dir, "TMPDIR="+filepath.Join(dir, "tmp"), "XDG_RUNTIME_DIR=", "RUNTIME_DIRECTORY=",
		"MOCHI_PYD_SOCKET=", "MOCHI_PYD_CONTROL_SOCKET=")
	s.cmd.Dir = dir
	s.cmd.Stderr = s.log
	s.cmd.WaitDelay = time.Second // whoever was left behind may hold the log open
	// Its own group: ctrl-C is for us, and we end it in order.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", o.Binary, err), os.RemoveAll(dir))
	}
	go func() {
		s.status = s.cmd.Wait()
		close(s.exited)
	}()
	if err := s.begin(ctx); err != nil {
		return nil, errors.Join(err, s.remove())
	}
	return s, nil
}

func (s *subject) begin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	// The sockets' appearing is an event only for who watches the directory;
	// connecting is the truth, and costs nothing.
	ready := until(ctx, func() bool {
		if s.over() {
			return true
		}
		client, err := rpc.Dial(ctx, filepath.Join(s.dir, "ctl.sock"))
		if err != nil {
			return false
		}
		s.control = client
		return true
	})
	if s.control == nil {
		return fmt.Errorf("the daemon did not listen within %s (ended: %v); its log ends:\n%s", startLimit, s.over() || !ready, s.log.tail())
	}
	if !until(ctx, func() bool { return s.over() || s.whole(ctx) }) || s.over() {
		return fmt.Errorf("the pools are not ready within %s; the daemon's log ends:\n%s", startLimit, s.log.tail())
	}
	return nil
}

// pid is the daemon's.
func (s *subject) pid() int { return s.cmd.Process.Pid }

func (s *subject) over() bool {
	select {
	case <-s.exited:
		return true
	default:
		return false
	}
}

// ask is an operator's question.
func (s *subject) ask(ctx context.Context, method string, params, result any) error {
	ctx, cancel := context.WithTimeout(ctx, controlLimit)
	defer cancel()
	return s.control.Call(ctx, method, params, result)
}

// whole says whether every pool has every worker it wants.
func (s *subject) whole(ctx context.Context) bool {
	var all daemon.Status
	if s.ask(ctx, "mochi.status", nil, &all) != nil || len(all.Pools) < 3 {
		return false
	}
	for _, p := range all.Pools {
		if p.WorkersReady < p.WorkersDesired || p.Status != "open" {
			return false
		}
	}
	return true
}

// workers are the processes of the pools that chaos is for, or of all.
func (s *subject) workers(ctx context.Context, everywhere bool) ([]daemon.WorkerStatus, error) {
	var all daemon.Workers
	if err := s.ask(ctx, "mochi.workers", nil, &all); err != nil {
		return nil, err
	}
	var out []daemon.WorkerStatus
	for _, w := range all.Workers {
		if w.PID != 0 && (everywhere || w.Pool != calm) {
			out = append(out, w)
		}
	}
	return out, nil
}

// stop sends SIGTERM and waits; false when the daemon had to be killed.
func (s *subject) stop() (took time.Duration, ended bool) {
	began := time.Now()
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may be over, which is seen next
	timer := time.NewTimer(stopLimit)
	defer timer.Stop()
	select {
	case <-s.exited:
		return time.Since(began), true
	case <-timer.C:
		_ = s.cmd.Process.Kill()
		<-s.exited
		return time.Since(began), false
	}
}

// remove ends the daemon if need be and deletes its directory.
func (s *subject) remove() error {
	if s.control != nil {
		_ = s.control.Close()
	}
	if !s.over() {
		s.stop()
	}
	return os.RemoveAll(s.dir)
}

// until asks again and again, for what is seen from outside and announces
// itself to nobody; false when ctx ended first.
func until(ctx context.Context, holds func() bool) bool {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}
