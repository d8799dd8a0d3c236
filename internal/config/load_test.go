package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mochilang/mochi-pyd/internal/tomldoc"
)

func TestMistakesAreShownWithTheirPlaceAndACaret(t *testing.T) {
	for _, test := range []struct{ name, doc, want string }{
		{
			"unknown key with a neighbour", "[pool-defaults]\nwrokers = 4\n",
			"m.toml:2:1: unknown key \"wrokers\" (did you mean \"workers\"?)\n    wrokers = 4\n    ^^^^^^^",
		},
		{
			"indentation by tabs keeps the caret in its column", "[pools.a]\n\tworkrs = 4\n",
			"m.toml:2:2: unknown key \"workrs\" (did you mean \"workers\"?)\n    \tworkrs = 4\n    \t^^^^^^",
		},
		{
			"unknown table", "[daemn]\nsocket = \"/s\"\n",
			"m.toml:1:2: unknown key \"daemn\" (did you mean \"daemon\"?)\n    [daemn]\n     ^^^^^",
		},
		{
			"unknown key without a neighbour", "[daemon]\nfrobnicate = 1\n",
			"m.toml:2:1: unknown key \"frobnicate\"\n    frobnicate = 1\n    ^^^^^^^^^^",
		},
		{
			"key of another table", "[daemon]\nstart-timeout = \"1s\"\n",
			"m.toml:2:1: unknown key \"start-timeout\" (it belongs in [pool-defaults] or a pool)\n    start-timeout = \"1s\"\n    ^^^^^^^^^^^^^",
		},
		{
			"pool key in the defaults", "[pool-defaults]\nmodule = \"a\"\n",
			"m.toml:2:1: unknown key \"module\" (it belongs in a pool, [pools.NAME])\n    module = \"a\"\n    ^^^^^^",
		},
		{
			"wrong type", "[pool-defaults]\nworkers = \"4\"\n",
			"m.toml:2:11: workers wants a whole number, such as 2\n    workers = \"4\"\n              ^^^",
		},
		{
			"out of range", "[pools.a]\nworkers = 0\n",
			"m.toml:2:11: workers must be between 1 and 1024, not 0\n    workers = 0\n              ^",
		},
		{
			"duration without a unit", "[pools.a]\nstart-timeout = 30\n",
			"m.toml:2:17: start-timeout wants a string, such as \"30s\": a number needs a unit, as in \"30s\"\n    start-timeout = 30\n                    ^^",
		},
		{
			"duration without a unit, in quotes", "[pools.a]\nstart-timeout = \"30\"\n",
			"m.toml:2:17: start-timeout wants a duration with a unit (ms, s, m, h), such as \"30s\", not \"30\": the unit is missing, as in \"30s\"\n    start-timeout = \"30\"\n                    ^^^^",
		},
		{
			"size without a unit", "[daemon]\nmax-message = \"512\"\n",
			"m.toml:2:15: max-message wants a size with a unit (KiB, MiB, GiB), such as \"512MiB\", not \"512\": the unit is missing, as in \"512MiB\"\n    max-message = \"512\"\n                  ^^^^^",
		},
		{
			"word not in the list", "[daemon]\nimport-policy = \"everything\"\n",
			"m.toml:2:17: import-policy must be one of declared, allow-list, any, not \"everything\"\n    import-policy = \"everything\"\n                    ^^^^^^^^^^^^",
		},
		{
			"element of a list", "[pools.a]\nmethods = [\"ok\", \"no t\"]\n",
			"m.toml:2:18: methods wants a dotted Python name, such as \"numpy\" or \"os.path\", not \"no t\"\n    methods = [\"ok\", \"no t\"]\n                     ^^^^^^",
		},
		{
			"environment value that is a number", "[pools.a.env]\nN = 1\n",
			"m.toml:2:5: env.N wants a string: put the value in quotes\n    N = 1\n        ^",
		},
		{
			"syntax", "[daemon]\nsocket = \n",
			"m.toml:2:10: ",
		},
		{
			"the same key twice", "[daemon]\nsocket = \"/a\"\nsocket = \"/b\"\n",
			"m.toml:3:1: ",
		},
		{
			"pool with a dot in its name", "[pools.a.b]\nworkers = 1\n",
			"m.toml:1:10: unknown key \"b\": a pool whose name has a dot is written [pools.\"a.b\"]\n    [pools.a.b]\n             ^",
		},
		{
			"pool that is no table", "pools = 3\n",
			"m.toml:1:9: pools is a table: write [pools] on a line of its own\n    pools = 3\n            ^",
		},
		{
			"name of ours", "[pools.mochi]\n",
			"m.toml:1:8: \"mochi\" cannot name a pool",
		},
		{
			"pool that imports nothing", "[pools.img-resize]\n",
			"m.toml:1:8: pool \"img-resize\" has no module, and its name is none",
		},
		{
			"alias that is taken", "[pools.a]\n[pools.b]\nalias = \"a\"\n",
			"m.toml:3:1: alias \"a\" is taken by pool \"a\"",
		},
		{
			"two interpreters", "[pool-defaults]\npython = \"python3\"\nvenv = \"/v\"\n",
			"m.toml:3:1: both python and venv are set: keep one",
		},
		{
			"bounds that cross", "[pools.a]\nworkers = 4\nmax-workers = 2\n",
			"m.toml:3:1: max-workers (2) is below workers (4)",
		},
		{
			"permissions", "[daemon]\nsocket-mode = \"0777\"\n",
			"m.toml:2:15: socket-mode must let its owner read and write and nobody execute",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse("m.toml", "/etc/mochi-pyd", []byte(test.doc))
			if err == nil {
				t.Fatal("accepted")
			}
			if got := err.Error(); !strings.HasPrefix(got, test.want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, test.want)
			}
		})
	}
}

func TestEveryMistakeIsReportedAtOnceInOrder(t *testing.T) {
	_, err := Parse("m.toml", "/", []byte("[pools.b]\nworkers = 0\n[pools.a]\nworkers = -1\n[daemon]\nx = 1\n"))
	var lines []int
	for _, e := range err.(Errors) {
		lines = append(lines, e.Line)
	}
	if diff := cmp.Diff([]int{2, 4, 6}, lines); diff != "" {
		t.Error(diff)
	}
}

func TestThePagesExampleLoads(t *testing.T) {
	doc := `
[daemon]
socket = "/run/mochi-pyd/rpc.sock"
control-socket = "/run/mochi-pyd/ctl.sock"
socket-mode = "0660"
import-policy = "allow-list"
allow-modules = ["math", "numpy.*"]
metrics = "unix:/run/mochi-pyd/metrics.sock"
log-format = "auto"

[pool-defaults]
python = "python3"
workers = 2
concurrency = 64
event-loop = "persistent"
start-timeout = "30s"
call-timeout = "60s"
cancel-grace = "2s"
queue-timeout = "30s"
busy-poll = "auto"
max-queue = 1024
graceful-timeout = "30s"
stop-timeout = "5s"
max-requests = 0
max-age = "0s"
idle-timeout = "5m"
max-memory = "0"
backoff-min = "100ms"
max-requeues = 3
stream-idle-timeout = "60s"

[pools.numpy]
module = "numpy"
alias = "np"
methods = ["linalg.norm", "array"]
workers = 3
venv = "env"
`
	c, err := Parse("m.toml", "/srv", []byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	d := c.Daemon()
	if d.Socket != "/run/mochi-pyd/rpc.sock" || d.MaxMessage != 16<<20 || d.SocketMode != 0o660 || d.ControlMode != 0o600 {
		t.Errorf("daemon: %+v", d)
	}
	p := c.Pools()[0]
	if p.Name != "numpy" || p.Workers != 3 || p.Alias != "np" || p.Venv != "/srv/env" || !p.Declared || p.StartTimeout != 30*time.Second || !p.BusyPoll.Auto {
		t.Errorf("pool: %+v", p)
	}
	want := Origins{
		"workers": {OriginPool, 36}, "start-timeout": {OriginPoolDefaults, 16}, "depth": {OriginDefault, 0},
	}
	for key, origin := range want {
		if got := p.Origins[key]; got != origin {
			t.Errorf("origin of %s is %v, want %v", key, got, origin)
		}
	}
}

func TestFlagsWinOverTheFileEverywhere(t *testing.T) {
	c, err := Parse("m.toml", "/", []byte("[pools.a]\nworkers = 3\nvenv = \"/v\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range []struct {
		section Section
		key     string
		words   []string
	}{
		{SectionPoolDefaults, "workers", []string{"7"}},
		{SectionPoolDefaults, "python", []string{"./py"}},
		{SectionPoolDefaults, "python-path", []string{"lib", "/abs"}},
		{SectionDaemon, "log-level", []string{"debug"}},
	} {
		if err := c.Set(set.section, set.key, "/here", set.words...); err != nil {
			t.Fatal(err)
		}
	}
	p := c.Pools()[0]
	if p.Workers != 7 || p.Origins["workers"].Kind != OriginFlag {
		t.Errorf("workers = %d from %v", p.Workers, p.Origins["workers"])
	}
	if p.Python != "/here/py" || p.Venv != "" {
		t.Errorf("python %q, venv %q: the flag names the interpreter", p.Python, p.Venv)
	}
	if diff := cmp.Diff([]string{"/here/lib", "/abs"}, p.PythonPath); diff != "" {
		t.Error(diff)
	}
	if got := c.Daemon().LogLevel; got != "debug" {
		t.Errorf("log-level %q", got)
	}
	if err := c.Set(SectionPoolDefaults, "workers", "", "many"); err == nil {
		t.Error("--workers many was accepted")
	}
}

func TestWithoutAFileAnyModuleMayBeImported(t *testing.T) {
	if got := Default().Daemon().ImportPolicy; got != PolicyAny {
		t.Errorf("import-policy %q", got)
	}
	c, err := Parse("m.toml", "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Daemon().ImportPolicy; got != PolicyDeclared {
		t.Errorf("import-policy of an empty file is %q", got)
	}
}

func TestEveryKeyIsDocumentedAndItsDefaultParses(t *testing.T) {
	for _, k := range Keys() {
		if k.Doc == "" {
			t.Errorf("[%s] %s says nothing about itself", k.Section, k.Name)
		}
		if k.Default != "" && k.defaultValue() == nil {
			t.Errorf("[%s] %s: default %q gives nothing", k.Section, k.Name, k.Default)
		}
	}
}

func TestAMissingFileIsAnErrorThatNamesIt(t *testing.T) {
	file := filepath.Join(t.TempDir(), "none.toml")
	_, err := Load(file)
	if err == nil || !strings.HasPrefix(err.Error(), file+": cannot be read: no such file") {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(file, make([]byte, tomldoc.MaxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(file); err == nil {
		t.Error("a file without end was read")
	}
}

func FuzzLoaderNeverPanics(f *testing.F) {
	f.Add("[daemon]\nsocket = \"/s\"\nallow-uids = [1, 2]\n[pool-defaults]\nworkers = 4\n[pools.\"a.b\"]\nmodule = \"x\"\nenv = { A = \"1\" }\n")
	f.Add("[[pools]]\nx = 1\n")
	f.Add("[pools.a]\nmax-memory = \"9999999TiB\"\nmethods = [[1], {a = 1}]\n")
	f.Add("pools.a.workers = 1\npools.\"\".x = 1979-05-27\n")
	f.Add("\ufeff[daemon]\r\n\tlog-level='''\nx'''\n")
	f.Fuzz(func(t *testing.T, doc string) {
		c, err := Parse("f.toml", "/", []byte(doc))
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without words")
			}
			return
		}
		c.Daemon()
		c.Pools()
		c.OnDemand("m")
		var said strings.Builder
		for _, s := range c.Settings() {
			if s.Section != SectionPools && s.Origin != "default" {
				said.WriteString(string(s.Section) + "." + s.Key + " = " + s.Text + "\n")
			}
		}
		again, err := Parse("f.toml", "/", []byte(said.String()))
		if err != nil {
			t.Fatalf("what is shown cannot be read: %v", err)
		}
		d, next := c.Daemon(), again.Daemon()
		p, nextPool := c.OnDemand("m"), again.OnDemand("m")
		if changed := append(d.ChangesTo(&next, ""), p.ChangesTo(&nextPool, "")...); len(changed) > 0 {
			t.Errorf("what is shown means something else: %+v", changed)
		}
	})
}
