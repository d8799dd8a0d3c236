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
