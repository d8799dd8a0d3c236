package acceptance

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// TestTheErrorAndTheEventOfAFailedStartNameOneStage is row F5 as host and
// operator see it together: what cannot be run is exec, what runs and is no
// usable CPython is interpreter, and both are told the same with something to
// do about it.
func TestTheErrorAndTheEventOfAFailedStartNameOneStage(t *testing.T) {
	dir := t.TempDir()
	program := func(name, text string, mode os.FileMode) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return file
	}
	cases := []struct{ pool, interpreter, stage string }{
		{"missing", filepath.Join(dir, "missing"), "exec"},
		{"forbidden", program("forbidden", "#!/bin/sh\n", 0o600), "exec"},
		{"text", program("text", "no program", 0o700), "exec"},
		{"stranger", program("stranger", "#!/bin/sh\nexit 3\n", 0o700), "interpreter"},
		{"old", program("old", "#!/bin/sh\nprintf '\\nmochi-pyd:interpreter\\n/usr/bin/python\\n3.8.10\\n/usr\\ncpython\\n'\n", 0o700), "interpreter"},
	}
	var config strings.Builder
	for _, c := range cases {
		fmt.Fprintf(&config, "[pools.%s]\nmodule = \"both\"\npython = %q\nworkers = 1\n", c.pool, c.interpreter)
	}
	d := serve(t, rig.Options{Config: config.String()})
	h := dial(t, d)
	for _, c := range cases {
		e := refused(t, h, "pool_unavailable", c.pool+".add", "[3,4]")
		if e.Data["stage"] != c.stage || e.Data["hint"] == nil || e.Data["hint"] == "" {
			t.Errorf("%s: the error says stage %v, hint %v; want stage %s", c.pool, e.Data["stage"], e.Data["hint"], c.stage)
		}
		told := d.Log.Await(1, func(r rig.Record) bool { return r.Text("event") == "worker_exited" && r.Text("pool") == c.pool })
		if len(told) == 0 || told[0].Text("reason") != "start."+c.stage {
			t.Errorf("%s: the log says %v, want the reason start.%s", c.pool, told, c.stage)
		}
	}
}
