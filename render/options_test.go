package render

import (
	"strings"
	"testing"
)

func TestOptionsThatCannotBeServedAreRefusedWithAWayOut(t *testing.T) {
	for _, c := range []struct {
		name string
		o    WorkerOptions
		want string // in the error
	}{
		{"no import", WorkerOptions{Methods: []string{"f"}}, "ModuleImport"},
		{"blank import", WorkerOptions{ModuleImport: " \n", Methods: []string{"f"}}, "ModuleImport"},
		{"no methods", WorkerOptions{ModuleImport: "from m import f"}, "no methods"},
		{"digit first", WorkerOptions{ModuleImport: "from m import f", Methods: []string{"1bad"}}, "1bad"},
		{"hyphen", WorkerOptions{ModuleImport: "from m import f", Methods: []string{"bad-name"}}, "bad-name"},
		{"empty name", WorkerOptions{ModuleImport: "from m import f", Methods: []string{""}}, "empty"},
		{"dotted without Public", WorkerOptions{ModuleImport: "import m", Methods: []string{"m.f"}}, "m.f"},
		{"keyword", WorkerOptions{ModuleImport: "import m", Methods: []string{"lambda"}}, "keyword"},
		{"not ASCII", WorkerOptions{ModuleImport: "import m", Methods: []string{"naïve"}}, "ASCII"},
		{"the script's own name", WorkerOptions{ModuleImport: "import m", Methods: []string{"_METHODS"}}, "script itself"},
		{"dunder", WorkerOptions{ModuleImport: "import m", Methods: []string{"__name__"}}, "script itself"},
		{"twice", WorkerOptions{ModuleImport: "import m", Methods: []string{"f", "f"}}, "twice"},
		{"coroutine that is no method", WorkerOptions{ModuleImport: "import m", Methods: []string{"f"}, Coroutines: []string{"g"}}, "g"},
		{"string of several lines", WorkerOptions{ModuleImport: `x = """`, Methods: []string{"f"}}, "several lines"},
		{"Modules without Public", WorkerOptions{Modules: []string{"m"}, Methods: []string{"f"}}, "Public"},
		{"Public without modules", WorkerOptions{Public: true}, "Modules"},
		{"Public with text", WorkerOptions{Public: true, Modules: []string{"m"}, ModuleImport: "import os"}, "ModuleImport"},
		{"Public with kinds", WorkerOptions{Public: true, Modules: []string{"m"}, Async: true}, "by itself"},
		{"module with a space", WorkerOptions{Public: true, Modules: []string{"m; import os"}}, "identifier"},
		{"module with an empty segment", WorkerOptions{Public: true, Modules: []string{"m..n"}}, "empty"},
		{"module twice", WorkerOptions{Public: true, Modules: []string{"m", "m"}}, "twice"},
		{"method with an empty segment", WorkerOptions{Public: true, Modules: []string{"m"}, Methods: []string{".f"}}, "empty"},
		{"label", WorkerOptions{Public: true, Modules: []string{"m"}, Label: `m"""`}, "label"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.o.Validate()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("Validate: %v, want an error about %q", err, c.want)
			}
			if _, rerr := RenderWorker(c.o); rerr == nil || rerr.Error() != err.Error() {
				t.Errorf("RenderWorker: %v, want what Validate says", rerr)
			}
		})
	}
}

func TestOptionsThatCanBeServedAreAccepted(t *testing.T) {
	for _, o := range []WorkerOptions{
		{ModuleImport: "from m import f", Methods: []string{"f"}},
		{ModuleImport: "from m import match", Methods: []string{"match"}},
		{ModuleImport: "from m import _f", Methods: []string{"_f"}},
		{Public: true, Modules: []string{"xml.etree.ElementTree"}},
		{Public: true, Modules: []string{"numpy"}, Methods: []string{"linalg.norm", "array"}},
	} {
		if err := o.Validate(); err != nil {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
