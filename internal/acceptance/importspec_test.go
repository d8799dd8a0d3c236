package acceptance

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// TestMochisImportStringsAreTaken: the name is imported under its alias, what is
// installed is held to the version that was asked for, and what is missing is
// told with its environment and the command that installs it.
func TestMochisImportStringsAreTaken(t *testing.T) {
	needs(t, "attr", "PIL")
	d := serve(t, rig.Options{Workers: 1})
	h := dial(t, d)
	for spec, as := range map[string]string{
		"math": "m1", "attr@>=20": "m2", "attr[tests]@>=20,<1000": "m3", "PIL@*": "m4", "PIL.Image@>5": "m5", "json@path+./anything": "m6",
	} {
		if got := call(t, h, "mochi.import", fmt.Sprintf(`{"module":%q,"as":%q}`, spec, as)); !strings.Contains(got, `"methods":[`) {
			t.Errorf("%s gave %.200s", spec, got)
		}
	}
	if got := call(t, h, "m1.sqrt", "[16]"); got != "4.0" {
		t.Errorf("the alias calls %s", got)
	}
	for spec, want := range map[string]string{
		"PIL@<5":                           "pip install 'pillow<5'", // named as it is installed
		"attr@>=1000":                      "pip install 'attrs>=1000'",
		"math@>=1":                         "module math is asked for as >=1 and it belongs to no installed distribution",
		"nowhere_at_all[fast]@>=2,<3":      "pip install 'nowhere-at-all[fast]>=2,<3'",
		"nowhere_at_all@git+https://x.org": "pip install 'nowhere-at-all @ git+https://x.org'",
	} {
		f := refused(t, h, "import_failed", "mochi.import", fmt.Sprintf(`{"module":%q,"as":"other"}`, spec))
		if !strings.Contains(f.Message, want) || !strings.Contains(f.Message, python) && !strings.Contains(f.Message, "environment of") {
			t.Errorf("%s is refused with %q, want …%s…", spec, f.Message, want)
		}
	}
	refused(t, h, "invalid_params", "mochi.import", `{"module":"math@1.0"}`)
	refused(t, h, "invalid_params", "mochi.import", `{"module":"ma th@>=1"}`)
}
