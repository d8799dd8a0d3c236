package acceptance

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// TestADrainAnswersWhatRunsAndRefusesWhatWaits is row F15: SIGTERM with one
// call running and three waiting.
func TestADrainAnswersWhatRunsAndRefusesWhatWaits(t *testing.T) {
	d, err := rig.Start(context.WithoutCancel(t.Context()), rig.Options{Binary: binary, Python: python, PythonPath: fixtures, Config: oneWorker})
	if err != nil {
		t.Fatal(err)
	}
	file, quoted := counter(t)
	h := dial(t, d)
	send(t, h, rig.Request(1, "counted.run", `[`+quoted+`,"runs",0.5]`))
	runs(t, d, "counted", "run")
	for id := 2; id <= 4; id++ {
		send(t, h, rig.Request(id, "counted.run", `[`+quoted+`,"waits",0]`))
	}
	if !rig.Until(gentle, func() bool { return queue(t, d, "counted") == 3 }) {
		t.Errorf("%d calls wait, want 3", queue(t, d, "counted"))
	}
	if err := d.Stop(); err != nil {
		t.Error(err)
	}
	got := answers(t, h, 1, 2, 3, 4)
	if string(got[1].Result) != `"runs"` {
		t.Errorf("the running call was answered %s %+v", got[1].Result, got[1].Error)
	}
	for id := 2; id <= 4; id++ {
		if got[id].Error.Kind() != "shutting_down" {
			t.Errorf("waiting call %d was answered %s %+v, want shutting_down", id, got[id].Result, got[id].Error)
		}
	}
	if n := len(ran(t, file)); n != 1 {
		t.Errorf("%d calls ran, want 1", n)
	}
}

// TestADrainRemovesOnlyItsOwnSocket: what another program put in its place
// meanwhile is left alone.
func TestADrainRemovesOnlyItsOwnSocket(t *testing.T) {
	d, err := rig.Start(context.WithoutCancel(t.Context()), rig.Options{Binary: binary, Python: python})
	if err != nil {
		t.Fatal(err)
	}
	call(t, dial(t, d), "math.pi", "") // it listens a moment before it hears signals
	aside := filepath.Join(t.TempDir(), "aside")
	if err := errors.Join(os.Rename(d.Socket, aside), os.WriteFile(d.Socket, []byte("another's"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(d.PID(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-d.Exited():
	case <-time.After(gentle):
		t.Fatalf("it did not end within %s", gentle)
	}
	if text, err := os.ReadFile(d.Socket); err != nil || string(text) != "another's" {
		t.Errorf("what stood in the socket's place is now %q (%v)", text, err)
	}
	if err := d.Stop(); err != nil {
		t.Error(err)
	}
}

// TestASecondSIGTERMForces is row F15's end: it does not wait for the call that
// would drain for ten minutes, answers it, and leaves no process.
func TestASecondSIGTERMForces(t *testing.T) {
	onlyWithProc(t)
	const forced = 130
	promptly(t, "a second SIGTERM to the daemon's end", soon, func() time.Duration {
		d, err := rig.Start(context.WithoutCancel(t.Context()), rig.Options{Binary: binary, Python: python, PythonPath: fixtures, Config: oneWorker})
		if err != nil {
			t.Fatal(err)
		}
		h := dial(t, d)
		call(t, h, "zoo.add", "[1,1]")
		rows, err := d.Workers("zoo")
		if err != nil || len(rows) != 1 {
			t.Fatalf("%v %v", rows, err)
		}
		send(t, h, rig.Request(1, "zoo.busy_in_c", ""))
		runs(t, d, "zoo", "busy_in_c")
		if err := syscall.Kill(d.PID(), syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if !rig.Until(gentle, func() bool {
			return len(d.Log.Find(func(r rig.Record) bool { return r.Text("event") == "draining" })) > 0
		}) {
			t.Fatal("the first SIGTERM starts no drain")
		}
		// One that comes within 5 ms counts as the first, sent twice.
		timer := time.NewTimer(20 * time.Millisecond)
		<-timer.C
		started := time.Now()
		if err := syscall.Kill(d.PID(), syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		<-d.Exited()
		took := time.Since(started)
		if alive(rows[0].PID) {
			t.Errorf("worker %d outlived the daemon", rows[0].PID)
		}
		if a, err := h.Read(); err != nil || a.Error == nil {
			t.Errorf("the call in flight was answered %s, %v; want an error", a.Result, err)
		}
		if _, err := os.Stat(d.Socket); err == nil {
			t.Error("the socket is still there")
		}
		var status *exec.ExitError
		if err := d.Stop(); !errors.As(err, &status) || status.ExitCode() != forced {
			t.Errorf("it ended with %v, want status %d", err, forced)
		}
		return took
	})
}
