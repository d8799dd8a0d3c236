package arch

import (
	"slices"
	"strings"
	"testing"
)

const module = "github.com/mochilang/mochi-pyd/"

// floor is a storey of the house: a package on it may use what its own rule
// lists, all of it on lower storeys.
type floor struct {
	dir    string // the directory and everything below it
	level  int
	may    []string // directories of ours that its code may import, beside its own
	reason string
}

// floors, the longest matching directory decides.
var floors = []floor{
	{"rpc", 0, nil, "the wire is for embedders and hosts too: it knows nothing about Python, workers or pools, and imports no sibling"},
	{"render", 0, nil, "the script is a pure function of its options: it can be rendered ahead of time by a build that has no daemon, so it imports no sibling"},
	{"supervisor", 1, []string{"rpc"}, "it keeps one worker alive and is handed a Command: what the command runs (render) and what the worker serves (pool) are not its business"},
	{"pool", 2, []string{"supervisor", "rpc"}, "it serves the calls of one module over workers it is given: an embedder uses it without a socket, a config file or a daemon"},
	{"internal", 3, []string{"rpc", "render", "supervisor", "pool", "internal"}, "the daemon joins the floors below it; a command that it imported would pull flags into the library"},
	{"cmd", 4, []string{"rpc", "render", "supervisor", "pool", "internal", "cmd"}, "the commands stand on everything"},
	{"scripts/bench", 4, []string{"rpc", "supervisor", "pool", "internal/rig"}, "the benchmark asks the program from outside, and a pool in its own process as an embedder has one; nothing else of the inside is its business"},
	{"scripts/screenshots", 4, []string{"rpc", "internal/rig"}, "the pictures are of the program as a user sees it"},
	{"scripts", 4, []string{"rpc"}, "checks, demos and rigs prove the program from outside, as a host sees it: over its socket"},
}

func floorOf(pkg string) *floor {
	for i, f := range floors {
		if under(pkg, f.dir) {
			return &floors[i]
		}
	}
	return nil
}

func under(pkg, dir string) bool { return pkg == dir || strings.HasPrefix(pkg, dir+"/") }

// TestImportsRunDownOnly keeps the arrows between our own packages.
func TestImportsRunDownOnly(t *testing.T) {
	for _, s := range sources(t) {
		from := floorOf(s.pkg)
		if from == nil {
			t.Errorf("%s stands on no floor: the house is cmd, internal, pool, supervisor, rpc, render, scripts (and deploy, which holds no Go)", s.path)
			continue
		}
		for _, name := range s.imports {
			to, ours := strings.CutPrefix(name, module)
			if !ours || under(to, from.dir) || slices.ContainsFunc(from.may, func(dir string) bool { return under(to, dir) }) {
				continue
			}
			// A test may look sideways and down (a supervisor's test needs a real
			// script to run), never up.
			if s.isTest() && floorOf(to) != nil && floorOf(to).level <= from.level {
				continue
			}
			t.Errorf("%s imports %s, but %s", s.path, to, from.reason)
		}
	}
}

// TestOnlyTheDaemonJoinsRenderToPool keeps the one place where "what runs" and
// "who runs it" meet.
func TestOnlyTheDaemonJoinsRenderToPool(t *testing.T) {
	joins := map[string][2]bool{}
	for _, s := range sources(t) {
		if s.isTest() || under(s.pkg, "internal/daemon") {
			continue
		}
		j := joins[s.pkg]
		j[0] = j[0] || slices.Contains(s.imports, module+"render")
		j[1] = j[1] || slices.Contains(s.imports, module+"pool")
		joins[s.pkg] = j
	}
	for pkg, j := range joins {
		if j[0] && j[1] {
			t.Errorf("%s imports render and pool: only internal/daemon joins them, so that there is one place that decides what a pool's workers run", pkg)
		}
	}
}

// guests are third parties with a place: who may import them, and why nobody
// else.
var guests = []struct {
	path   string
	only   []string
	reason string
}{
	{"github.com/sourcegraph/jsonrpc2", []string{"rpc"}, "its Conn closes on malformed input and re-encodes params; rpc.Client uses what is good about it behind our own line stream (internal/adr/0001)"},
	{"github.com/spf13/cobra", []string{"cmd"}, "commands live in cmd; below it there are functions, which embedders can call"},
	{"github.com/spf13/pflag", []string{"cmd"}, "flags live in cmd; below it there are functions, which embedders can call"},
	{"github.com/oklog/run", []string{"cmd"}, "a command's main is a list of actors; below it Run(ctx) blocks until nothing of it is alive"},
	{"github.com/hashicorp/go-hclog", []string{"internal", "cmd", "scripts/bench/goplugin"}, "below floor 3 nothing logs: packages emit typed Events, and one file turns them into lines and metrics"},
	// rpc: jsonrpc2 logs unless it is handed a logger that does not.
	{"log", []string{"cmd", "rpc"}, "below floor 3 nothing logs, and floors 3 and 4 log through hclog"},
	{"log/slog", []string{"internal", "cmd"}, "below floor 3 nothing logs: packages emit typed Events"},
	{"github.com/pelletier/go-toml", []string{"internal/tomldoc"}, "files are read in one place, which knows where each key stands; what is below is handed plain values"},
	{"github.com/coreos/go-systemd", []string{"internal"}, "a pool in somebody else's program must not speak to systemd"},
	{"github.com/prometheus/client_golang", []string{"internal"}, "below floor 3 nothing counts for an exporter: packages emit typed Events"},
	{"github.com/ebitengine/purego", []string{"internal/embedded"}, "whoever links it is dynamic, and the daemon is static (internal/adr/0008)"},
	{"charm.land/bubbletea", []string{"internal/top"}, "it owns a terminal; whatever else prints, prints once and leaves"},
	{"github.com/charmbracelet/x/ansi", []string{"internal/top"}, "styles are for the one screen; tables are plain, so that they can be piped"},
	{"testing", []string{}, "code that a program links must not bring the test runner with it"},
	{"net/http/pprof", []string{"internal", "scripts"}, "importing it registers handlers for everybody"},
}

// TestGuestsKeepTheirPlace keeps third parties where they are wanted.
func TestGuestsKeepTheirPlace(t *testing.T) {
	for _, s := range sources(t) {
		for _, name := range s.imports {
			for _, g := range guests {
				if name != g.path && !strings.HasPrefix(name, g.path+"/v") {
					continue
				}
				if s.isTest() && (g.path == "testing" || floorOf(s.pkg).level >= 3) {
					continue
				}
				if !slices.ContainsFunc(g.only, func(dir string) bool { return under(s.pkg, dir) }) {
					t.Errorf("%s imports %s: %s", s.path, name, g.reason)
				}
			}
		}
	}
}

// lean are the packages for embedders that promise what they bring along.
var lean = map[string][]string{
	"render": {},
	"rpc":    {"github.com/sourcegraph/jsonrpc2", "github.com/go-json-experiment/json", "golang.org/x/sys"},
}

// TestEmbeddersPayForNothingTheyDoNotUse keeps the dependencies of floor 0.
func TestEmbeddersPayForNothingTheyDoNotUse(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest() {
			continue
		}
		for dir, allowed := range lean {
			if !under(s.pkg, dir) {
				continue
			}
			for _, name := range s.imports {
				first, _, _ := strings.Cut(name, "/")
				if !strings.Contains(first, ".") || strings.HasPrefix(name, module) {
					continue
				}
				if !slices.ContainsFunc(allowed, func(p string) bool { return under(name, p) }) {
					t.Errorf("%s imports %s: whoever embeds %s gets it too; allowed are the standard library and %q", s.path, name, dir, allowed)
				}
			}
		}
	}
}
