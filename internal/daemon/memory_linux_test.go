package daemon

import (
	"errors"
	"strings"
	"testing"

	"github.com/mochilang/mochi-pyd/rpc"
)

func TestTheMemoryLimitsOfTheConfigurationHold(t *testing.T) {
	const source = `
import os, time
kept = []
def keep(mebibytes, seconds):
    kept.append(b"x" * (mebibytes << 20))
    time.sleep(seconds)
    return os.getpid()
`
	d := start(t, "[pools.app]\nmax-memory = \"64MiB\"\nmax-memory-hard = \"200MiB\"\n", map[string]string{"app": source})
	c := dial(t, d.host)
	pid := call(t, c, "app.keep", list{100, 0})
	wait(t, "the worker past max-memory was replaced", func() bool { return call(t, c, "app.keep", list{0, 0}) != pid })
	err := c.Call(t.Context(), "app.keep", list{300, 60}, nil)
	var e *rpc.Error
	if !errors.As(err, &e) || e.Kind() != rpc.KindWorkerLost || !strings.Contains(e.Message, "max-memory-hard (200.0 MiB)") {
		t.Errorf("a call past max-memory-hard got %v, want worker_lost that names the limit", err)
	}
}
