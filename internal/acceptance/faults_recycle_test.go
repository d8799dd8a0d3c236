package acceptance

import (
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// TestNoCallWaitsForTheImportOfARecycledWorkersSuccessor is row F12: importing
// costs a second, workers are recycled all the time, and with fewer than
// workers × 5 calls a second no call waits for an import.
func TestNoCallWaitsForTheImportOfARecycledWorkersSuccessor(t *testing.T) {
	t.Parallel()
	const (
		calls    = 50
		every    = 125 * time.Millisecond // 8 a second on 2 workers
		imports  = time.Second
		recycled = 3 // workers at least that served in their turn: else nothing was shown
	)
	d := serve(t, rig.Options{Workers: 2, Config: "[daemon]\nimport-policy = \"any\"\n[pool-defaults]\nmax-requests = 7\n"})
	h := dial(t, d)
	call(t, h, "slow_import.pid", "")
	whole(t, d, "slow_import")
	served := map[string]bool{}
	longest := time.Duration(0)
	next := time.NewTicker(every)
	defer next.Stop()
	for range calls {
		started := time.Now()
		served[call(t, h, "slow_import.pid", "")] = true
		longest = max(longest, time.Since(started))
		<-next.C
	}
	t.Logf("%d calls on %d workers, the longest took %s", calls, len(served), longest.Round(time.Microsecond))
	if longest > imports/2 {
		t.Errorf("a call took %s: it waited for an import", longest)
	}
	if len(served) < recycled {
		t.Errorf("only %d workers served: nothing was recycled", len(served))
	}
}
