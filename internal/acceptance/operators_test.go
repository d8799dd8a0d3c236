package acceptance

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

const (
	manyWorkers = 64
	// glance is how long a person waits for an answer and calls it at once.
	glance = 100 * time.Millisecond
	// glances are looked at, and the middle one counts: the machine has others to
	// serve.
	glances = 9
)

// TestOperatorsAreAnsweredAtOnceWithManyWorkers: the whole command, from its
// start to its end, with 64 workers to look at.
func TestOperatorsAreAnsweredAtOnceWithManyWorkers(t *testing.T) {
	limit := glance
	if raceEnabled {
		limit *= 10 // the detector makes the program several times slower
	}
	d := serve(t, rig.Options{Python: python, Config: fmt.Sprintf("[pools.math]\nworkers = %d\npreload = true\n", manyWorkers)})
	if !rig.Until(time.Minute, func() bool {
		p, err := d.Pool("math")
		return err == nil && p.WorkersReady == manyWorkers
	}) {
		t.Fatalf("%d workers are not ready within a minute", manyWorkers)
	}
	for _, command := range []string{"status", "ps", "top"} {
		took := make([]time.Duration, glances)
		for i := range took {
			began := time.Now()
			got := typeIn(t, d, command)
			took[i] = time.Since(began)
			if got.status != 0 || !strings.Contains(got.stdout, "math") {
				t.Fatalf("%s: exit %d\n%s%s", command, got.status, got.stdout, got.stderr)
			}
		}
		slices.Sort(took)
		t.Logf("%s with %d workers: %s (slowest %s)", command, manyWorkers, took[glances/2], took[glances-1])
		if took[glances/2] > limit {
			t.Errorf("%s took %s, want less than %s", command, took[glances/2], limit)
		}
	}
}

// restartsOfAll are typed one after another.
const restartsOfAll = 5

// TestARestartOfAllAtTwoHundredCallsASecondCostsNoCall: as an operator types it,
// with more than one pool.
func TestARestartOfAllAtTwoHundredCallsASecondCostsNoCall(t *testing.T) {
	d, _ := reloadable(t)
	call(t, dial(t, d), "math.sqrt", "[4]")
	whole(t, d, "math")
	load := drive(t, d, "changing")
	for range restartsOfAll {
		got := typeIn(t, d, "restart", "--all", "--wait")
		if got.status != 0 || got.stdout != "4 workers replaced\n" || got.stderr != "" {
			t.Errorf("restart --all: exit %d\n%s%s", got.status, got.stdout, got.stderr)
		}
	}
	load.end(t)
	if load.answers < restartsOfAll {
		t.Errorf("%d calls were answered: there was no load", load.answers)
	}
	ended := map[any]int{}
	for _, r := range events(d, "worker_exited") {
		ended[r["reason"]]++
	}
	if ended["restart"] != 4*restartsOfAll || len(ended) != 1 {
		t.Errorf("workers ended by %v, want %d restarts", ended, 4*restartsOfAll)
	}
}
