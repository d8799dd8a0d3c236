package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// documented are the defaults that the operators' manual promises, in its words.
const documented = `
[daemon]
socket-mode = "0660"
import-policy = "declared"
allow-modules = []
allow-uids = []
socket-group = ""
control-group = ""
metrics = ""
log-format = "auto"
max-in-flight = 4096

[pool-defaults]
python = "python3"
python-path = []
env = {}
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
max-requests-jitter = 0
max-age = "0s"
idle-timeout = "5m"
max-memory = "0"
max-memory-hard = "0"
backoff-min = "100ms"
backoff-max = "30s"
restart-limit = 5
restart-window = "60s"
max-requeues = 3
max-retries = 2
stream-idle-timeout = "60s"
`

// TestTheDocumentedDefaultsAreTheDefaults.
func TestTheDocumentedDefaultsAreTheDefaults(t *testing.T) {
	said, err := Parse("manual.toml", "/", []byte(documented))
	if err != nil {
		t.Fatal(err)
	}
	silent, err := Parse("empty.toml", "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	d, other := silent.Daemon(), said.Daemon()
	p, pool := silent.OnDemand("m"), said.OnDemand("m")
	for _, c := range append(d.ChangesTo(&other, ""), p.ChangesTo(&pool, "")...) {
		t.Errorf("%s is %s by default, and the manual promises %s", c.Key, c.From, c.To)
	}
}

// TestAPoolsNameIsItsModuleAndEveryKeyOfTheDefaultsMayBeSetAgain.
func TestAPoolsNameIsItsModuleAndEveryKeyOfTheDefaultsMayBeSetAgain(t *testing.T) {
	c, err := Parse("m.toml", "/", []byte("[pools.numpy]\n[pools.both]\nmodules = [\"httpx\", \"app\"]\nalias = \"b\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	both, numpy := c.Pools()[0], c.Pools()[1]
	if numpy.Module != "numpy" || len(numpy.Methods) != 0 {
		t.Errorf("module %q, methods %q", numpy.Module, numpy.Methods)
	}
	if !slices.Equal(both.Modules, []string{"httpx", "app"}) || both.Alias != "b" {
		t.Errorf("modules %q, alias %q", both.Modules, both.Alias)
	}
	for _, k := range defaultKeys.keys {
		if poolKeys.byName[k.Name] == nil {
			t.Errorf("%s cannot be set for one pool", k.Name)
		}
	}
}

// place writes one key into its table, and says where its value begins.
func place(k *Key, value string) (doc, at string) {
	table := string(k.Section)
	if k.Section == SectionPools {
		table += ".p"
	}
	return fmt.Sprintf("[%s]\n%s = %s\n", table, k.Name, value), fmt.Sprintf("m.toml:2:%d: ", len(k.Name)+len(" = ")+1)
}

// misfits are values that a key cannot have: of another type, without a unit, out of its
// bounds, empty or twice.
func misfits(k *Key) (wrong []string) {
	for value, fits := range map[string]bool{
		`true`: k.typ == typeBool, `7`: k.typ == typeInt, `7.5`: false, `"\u0000"`: false, `1979-05-27`: false,
		`{ A = "b" }`: k.typ == typeMap, `["a"]`: k.typ == typeStrings, `[7]`: k.typ == typeInts,
	} {
		if !fits {
			wrong = append(wrong, value)
		}
	}
	switch k.typ {
	case typeDuration, typeBusyPoll, typeSize:
		wrong = append(wrong, `"7"`, `"7 parsecs"`, `"-1s"`, `"-1MiB"`, `""`)
	case typeInt:
		wrong = append(wrong, `"7"`)
	case typeBool:
		wrong = append(wrong, `"true"`, `1`)
	case typeStrings:
		wrong = append(wrong, `"a"`)
	case typeMode:
		wrong = append(wrong, `"rw-rw----"`, `"1777"`, `"0060"`, `""`)
	}
	if len(k.Enum) > 0 {
		wrong = append(wrong, `"nonesuch"`, `""`)
	}
	if k.as == "module" || k.as == "pattern" {
		bad := `"no such"`
		if k.typ == typeStrings {
			bad = `["fine", "no such"]`
		}
		wrong = append(wrong, bad)
	}
	return wrong
}

// TestEveryKeyRefusesWhatIsNoValueOfItAtItsPlace: of each key the wrong types, numbers
// without a unit where one is needed, and values beyond its bounds.
func TestEveryKeyRefusesWhatIsNoValueOfItAtItsPlace(t *testing.T) {
	for _, k := range Keys() {
		wrong := misfits(&k)
		if k.typ == typeInt {
			wrong = append(wrong, beyond(t, k.Min, -1), beyond(t, k.Max, 1))
		}
		for _, value := range wrong {
			doc, at := place(&k, value)
			_, err := Parse("m.toml", "/", []byte(doc))
			if err == nil {
				t.Errorf("[%s] %s = %s was accepted", k.Section, k.Name, value)
				continue
			}
			got := err.Error()
			// A list or a table is blamed at its element.
			line := strings.HasPrefix(got, "m.toml:2:") && strings.ContainsAny(value, "[{")
			if !line && !strings.HasPrefix(got, at) || !strings.Contains(got, "\n    "+strings.Split(doc, "\n")[1]+"\n") || !strings.HasSuffix(strings.TrimRight(got, "\n"), "^") {
				t.Errorf("%s: got\n%s\nwant it at %s with its line and a caret", value, got, at)
			}
			if !strings.Contains(got, k.Name) {
				t.Errorf("%s: the error does not name %s: %s", value, k.Name, got)
			}
		}
	}
}

func beyond(t *testing.T, bound string, by int64) string {
	t.Helper()
	var n int64
	if _, err := fmt.Sscan(bound, &n); err != nil {
		t.Fatalf("%q is no bound: %v", bound, err)
	}
	return fmt.Sprint(n + by)
}

// TestEveryKeyWithAUnitHasBoundsThatHold: a duration or a size without end would be one
// that nobody chose.
func TestEveryKeyWithAUnitHasBoundsThatHold(t *testing.T) {
	for _, k := range Keys() {
		beyond := map[string]string{"duration": "90000h", "size": "1000TiB"}[k.Unit]
		if beyond == "" {
			continue
		}
		doc, at := place(&k, `"`+beyond+`"`)
		if _, err := Parse("m.toml", "/", []byte(doc)); err == nil || !strings.HasPrefix(err.Error(), at+k.Name+" must be between "+k.Min+" and "+k.Max) {
			t.Errorf("[%s] %s = %q: %v", k.Section, k.Name, beyond, err)
		}
	}
}

// TestEveryKeyIsTheOneThatATypingMistakeOfItMeans: a letter too few is enough to
// be understood and not enough to be obeyed.
func TestEveryKeyIsTheOneThatATypingMistakeOfItMeans(t *testing.T) {
	for _, k := range Keys() {
		known := map[Section]table{SectionDaemon: daemonKeys, SectionPoolDefaults: defaultKeys, SectionPools: poolKeys}[k.Section]
		typo := k.Name[:1] + k.Name[2:]
		if known.byName[typo] != nil || len(typo) < 3 {
			continue
		}
		mistyped := k
		mistyped.Name = typo
		doc, _ := place(&mistyped, "1")
		want := fmt.Sprintf("m.toml:2:1: unknown key %q (did you mean %q?)\n    %s = 1\n    %s\n", typo, k.Name, typo, strings.Repeat("^", len(typo)))
		if _, err := Parse("m.toml", "/", []byte(doc)); err == nil || err.Error()+"\n" != want {
			t.Errorf("got %v, want\n%s", err, want)
		}
	}
}

// TestKeysThatContradictEachOtherAreShownWithTheirPlace.
func TestKeysThatContradictEachOtherAreShownWithTheirPlace(t *testing.T) {
	for doc, want := range map[string]string{
		"[pools.a]\nbackoff-min = \"1m\"\n":                                       "2:1: backoff-max (30s) is below backoff-min (1m0s)\n    backoff-min = \"1m\"\n    ^^^^^^^^^^^",
		"[pools.a]\nbackoff-min = \"2s\"\nbackoff-max = \"1s\"\n":                 "3:1: backoff-max (1s) is below backoff-min (2s)",
		"[pool-defaults]\nmax-workers = 3\n[pools.a]\nworkers = 4\n":              "4:1: max-workers (3) is below workers (4)",
		"[pool-defaults]\nmax-workers = 1\n":                                      "2:1: max-workers (1) is below workers (2)",
		"[pools.a]\nmax-memory = \"2GiB\"\nmax-memory-hard = \"1GiB\"\n":          "3:1: max-memory-hard is below max-memory",
		"[pools.a]\nvenv = \"/v\"\npython = \"python3\"\n":                        "2:1: both python and venv are set: keep one",
		"[pools.a]\nmodule = \"a\"\nmodules = [\"b\"]\n":                          "3:1: pool \"a\" has both module and modules: keep one",
		"[pools.a]\nmodules = []\n":                                               "2:1: pool \"a\": modules is empty",
		"[pools.a]\nmodules = [\"b\", \"c\", \"b\"]\n":                            "2:22: modules holds \"b\" twice: keep one",
		"[pools.a]\nmethods = [\"f\", \"f\"]\n":                                   "2:17: methods holds \"f\" twice: keep one",
		"[pools.a]\nalias = \"x\"\n[pools.b]\nalias = \"x\"\n":                    "4:1: alias \"x\" is taken by pool \"a\"",
		"[pools.a]\nalias = \"rpc.x\"\n":                                          "2:1: alias \"rpc.x\": names that begin with mochi. and rpc. are the daemon's own",
		"[daemon]\nallow-modules = [\"math\"]\n":                                  "2:1: allow-modules needs import-policy = \"allow-list\"",
		"[daemon]\nmax-pools = 1\n[pools.a]\n[pools.b]\n":                         "2:1: max-pools is 1, but 2 pools are declared",
		"[daemon]\nsocket = \"/s\"\ncontrol-socket = \"/s\"\n":                    "3:1: control-socket and socket are the same path",
		"[daemon]\nsocket = \"/s\"\nmetrics = \"unix:/s\"\n":                      "3:1: metrics cannot be served on /s",
		"[daemon]\nsocket = \"/r/s\"\nmetrics = \"unix:ctl.sock\"\n[pools.a]\n":   "3:1: metrics cannot be served on /r/ctl.sock",
		"[daemon]\nimport-policy = \"declared\"\nallow-modules = [\"os.path\"]\n": "3:1: allow-modules needs",
	} {
		_, err := Parse("m.toml", "/r", []byte(doc))
		if err == nil || !strings.HasPrefix(err.Error(), "m.toml:"+want) {
			t.Errorf("%q: got\n%v\nwant\nm.toml:%s", doc, err, want)
		}
	}
}

// TestWhatAnotherKeyTakesTheEffectFromIsWarnedOf.
func TestWhatAnotherKeyTakesTheEffectFromIsWarnedOf(t *testing.T) {
	for doc, want := range map[string]string{
		"[daemon]\nsocket-group = \"g\"\nsocket-mode = \"0600\"\n":                                "2:1: socket-group does nothing: with socket-mode 0600 nobody of group g can connect",
		"[daemon]\ncontrol-group = \"g\"\ncontrol-mode = \"0640\"\n":                              "2:1: control-group does nothing: with control-mode 0640",
		"[daemon]\nmax-connections = 4\nmax-connections-per-uid = 5\n":                            "3:1: max-connections-per-uid (5) is above max-connections (4)",
		"[daemon]\nmax-batch = 5000\n":                                                            "2:1: max-batch (5000) is above max-in-flight (4096)",
		"[daemon]\nmax-inbound = \"1MiB\"\n":                                                      "2:1: max-inbound (1MiB) is below twice max-message (16MiB)",
		"[daemon]\nmax-inbound-total = \"63MiB\"\n":                                               "2:1: max-inbound-total (63MiB) is below max-inbound (64MiB)",
		"[daemon]\nmax-handles = 5\n[pools.math]\nmax-handles = 6\n":                              "4:1: max-handles (6) is above that of [daemon] (5)",
		"[pools.math]\nidle-timeout = \"1m\"\n":                                                   "2:1: idle-timeout does nothing: the pool is declared and not elastic",
		"[pools.math]\nqueue-timeout = \"2m\"\n":                                                  "2:1: queue-timeout (2m) is above call-timeout (1m)",
		"[daemon]\nimport-policy = \"allow-list\"\nallow-modules = []\n[pools.math]\n":            "3:1: allow-modules is empty",
		"[daemon]\ncontrol-group = \"g\"\n[pools.math]\nmax-workers = 3\nidle-timeout = \"1m\"\n": "",
	} {
		c, err := Parse("m.toml", "/", []byte(doc))
		if err != nil {
			t.Errorf("%q: %v", doc, err)
			continue
		}
		var got []string
		for _, w := range c.Warnings() {
			got = append(got, w.Error())
		}
		if want == "" && len(got) == 0 {
			continue
		}
		if len(got) != 1 || want == "" || !strings.HasPrefix(got[0], "m.toml:"+want) {
			t.Errorf("%q: %q, want m.toml:%s", doc, got, want)
		}
	}
}

// TestWhatIsShownHasEachKeyOnceWithItsOrigin: config show is made of this.
func TestWhatIsShownHasEachKeyOnceWithItsOrigin(t *testing.T) {
	c, err := Parse("m.toml", "/", []byte("[daemon]\nlog-rate = 5\n[pool-defaults]\nworkers = 3\n[pools.a]\nmax-queue = 9\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Set(SectionDaemon, "log-level", "", "debug"); err != nil {
		t.Fatal(err)
	}
	origins := map[string]string{}
	for _, s := range c.Settings() {
		name := string(s.Section) + "." + s.Pool + "." + s.Key
		if origins[name] != "" {
			t.Errorf("%s is shown twice", name)
		}
		origins[name] = s.Origin
	}
	for _, k := range Keys() {
		pool := ""
		if k.Section == SectionPools {
			pool = "a"
		}
		name := string(k.Section) + "." + pool + "." + k.Name
		want := map[string]string{
			"daemon..log-rate": "m.toml:2", "daemon..log-level": "flag --log-level", "pool-defaults..workers": "m.toml:4",
			"pools.a.workers": "m.toml:4", "pools.a.max-queue": "m.toml:6",
		}[name]
		if want == "" {
			want = "default"
		}
		if origins[name] != want {
			t.Errorf("%s comes from %q, want %q", name, origins[name], want)
		}
		delete(origins, name)
	}
	if len(origins) > 0 {
		t.Errorf("shown, and no keys: %v", origins)
	}
}

// TestTheSchemaHasTheDefaultTypeAndBoundsOfEachKey.
func TestTheSchemaHasTheDefaultTypeAndBoundsOfEachKey(t *testing.T) {
	for _, k := range Keys() {
		s := k.schema()
		if v := k.defaultValue(); v != nil && !cmp.Equal(s["default"], wire(v)) {
			t.Errorf("[%s] %s: default %v, want %v", k.Section, k.Name, s["default"], wire(v))
		}
		if s["type"] == nil || !strings.Contains(fmt.Sprint(s["description"]), k.Doc) {
			t.Errorf("[%s] %s: %v", k.Section, k.Name, s)
		}
		if k.Unit != "" && s["pattern"] == nil {
			t.Errorf("[%s] %s wants a unit, and its schema takes any text", k.Section, k.Name)
		}
		if k.typ == typeInt && (fmt.Sprint(s["minimum"]) != k.Min || fmt.Sprint(s["maximum"]) != k.Max) {
			t.Errorf("[%s] %s is from %v to %v, want %s to %s", k.Section, k.Name, s["minimum"], s["maximum"], k.Min, k.Max)
		}
	}
}

// TestOnlyWhatAProcessIsStartedWithNeedsAnother: all other keys are live. Whoever adds
// one that is not says so here, too.
func TestOnlyWhatAProcessIsStartedWithNeedsAnother(t *testing.T) {
	slow := map[Apply][]string{
		ApplyRolling:  {"busy-poll", "concurrency", "cwd", "depth", "env", "event-loop", "max-handles", "methods", "module", "modules", "python", "python-path", "venv"},
		ApplyReplaced: {"preload"},
		ApplyRestart:  {"control-group", "control-mode", "control-socket", "log-format", "max-message", "metrics", "socket", "socket-group", "socket-mode"},
	}
	got := map[Apply][]string{}
	for _, k := range Keys() {
		if k.Apply != ApplyLive && k.Section != SectionPoolDefaults {
			got[k.Apply] = append(got[k.Apply], k.Name)
		}
	}
	for _, names := range got {
		slices.Sort(names)
	}
	if diff := cmp.Diff(slow, got); diff != "" {
		t.Error(diff)
	}
}
