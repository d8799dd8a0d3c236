package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// update rewrites what is made from the tags instead of comparing it.
const update = "MOCHI_PYD_UPDATE"

var pageFile = filepath.Join("..", "..", "deploy", "CONFIG.md")

// TestThePageSaysEveryKeyAndNoOther keeps the committed page what the tags say.
func TestThePageSaysEveryKeyAndNoOther(t *testing.T) {
	want := Page()
	if os.Getenv(update) != "" {
		if err := os.WriteFile(pageFile, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(pageFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("deploy/CONFIG.md is not what the keys say; run %s=1 go test ./internal/config\n%s", update, diff)
	}
	// And the page names them: a generator that dropped a table would agree with itself.
	named := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\|").FindAllStringSubmatch(string(got), -1) {
		named[row[1]] = true
	}
	if diff := cmp.Diff(keyNames(Keys()), named); diff != "" {
		t.Error(diff)
	}
}

func keyNames(keys []Key) map[string]bool {
	names := map[string]bool{}
	for _, k := range keys {
		names[k.Name] = true
	}
	return names
}

// TestEveryFieldIsAKeyThatSaysWhatAReloadDoes: a field without a key could not
// be set, and one without an apply would be reloaded in a way nobody chose.
func TestEveryFieldIsAKeyThatSaysWhatAReloadDoes(t *testing.T) {
	for _, typ := range []reflect.Type{reflect.TypeFor[Daemon](), reflect.TypeFor[Pool]()} {
		for i := range typ.NumField() {
			if f := typ.Field(i); f.Tag.Get("key") == "" {
				t.Errorf("%s.%s has no key", typ.Name(), f.Name)
			}
		}
	}
	for _, k := range Keys() {
		if !slices.Contains([]Apply{ApplyLive, ApplyRolling, ApplyReplaced, ApplyRestart}, k.Apply) {
			t.Errorf("[%s] %s: a reload does %q", k.Section, k.Name, k.Apply)
		}
		if pool := k.Section != SectionDaemon; pool == (k.Apply == ApplyRestart) && (pool || k.Apply != ApplyLive) {
			t.Errorf("[%s] %s cannot be applied as %q", k.Section, k.Name, k.Apply)
		}
	}
}

// TestTheSchemaHasEveryKeyAndNoOther in the table where it belongs.
func TestTheSchemaHasEveryKeyAndNoOther(t *testing.T) {
	raw, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	type object struct {
		Properties map[string]json.RawMessage
		Additional json.RawMessage `json:"additionalProperties"`
	}
	read := func(raw json.RawMessage) (o object) {
		if err := json.Unmarshal(raw, &o); err != nil {
			t.Fatal(err)
		}
		return o
	}
	root := read(raw)
	tables := map[Section]json.RawMessage{
		SectionDaemon:       root.Properties["daemon"],
		SectionPoolDefaults: root.Properties["pool-defaults"],
		SectionPools:        read(root.Properties["pools"]).Additional,
	}
	for section, table := range tables {
		o := read(table)
		var want []string
		for _, k := range Keys() {
			if k.Section == section {
				want = append(want, k.Name)
			}
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(o.Properties))); diff != "" {
			t.Errorf("[%s]: %s", section, diff)
		}
		if string(o.Additional) != "false" {
			t.Errorf("[%s] admits keys that there are not", section)
		}
	}
	// The patterns admit the defaults that stand in the same schema.
	for _, k := range Keys() {
		var s struct {
			Default any
			Pattern string
		}
		if err := json.Unmarshal(read(tables[k.Section]).Properties[k.Name], &s); err != nil {
			t.Fatal(err)
		}
		if text, ok := s.Default.(string); ok && s.Pattern != "" && !regexp.MustCompile(s.Pattern).MatchString(text) {
			t.Errorf("[%s] %s: the default %q does not match %s", k.Section, k.Name, text, s.Pattern)
		}
	}
}

// TestWhatIsShownCanBeReadAgain: the text of every value is TOML, and means that
// value.
func TestWhatIsShownCanBeReadAgain(t *testing.T) {
	said := `
[daemon]
socket = "/run/a b.sock"
allow-uids = [1, 2]
import-policy = "allow-list"
allow-modules = ["a.*", "b"]
max-message = "1536KiB"
write-timeout = "1m30s"
socket-mode = "0600"
[pools.x]
env = { A = "1\n\"2\"", "b.c" = "\t\u0001\u007f\u2028<&>" }
busy-poll = "200us"
start-timeout = "1h"
max-memory = "1.5GiB"
preload = true
max-age = "1.5s"
`
	first, err := Parse("first.toml", "/", []byte(said))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, s := range first.Settings() {
		if s.Section == SectionDaemon || s.Section == SectionPools && s.Key != "modules" && s.Key != "venv" && s.Text != `""` {
			table := "daemon"
			if s.Pool != "" {
				table = "pools." + s.Pool
			}
			fmt.Fprintf(&b, "%s.%s = %s\n", table, s.Key, s.Text)
		}
	}
	again, err := Parse("again.toml", "/", []byte(b.String()))
	if err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	d, next := first.Daemon(), again.Daemon()
	if changed := d.ChangesTo(&next, ""); len(changed) > 0 {
		t.Errorf("%+v", changed)
	}
	if changed := first.Pools()[0].ChangesTo(&again.Pools()[0], ""); len(changed) > 0 {
		t.Errorf("%+v", changed)
	}
}

// TestWarningsNameWhatWillNotDoAndItsPlace.
func TestWarningsNameWhatWillNotDoAndItsPlace(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct{ doc, want string }{
		{"[pools.a]\nvenv = \"none\"\n", "m.toml:2:1: venv " + dir + "/none cannot be read: no such file or directory\n    venv = \"none\"\n    ^^^^"},
		{"[pools.a]\nvenv = \".\"\n", "m.toml:2:1: venv " + dir + " has no interpreter: " + dir + "/bin/python: "},
		{"[pools.a]\npython = \"no-such-python\"\n", "m.toml:2:1: python \"no-such-python\" cannot be run: executable file not found"},
		{"[pool-defaults]\npython-path = [\"lib\"]\n", "m.toml:2:1: python-path " + dir + "/lib cannot be read: no such file"},
		{"[pools.a]\ncwd = \"m.toml\"\n", "m.toml:2:1: cwd " + dir + "/m.toml "},
		{"[pools.a]\nmax-requests-jitter = 3\n", "m.toml:2:1: max-requests-jitter does nothing without max-requests"},
		{"[daemon]\nsocket = \"run/rpc.sock\"\n", "m.toml:2:1: socket: its directory " + dir + "/run cannot be read"},
	} {
		c, err := Parse("m.toml", dir, []byte(test.doc))
		if err != nil {
			t.Fatal(err)
		}
		warnings := c.Warnings()
		if len(warnings) != 1 || !strings.HasPrefix(warnings[0].Error(), test.want) {
			t.Errorf("%q: %v, want one that begins with %q", test.doc, warnings, test.want)
		}
	}
	c, err := Parse("m.toml", dir, []byte("[pools.math]\n"))
	if err != nil || len(c.Warnings()) > 0 || len(Default().Warnings()) > 0 {
		t.Errorf("nothing is wrong, and it says %v, %v", err, c.Warnings())
	}
}
