package supervisor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
)

// TestEachStageOfAStartSaysWhatToDo is the table of faults.md, F5.
func TestEachStageOfAStartSaysWhatToDo(t *testing.T) {
	notExecutable := filepath.Join(t.TempDir(), "python3")
	if err := os.WriteFile(notExecutable, []byte("#!/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	notAProgram := filepath.Join(t.TempDir(), "python3")
	if err := os.WriteFile(notAProgram, []byte("no program at all"), 0o700); err != nil {
		t.Fatal(err)
	}
	python2 := filepath.Join(t.TempDir(), "python3")
	if err := os.WriteFile(python2, []byte("#!/bin/sh\necho 'SyntaxError: invalid syntax' >&2; exit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	const timeout = 300 * time.Millisecond
	for _, c := range []struct {
		name, path, module string
		timeout            time.Duration
		reason             Reason
		stage              Stage
		says               string // in the error's message
	}{
		{"no such interpreter", "/nonexistent/python3", "mini", 0, ReasonStartExec, StageExec, "there is no /nonexistent/python3"},
		{"not executable", notExecutable, "mini", 0, ReasonStartExec, StageExec, "may not run"},
		{"not a program", notAProgram, "mini", 0, ReasonStartExec, StageExec, "not a program"},
		{"not a Python", "/bin/true", "mini", 0, ReasonStartInterp, StageInterpreter, "is /bin/true a Python interpreter?"},
		{"too old", python2, "mini", 0, ReasonStartInterp, StageInterpreter, "older than Python 3.9"},
		{"script that exits", "", "bye", 0, ReasonStartInterp, StageInterpreter, "exited with status 1"},
		{"runtime that hangs", "", "silent", timeout, ReasonStartInterp, StageInterpreter, "start-timeout"},
		{"import that exits", "", "die", 0, ReasonStartImport, StageImport, "exited with status 7"},
		{"import that hangs", "", "hang", timeout, ReasonStartImport, StageImport, "raise start-timeout"},
		{"imported and mute", "", "mute", timeout, ReasonStartReady, StageReady, "said nothing"},
		{"another version", "", "future", 0, ReasonStartProtocol, StageProtocol, "version 99"},
		{"garbage", "", "garbage", 0, ReasonStartProtocol, StageProtocol, "hello, world"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := newWitness()
			cfg := miniConfig(t, c.module, o)
			if c.path != "" {
				cfg.Command.Path = c.path
			}
			if c.timeout > 0 {
				cfg.StartTimeout = c.timeout
			}
			w := startMini(t, cfg, o)
			await(t, o.gone, "the end")
			e := o.exit
			if e.Reason != c.reason || e.WasReady || e.Failure.Kind() != rpc.KindPoolUnavailable {
				t.Fatalf("reason %s, failure %v; want %s", e.Reason, e.Failure, c.reason)
			}
			data := dataOf(t, e.Failure)
			if data["stage"] != string(c.stage) || data["hint"] == "" || data["cause"] == "" {
				t.Errorf("data: %v", data)
			}
			if !strings.Contains(e.Failure.Message, c.says) {
				t.Errorf("%q does not say %q", e.Failure.Message, c.says)
			}
			await(t, w.Done(), "done")
			if life := o.life(); life[len(life)-1] != "exited "+string(c.reason)+" lost=0 requeued=0" {
				t.Errorf("events: %v", life)
			}
		})
	}
}

func TestImportErrorComesVerbatim(t *testing.T) {
	o := newWitness()
	startMini(t, miniConfig(t, "broken", o), o)
	await(t, o.gone, "the end")
	e := o.exit
	if e.Reason != ReasonStartImport || e.Failure == nil || e.Status.ExitCode != 1 {
		t.Fatalf("%+v", e)
	}
	if e.Failure.Code != rpc.CodeImportFailed || string(e.Failure.Data) != `{"kind": "import_failed", "n": 1.5}` {
		t.Errorf("%d %s", e.Failure.Code, e.Failure.Data)
	}
}

// failingSpawner is the system on a bad day.
type failingSpawner struct{ err error }

func (s failingSpawner) Spawn(context.Context, Command, Files) (Process, error) {
	return nil, fmt.Errorf("start it: %w", s.err)
}

func TestRareSpawnFailuresAreNamed(t *testing.T) {
	for errno, says := range map[syscall.Errno]string{
		syscall.EMFILE: "LimitNOFILE", syscall.EAGAIN: "TasksMax", syscall.ENOMEM: "out of memory",
	} {
		before := openFds(t)
		o := newWitness()
		cfg := miniConfig(t, "mini", o)
		cfg.Spawner = failingSpawner{errno}
		w := startMini(t, cfg, o)
		await(t, w.Done(), "the end")
		if o.exit.Reason != ReasonStartExec || !strings.Contains(o.exit.Failure.Message, says) {
			t.Errorf("%v: %s %v", errno, o.exit.Reason, o.exit.Failure)
		}
		if after := openFds(t); after != before {
			t.Errorf("%v: %d descriptors before, %d after", errno, before, after)
		}
	}
}

// TestNoDescriptorsLeftIsAnErrorAndNoLeak runs out of descriptors for real.
func TestNoDescriptorsLeftIsAnErrorAndNoLeak(t *testing.T) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	for extra := range 16 {
		before := openFds(t)
		low := limit
		low.Cur = uint64(before + extra)
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low); err != nil {
			t.Fatal(err)
		}
		w, err := newWire(8)
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
		if err == nil {
			w.closeWorkerEnds()
			w.close()
		}
		if after := openFds(t); after != before {
			t.Fatalf("with room for %d: %d descriptors before, %d after (%v)", extra, before, after, err)
		}
	}
}

func TestStopBeforeReadyIsNoFailure(t *testing.T) {
	o := newWitness()
	w := startMini(t, miniConfig(t, "hang", o), o)
	eventually(t, "it is spawned", patience, func() bool { return w.ID().PID != 0 })
	w.Stop(ReasonScale)
	await(t, o.gone, "the end")
	if o.exit.Reason != ReasonScale || o.exit.Failure != nil {
		t.Errorf("%+v", o.exit)
	}
}

func TestEndOfContextStopsTheWorker(t *testing.T) {
	o := newWitness()
	cfg := miniConfig(t, "mini", o)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	w := StartWorker(ctx, cfg)
	awaitReady(t, w)
	cancel()
	await(t, w.Done(), "its end")
	if o.exit.Reason != ReasonParent || o.exit.Status.ExitCode != 0 {
		t.Errorf("%+v", o.exit)
	}
	o2 := newWitness()
	cfg.Owner = o2
	w = StartWorker(ctx, cfg) // too late to begin with
	await(t, w.Done(), "its end")
	if o2.exit.Reason != ReasonParent || o2.exit.Failure != nil {
		t.Errorf("%+v", o2.exit)
	}
}

// openFds counts the descriptors of this process.
func openFds(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// hastySpawner makes processes that say why they do not start and are dead
// before anyone can have read it.
type hastySpawner struct{}

func (hastySpawner) Spawn(_ context.Context, _ Command, f Files) (Process, error) {
	_, err := f.Extra[2].WriteString(`{"jsonrpc":"2.0","method":"mochi.failed","params":{"stage":"import","error":{"code":-32005,"message":"no","data":{"kind":"import_failed"}}}}` + "\n")
	return hastyProcess{}, err
}

type hastyProcess struct{}

func (hastyProcess) Pid() int                         { return os.Getpid() }
func (hastyProcess) Wait() WaitStatus                 { return WaitStatus{ExitCode: 1} }
func (hastyProcess) Bury()                            {}
func (hastyProcess) Kick() error                      { return nil }
func (hastyProcess) Signal(syscall.Signal) error      { return nil }
func (hastyProcess) SignalGroup(syscall.Signal) error { return nil }

func TestTheLastWordsOfAFailedStartCountHoweverLateTheyAreRead(t *testing.T) {
	for range 200 {
		o := newWitness()
		c := miniConfig(t, "", o)
		c.Spawner = hastySpawner{}
		startMini(t, c, o)
		await(t, o.gone, "the end")
		if e := o.exit; e.Failure == nil || e.Failure.Kind() != rpc.KindImportFailed {
			t.Fatalf("the failure is %v, want the worker's own import_failed", e.Failure)
		}
	}
}
