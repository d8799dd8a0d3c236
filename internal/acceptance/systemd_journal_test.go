package acceptance

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// TestTheJournalHasTheFieldsThatOperatorsFilterBy: a worker's death is found by
// its pool and its reason, and a traceback is one entry.
func TestTheJournalHasTheFieldsThatOperatorsFilterBy(t *testing.T) {
	g := machine(t, "[pools.dies]\nmodule = \"dies\"\nworkers = 1\n", map[string]string{
		"dies": "import logging, os, signal\n\ndef die():\n    os.kill(os.getpid(), signal.SIGKILL)\n\ndef trip():\n    try:\n        1 / 0\n    except ZeroDivisionError:\n        logging.getLogger('app').exception('tripped')\n",
	}, nil)
	g.must(t, "systemctl", "start", "mochi-pyd.service")
	if a, err := g.once("dies.trip", ""); err != nil || a.Error != nil {
		t.Fatalf("dies.trip: %v %+v", err, a.Error)
	}
	if a, err := g.once("dies.die", ""); err != nil || a.Error == nil {
		t.Fatalf("dies.die: %v %+v", err, a)
	}
	find := func(filter ...string) (found []map[string]any) {
		rig.Until(guestLimit, func() bool {
			found = nil
			for line := range strings.Lines(g.journal(append([]string{"-o", "json"}, filter...)...)) {
				var e map[string]any
				if json.Unmarshal([]byte(line), &e) == nil {
					found = append(found, e)
				}
			}
			return len(found) > 0
		})
		return found
	}
	death := find("MOCHI_POOL=dies", "MOCHI_REASON=signal", "MOCHI_EVENT=worker_exited")
	if len(death) != 1 || death[0]["PRIORITY"] != "4" || death[0]["MOCHI_SLOT"] != "0" || death[0]["SYSLOG_IDENTIFIER"] != "mochi-pyd" {
		t.Errorf("the worker's death: %v", death)
	}
	tripped := find("MOCHI_POOL=dies", "MOCHI_LOGGER=app")
	if len(tripped) != 1 || tripped[0]["PRIORITY"] != "3" || !strings.Contains(fmt.Sprint(tripped[0]["MESSAGE"]), "ZeroDivisionError") {
		t.Errorf("the traceback: %v", tripped)
	}
}
