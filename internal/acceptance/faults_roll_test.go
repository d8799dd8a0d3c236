package acceptance

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// TestCodeThatBreaksInTheMiddleOfARollSaysWhoServesWhat is row F13 where the new
// code starts once and not again: no call fails, two generations serve, and the
// operator learns so, and what to do.
func TestCodeThatBreaksInTheMiddleOfARollSaysWhoServesWhat(t *testing.T) {
	d, m := reloadable(t)
	load := drive(t, d, "changing")
	m.put(t, fmt.Sprintf("import asyncio, os, time\nos.mkdir(%q)\n\ndef nap():\n    return 2\n\nasync def anap():\n    return 2\n", filepath.Join(t.TempDir(), "once")))
	a := operate(t, d, "mochi.reload", `{"pool":"changing","wait":true}`)
	if a.Error.Kind() != "import_failed" {
		t.Fatalf("the reload gave %s %+v, want the second worker's import_failed", a.Result, a.Error)
	}
	for _, part := range []string{"FileExistsError", "workers already on the new code: 1", "the others go on with the old code", "reload again"} {
		if !strings.Contains(a.Error.Message, part) {
			t.Errorf("the answer does not say %q: %s", part, a.Error.Message)
		}
	}
	whole(t, d, "changing")
	m.write(t, 200)
	if a := operate(t, d, "mochi.reload", `{"pool":"changing","wait":true}`); a.Error != nil || string(a.Result) != `{"reloaded":2}` {
		t.Errorf("the reload of mended code: %s %+v", a.Result, a.Error)
	}
	load.end(t)
	if got := call(t, dial(t, d), "changing.nap", ""); got != "200" {
		t.Errorf("the mended code is not what serves: %s", got)
	}
}
