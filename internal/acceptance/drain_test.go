package acceptance

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// TestWhatWasWrittenBeforeSIGTERMIsAnswered is fault F15 at its narrowest: the
// daemon is stopped while hosts write, so that it meets their requests and the
// signal in one instant; some hosts it has not even accepted. Each gets its
// result or shutting_down, and none a bare end-of-file.
func TestWhatWasWrittenBeforeSIGTERMIsAnswered(t *testing.T) {
	const hosts = 20
	for range 3 {
		d, err := rig.Start(context.WithoutCancel(t.Context()), rig.Options{Binary: binary, Python: python, PythonPath: fixtures})
		if err != nil {
			t.Fatal(err)
		}
		old := dial(t, d)
		call(t, old, "both.add", "[1,2]")

		signal := func(s syscall.Signal) {
			if err := syscall.Kill(d.PID(), s); err != nil {
				t.Fatal(err)
			}
		}
		signal(syscall.SIGSTOP)
		var waiting []*rig.Host
		for range hosts {
			h := dial(t, d)
			if err := h.Send(rig.Request(0, "both.add", "[1,2]")); err != nil {
				t.Fatal(err)
			}
			waiting = append(waiting, h)
		}
		for id := range hosts {
			if err := old.Send(rig.Request(100+id, "both.add", "[1,2]")); err != nil {
				t.Fatal(err)
			}
		}
		signal(syscall.SIGTERM)
		signal(syscall.SIGCONT)

		results := 0
		answered := func(h *rig.Host, who string) {
			a, err := h.Read()
			switch {
			case err != nil:
				t.Errorf("%s got no answer: %v", who, err)
			case a.Error == nil && string(a.Result) == "3":
				results++
			case a.Error.Kind() != "shutting_down":
				t.Errorf("%s got %s %+v", who, a.Result, a.Error)
			}
		}
		for i, h := range waiting {
			answered(h, fmt.Sprintf("host %d", i))
		}
		for id := range hosts {
			answered(old, fmt.Sprintf("request %d of the old host", id))
		}
		t.Logf("%d of %d got a result, the others shutting_down", results, 2*hosts)
		select {
		case <-d.Exited(): // a second signal would force it
		case <-time.After(20 * time.Second):
			t.Error("the daemon did not end by itself")
		}
		if err := d.Stop(); err != nil {
			t.Error(err)
		}
	}
}
