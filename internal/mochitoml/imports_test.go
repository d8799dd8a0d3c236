package mochitoml

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestImportStringsOfEveryShape(t *testing.T) {
	for s, want := range map[string]ImportSpec{
		"math":                        {"math", Dependency{Name: "math"}},
		"xml.etree.ElementTree":       {"xml.etree.ElementTree", Dependency{Name: "xml-etree-elementtree"}},
		"numpy@>=1.26,<3":             {"numpy", Dependency{Name: "numpy", Version: ">=1.26,<3"}},
		"numpy@*":                     {"numpy", Dependency{Name: "numpy"}},
		"uvicorn[standard]@~=0.30":    {"uvicorn", Dependency{Name: "uvicorn", Version: "~=0.30", Extras: []string{"standard"}}},
		"pkg[a, b]@path+./lib/pkg":    {"pkg", Dependency{Name: "pkg", Path: "./lib/pkg", Extras: []string{"a", "b"}}},
		"pkg@git+https://example.org": {"pkg", Dependency{Name: "pkg", Git: "https://example.org"}},
	} {
		got, err := ParseImport(s)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%q: %v %s", s, err, diff)
		}
	}
	for _, s := range []string{"", "1a", "a b", "numpy@", "numpy@1.26", "numpy[x", "numpy[]", "pkg@path+", "pkg@git+", "a..b", "os;rm"} {
		if got, err := ParseImport(s); err == nil {
			t.Errorf("%q was read as %+v", s, got)
		}
	}
}

func TestTheImportsOfAProgramAreFoundAndNothingElse(t *testing.T) {
	const program = `import python "math" as math
import python "xml.etree.ElementTree" as tree auto // comments follow
import go "strings" as strings
/* import python "never" as never
import python "never2" as never2 */ import python "json" as json
// import python "not_this" as x
let s = "import python \"quoted\" as q"
  import python "collections.abc"
`
	got, err := Imports("demo.mochi", program)
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	for _, i := range got {
		seen = append(seen, i.Module+" as "+i.As)
	}
	want := []string{"math as math", "xml.etree.ElementTree as tree", "json as json", "collections.abc as abc"}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Error(diff)
	}
}

func TestAnImportThatIsNoneIsToldWithItsLine(t *testing.T) {
	for _, test := range []struct{ program, want string }{
		{"\nimport python math as math\n", "demo.mochi:2: an import of Python is written"},
		{"import python \"ma th\" as m\n", "demo.mochi:1: \"ma th\" names no Python module"},
		{"import python \"a\" as m\nimport python \"b\" as m\n", "demo.mochi:2: m is a on line 1 already"},
	} {
		if _, err := Imports("demo.mochi", test.program); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v", test.program, err)
		}
	}
}

func FuzzImports(f *testing.F) {
	f.Add("import python \"math@>=1\" as m // x\n/* */ import python \"a[b]\"")
	f.Fuzz(func(t *testing.T, program string) {
		found, err := Imports("f", program)
		for _, i := range found {
			if err == nil && !moduleName.MatchString(i.Module) {
				t.Errorf("%q is no module's name", i.Module)
			}
		}
	})
}
