package daemon

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain holds Run to its word: when it returns, nothing of it is alive. The
// pinned spawner is the process's and lives as long.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/mochilang/mochi-pyd/supervisor.(*osSpawner).spawnForever"))
}
