package supervisor

import (
	"os"
	"testing"
)

// TestThreadsAreThereBeforeTheyAreNeeded: a thread that exists cannot be
// refused.
func TestThreadsAreThereBeforeTheyAreNeeded(t *testing.T) {
	const wanted = 3 * spareThreads
	makeThreads(wanted)
	made, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	if len(made) < wanted {
		t.Errorf("there are %d threads, want at least %d", len(made), wanted)
	}
	var crowd threads
	for workers := range 10 * spareThreads {
		crowd.used(workers)
		if crowd.wanted-crowd.filled >= spareThreads/2 {
			t.Fatalf("%d workers were provided for, and there are %d", crowd.filled, workers)
		}
	}
}
