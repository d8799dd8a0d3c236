package render

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden scripts instead of comparing them")

// shapes are the scripts kept under testdata, to be read and diffed.
var shapes = map[string]WorkerOptions{
	"public": {Public: true, Modules: []string{"zoo"}},
	"only":   {Public: true, Modules: []string{"zoo"}, Methods: []string{"add", "Counter.total"}},
	"many":   {Public: true, Modules: []string{"zoo", "xml.etree.ElementTree"}},
	"sync": {
		ModuleImport: "from zoo import add, fail\n",
		Methods:      []string{"add", "fail"},
	},
	"async": {
		ModuleImport: "from zoo import nap, add\n",
		Methods:      []string{"nap", "add"},
		Async:        true,
	},
	"mixed": {
		ModuleImport: "from zoo import add, nap, count_async, block\n",
		Methods:      []string{"add", "nap", "count_async", "block"},
		Coroutines:   []string{"nap", "count_async"},
	},
}

// A golden script is the rendered one but for the runtime's digest, which
// changes with every line of the runtime and says nothing about the script.
func TestScriptsAreTheGoldenOnes(t *testing.T) {
	for name, o := range shapes {
		t.Run(name, func(t *testing.T) {
			s, err := RenderWorker(o)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Replace(s.Source, RuntimeDigest(), "the-runtime", 1)
			path := filepath.Join("testdata", name+".py")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s differs from what is rendered now: read the difference, then run the tests of this package with -update\n%s", path, got)
			}
		})
	}
}
