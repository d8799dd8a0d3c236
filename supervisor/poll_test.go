package supervisor

import (
	"strings"
	"testing"
	"time"
)

// TestWorkerIsToldHowLongToPoll: nothing said is the runtime's own choice, and
// what was asked for never rounds down to "never".
func TestWorkerIsToldHowLongToPoll(t *testing.T) {
	w, err := newWire(2)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	defer w.closeWorkerEnds()
	for poll, want := range map[time.Duration]string{
		0:                      "",
		-1:                     " poll=0",
		50 * time.Microsecond:  " poll=50",
		time.Nanosecond:        " poll=1",
		2500 * time.Nanosecond: " poll=2",
	} {
		got := w.variable(2, 1, 1024, poll, 0)
		if at := strings.Index(got, " poll="); want == "" && at >= 0 || !strings.Contains(got+" ", want+" ") {
			t.Errorf("for %v the wire is %q, want %q in it", poll, got, want)
		}
	}
}
