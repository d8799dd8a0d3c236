package acceptance

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// TestDevModeServesWhatWasSaved: a change of the module, of what it imports, or
// of a package made meanwhile is served by itself; a mistake is one line in the
// log, and the code before it goes on serving; another pool is left alone.
func TestDevModeServesWhatWasSaved(t *testing.T) {
	const limit = 20 * time.Second
	dir := t.TempDir()
	source, helper := module{filepath.Join(dir, "edited.py")}, module{filepath.Join(dir, "helper.py")}
	source.put(t, "import helper\ndef answer(): return 1 + helper.BASE\n")
	helper.put(t, "BASE = 10\n")
	d := serve(t, rig.Options{Workers: 2, Args: []string{"--dev", "--python-path", dir}})
	h := dial(t, d)
	call(t, h, "math.sqrt", "[9]")
	whole(t, d, "math")
	untouched, err := d.Workers("math")
	if err != nil {
		t.Fatal(err)
	}
	serves := func(want string) {
		t.Helper()
		began := time.Now()
		var got string
		// Both workers, so twice: neither has the old code.
		if !rig.Until(limit, func() bool {
			got = call(t, h, "edited.answer", "")
			return got == want && call(t, h, "edited.answer", "") == want
		}) {
			t.Fatalf("edited.answer is %s %s after the save, want %s", got, limit, want)
		}
		t.Logf("%s after %s", want, time.Since(began).Round(time.Millisecond))
	}
	serves("11")
	whole(t, d, "edited")

	// Same size, and mostly the same second: the cache must not decide.
	source.put(t, "import helper\ndef answer(): return 2 + helper.BASE\n")
	serves("12")
	helper.put(t, "BASE = 20\n")
	serves("22")

	source.put(t, "import helper\ndef answer(: return 3\n")
	mistakes := func() []rig.Record {
		return d.Log.Find(func(r rig.Record) bool { return r.Text("event") == "reload" && r.Text("@level") == "error" })
	}
	if !rig.Until(limit, func() bool { return len(mistakes()) > 0 }) {
		t.Fatalf("the log says nothing of the mistake")
	}
	broken := mistakes()[0]
	if all := fmt.Sprint(broken); !strings.Contains(all, "SyntaxError") || !strings.Contains(all, "def answer(:") {
		t.Errorf("the log says of the mistake: %v", broken)
	}
	serves("22")
	loud := d.Log.Find(func(r rig.Record) bool {
		return strings.Contains(fmt.Sprint(r), "SyntaxError") && r.Text("@level") != "debug"
	})
	if n := len(mistakes()); len(loud) != n { // one save may be seen as two on a busy machine
		t.Errorf("the mistake, loaded %d times, is %d lines of the log: %v", n, len(loud), loud)
	}

	if err := os.Mkdir(filepath.Join(dir, "parts"), 0o700); err != nil {
		t.Fatal(err)
	}
	part := module{filepath.Join(dir, "parts", "__init__.py")}
	part.put(t, "BASE = 100\n")
	source.put(t, "import parts\ndef answer(): return 1 + parts.BASE\n")
	serves("101")
	part.put(t, "BASE = 200\n")
	serves("201")

	after, err := d.Workers("math")
	if err != nil {
		t.Fatal(err)
	}
	for i := range after {
		if after[i].PID != untouched[i].PID {
			t.Errorf("a pool without sources of its own was reloaded: %+v was %+v", after[i], untouched[i])
		}
	}
}
