package mochitoml

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func parse(t *testing.T, text string) (*Manifest, error) {
	t.Helper()
	return Parse(filepath.Join("m", FileName), []byte(text))
}

func TestEveryKeyOfAManifestIsRead(t *testing.T) {
	m, err := parse(t, `
[package]
name = "shop"      # none of our business
python-like = 1

[python]
requires-python = ">=3.9,<4"
runtime-mode = "embedded"
runtime = { event-loop = "per-call" }
async-mode = "per-call"

[python.capabilities]
net = true
c-extension = true
cextension = true

[python-dependencies]
numpy = ">=1.26, <3"
Scikit_Learn = "*"
requests = { version = "~=2.31", extras = ["socks"], markers = "python_version < '3.13'" }
local = { path = "./local" }
remote = { git = "https://example.org/remote.git", tag = "v1" }
`)
	if err != nil {
		t.Fatal(err)
	}
	want := &Manifest{
		File: m.File, Dir: m.Dir,
		RequiresPython: ">=3.9,<4", RuntimeMode: ModeEmbedded, EventLoop: LoopPerCall,
		Capabilities: Capabilities{Net: true, CExtension: true},
		Dependencies: []Dependency{
			{Name: "scikit-learn"},
			{Name: "local", Path: "./local"},
			{Name: "numpy", Version: ">=1.26, <3"},
			{Name: "remote", Git: "https://example.org/remote.git", Rev: "v1"},
			{Name: "requests", Version: "~=2.31", Extras: []string{"socks"}, Markers: "python_version < '3.13'"},
		},
	}
	if diff := cmp.Diff(want, m, cmpopts.IgnoreUnexported(Manifest{})); diff != "" {
		t.Error(diff)
	}
}

func TestEachMistakeIsToldWithItsPlace(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"unknown key", "[python]\nruntime-mod = \"embedded\"\n", `2:1: unknown key "runtime-mod" (did you mean "runtime-mode"?)`},
		{"unknown key of the runtime", "[python]\nruntime = { event-lop = \"per-call\" }\n", `2:13: unknown key "event-lop" (did you mean "event-loop"?)`},
		{"unknown table", "[python-dependecies]\nnumpy = \"*\"\n", `1:2: unknown key "python-dependecies" (did you mean "python-dependencies"?)`},
		{"unknown capability", "[python.capabilities]\nnett = true\n", `2:1: unknown key "nett" (did you mean "net"?)`},
		{"a mode that is none", "[python]\nruntime-mode = \"subproces\"\n", `2:16: runtime-mode must be "subprocess" or "embedded", not "subproces" (did you mean "subprocess"?)`},
		{"two spellings that disagree", "[python]\nasync-mode = \"persistent\"\nruntime = { event-loop = \"per-call\" }\n", `2:14: async-mode is "persistent" and runtime.event-loop is "per-call"`},
		{"two spellings of a grant that disagree", "[python.capabilities]\ncextension = true\nc-extension = false\n", `are two spellings of one grant`},
		{"bad specifier", "[python]\nrequires-python = \"3.9\"\n", `2:19: requires-python: "3.9" is no version specifier of PEP 440`},
		{"bad specifier of a dependency", "[python-dependencies]\nnumpy = \">>1\"\n", `2:9: numpy: ">>1" is no version specifier of PEP 440`},
		{"half a specifier", "[python-dependencies]\nnumpy = \">=1,\"\n", `2:9: numpy: ">=1," is no version specifier`},
		{"wrong type", "[python]\nrequires-python = 3.9\n", `2:19: requires-python must be a string in quotes`},
		{"a grant that is no bool", "[python.capabilities]\nnet = \"yes\"\n", `2:7: net must be true or false`},
		{"one distribution twice", "[python-dependencies]\nscikit-learn = \"*\"\nscikit_learn = \"*\"\n", `3:1: "scikit-learn" and "scikit_learn" are one distribution`},
		{"two sources", "[python-dependencies]\na = { version = \">=1\", path = \"x\" }\n", `2:1: a has more than one of version, path and git`},
		{"revision of nothing", "[python-dependencies]\na = { tag = \"v1\" }\n", `2:7: tag is of a git source`},
		{"no TOML", "[python\n", `1:`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := parse(t, test.text)
			if err == nil || !strings.Contains(err.Error(), "mochi.toml:") || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v\nwant …%s…", err, test.want)
			}
		})
	}
}

func TestAManifestIsFoundUpward(t *testing.T) {
	root := t.TempDir()
	deep := filepath.Join(root, "a", "b")
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	want := filepath.Join(root, FileName)
	if err := os.WriteFile(want, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(deep, FileName), 0o700); err != nil { // a directory is none
		t.Fatal(err)
	}
	got, err := Find(deep)
	if err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestAnInterpreterThatIsNotWantedIsNamedWithThePlace(t *testing.T) {
	m, err := parse(t, "[python]\nrequires-python = \">=3.12,!=3.13.1\"\n")
	if err != nil {
		t.Fatal(err)
	}
	for version, ok := range map[string]bool{"3.12.0": true, "3.11.7": false, "3.13.1": false, "3.14.0": true} {
		if err := m.CheckPython("/usr/bin/python3", version); (err == nil) != ok {
			t.Errorf("%s: %v", version, err)
		} else if err != nil && !strings.Contains(err.Error(), "mochi.toml:2:19: requires-python is") {
			t.Errorf("%s has no place: %v", version, err)
		}
	}
}

func TestACapabilityThatIsNotGrantedIsNamedWithItsModule(t *testing.T) {
	m := &Manifest{Capabilities: Capabilities{Net: true}}
	if got := m.Missing("requests.sessions"); len(got) != 0 {
		t.Errorf("requests needs only net, which is granted: %q", got)
	}
	if got := m.Missing("numpy"); len(got) != 1 || !strings.Contains(got[0], "module numpy") || !strings.Contains(got[0], "cextension") {
		t.Errorf("got %q", got)
	}
	for module, needs := range wants {
		for _, name := range needs {
			if c := capabilityOf(name); c == nil || c.name != name {
				t.Errorf("%s needs %s, which is no capability", module, name)
			}
		}
	}
}
