package daemon

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mochilang/mochi-pyd/internal/config"
)

// elsewhere are the keys of a pool that are not the pool's own: what its worker's
// script and command are made of, and what the registry knows.
var elsewhere = []string{"alias", "methods", "python", "venv", "python-path", "env", "cwd", "preload"}

// TestEveryKeyOfAPoolReachesTheFieldOfItsName: a key that nobody hands on would be
// one without effect, and one that is handed to another's field would have its.
func TestEveryKeyOfAPoolReachesTheFieldOfItsName(t *testing.T) {
	d := start(t, "", nil)
	standard := config.Default().OnDemand("math")
	before := reflect.ValueOf(d.poolConfig(standard, 1))
	typ := reflect.TypeFor[config.Pool]()
	// Of the daemon's keys, and what no operator chooses.
	reached := []string{"MaxMessage", "LogRate", "Name", "Number", "Kinds"}
	for i := range typ.NumField() {
		key := typ.Field(i).Tag.Get("key")
		if key == "-" || slices.Contains(elsewhere, key) {
			continue
		}
		changed := standard
		switch f := reflect.ValueOf(&changed).Elem().Field(i); v := f.Interface().(type) {
		case int:
			f.SetInt(int64(v) + 1)
		case time.Duration:
			f.SetInt(int64(v + time.Second))
		case config.Size:
			f.SetInt(int64(v) + 1)
		case config.BusyPoll:
			changed.BusyPoll = config.BusyPoll{Max: time.Millisecond}
		case []string:
			f.Set(reflect.ValueOf([]string{"a", "b"}))
		case string:
			f.SetString(map[string]string{"event-loop": config.LoopPerCall, "module": "other"}[key])
		default:
			t.Errorf("this test does not know how to change %s, a %T", key, v)
		}
		want := typ.Field(i).Name
		if want == "EventLoop" {
			want = "LoopPerCall"
		}
		after := reflect.ValueOf(d.poolConfig(changed, 1))
		var differ []string
		for j := range after.NumField() {
			if !cmp.Equal(before.Field(j).Interface(), after.Field(j).Interface()) {
				differ = append(differ, after.Type().Field(j).Name)
			}
		}
		if !slices.Equal(differ, []string{want}) {
			t.Errorf("%s changes %q of its pool, want %s alone", key, differ, want)
		}
		reached = append(reached, differ...)
	}
	for i := range before.NumField() {
		if name := before.Type().Field(i).Name; !slices.Contains(reached, name) {
			t.Errorf("no key sets %s of a pool", name)
		}
	}
}

// limitKeys are keys of the daemon with values of their own.
const limitKeys = `
[daemon]
max-batch = 7
max-connections = 9
max-connections-per-uid = 8
max-in-flight = 10
max-callbacks = 12
max-bad-lines = 13
max-in-flight-per-uid = 11
max-inbound = "65MiB"
max-inbound-total = "66MiB"
max-outbound = "67MiB"
write-timeout = "68s"
`

// TestEveryKeyOfTheDaemonThatIsLiveIsLookedUpWhenItIsNeeded: what was copied at
// the start would not change.
func TestEveryKeyOfTheDaemonThatIsLiveIsLookedUpWhenItIsNeeded(t *testing.T) {
	r := startFile(t, "[pools.img]\n", two)
	before := r.limits()
	r.say(t, limitKeys+"[pools.img]\n")
	r.reread(t)
	settings := reflect.ValueOf(*r.settings())
	was, is := reflect.ValueOf(before), reflect.ValueOf(r.limits())
	for i := range was.NumField() {
		name := was.Type().Field(i).Name
		same := was.Field(i).Interface() == is.Field(i).Interface()
		if fixed := name == "MaxMessage" || name == "Grace"; same != fixed {
			t.Errorf("%s was %v and is %v", name, was.Field(i), is.Field(i))
		}
		key := settings.FieldByName(name)
		if !key.IsValid() && name != "Grace" { // which is made of the pools' graceful-timeout
			t.Errorf("%s is a bound without a key", name)
			continue
		}
		if key.IsValid() && key.Int() != is.Field(i).Int() {
			t.Errorf("%s is %v, and its key says %v", name, is.Field(i), key)
		}
	}
}

// otherwise is a value of each key that is not its default. {dir} is the test's.
var otherwise = map[string]string{
	"module": `"new"`, "modules": `["pdf", "new"]`, "alias": `"i"`, "methods": `["where"]`,
	"python": `"{python}"`, "venv": `"{venv}"`, "python-path": `["lib", "more"]`, "env": `{ WHO = "me" }`, "cwd": `"{dir}"`,
	"workers": "2", "max-workers": "2", "spare": "1", "concurrency": "3", "depth": "4", "preload": "true",
	"event-loop": `"per-call"`, "busy-poll": `"0s"`,
	"max-queue": "7", "max-handles": "6", "max-requests": "1000", "max-requests-jitter": "5", "max-memory": `"1GiB"`, "max-memory-hard": `"2GiB"`,
	"restart-limit": "9", "max-requeues": "0", "max-retries": "0",

	"socket": `"{dir}/other.sock"`, "control-socket": `"{dir}/otherctl.sock"`, "socket-mode": `"0600"`, "socket-group": `"0"`,
	"control-mode": `"0640"`, "control-group": `"0"`, "allow-uids": "[4242]", "import-policy": `"any"`, "metrics": `"unix:{dir}/m.sock"`,
	"allow-modules": `["math"]`, "log-format": `"json"`, "log-level": `"debug"`, "log-rate": "5", "max-message": `"1MiB"`, "max-batch": "8",
	"max-connections": "77", "max-connections-per-uid": "76", "max-in-flight": "75", "max-callbacks": "73", "max-bad-lines": "72", "max-in-flight-per-uid": "74",
	"max-inbound": `"80MiB"`, "max-inbound-total": `"81MiB"`, "max-outbound": `"82MiB"`,
	"max-pools": "9", "max-aliases": "10",
}

// with are keys that another needs beside it.
var with = map[string]string{"allow-modules": "import-policy = \"allow-list\"\n"}

// value is what to set a key to; a duration is one that no key has by default.
func (r *running) value(t *testing.T, k config.Key) string {
	t.Helper()
	value := otherwise[k.Name]
	switch {
	case value != "" && (k.Section != config.SectionDaemon || k.Name != "max-handles"):
	case k.Unit == "duration":
		value = `"77s"`
		if k.Name == "backoff-min" {
			value = `"7s"`
		}
	case k.Name == "max-handles":
		value = "12345"
	default:
		t.Fatalf("this test has no value for %s", k.Name)
	}
	return strings.NewReplacer("{dir}", r.dir, "{python}", pythons(t), "{venv}", filepath.Join(r.dir, "venv")).Replace(value)
}

// TestEachKeyOfAPoolIsReloadedAsItsRowSays: it is in force and shown with its line
// when reload answers; a live one keeps the pool's workers, the others replace them;
// and no other pool's workers are touched by any. Taken away again, the default holds.
func TestEachKeyOfAPoolIsReloadedAsItsRowSays(t *testing.T) {
	const others = "[pools.pdf]\n"
	r := startFile(t, others+"[pools.img]\n", two)
	makeVenv(t, filepath.Join(r.dir, "venv"))
	pdf := r.pids(t, "pdf")
	for _, k := range config.Keys() {
		if k.Section != config.SectionPools {
			continue
		}
		value := r.value(t, k)
		for _, doc := range []string{fmt.Sprintf("[pools.img]\n%s = %s\n", k.Name, value), "[pools.img]\n"} {
			before := r.pids(t, "img")
			r.say(t, others+doc)
			out := r.reread(t)
			if len(out.Plan) != 2 || len(out.Plan[0].Changes) == 0 || out.Plan[0].Pool != "img" || out.Plan[1].Action != config.ActionUnchanged {
				t.Fatalf("%s: the plan is %+v", k.Name, out.Plan)
			}
			s := settingOf(t, *r.pools.named("img").settings(), r.file(), k.Name)
			if set := strings.Contains(doc, "="); set != (s.Origin == r.file()+":6") {
				t.Errorf("%s = %s: in force is %s from %s", k.Name, value, s.Text, s.Origin)
			}
			wait(t, "img is whole after "+k.Name, func() bool {
				st := r.pools.named("img").pool.Stat()
				return st.Ready == st.Desired && st.Spares == st.Spare
			})
			now := r.pids(t, "img")
			kept := slices.ContainsFunc(now, func(pid int) bool { return slices.Contains(before, pid) })
			if kept != (k.Apply == config.ApplyLive) {
				t.Errorf("%s is %s, and img had %v and has %v", k.Name, k.Apply, before, now)
			}
		}
	}
	if now := r.pids(t, "pdf"); !slices.Equal(now, pdf) {
		t.Errorf("pdf had %v and has %v", pdf, now)
	}
	if st := r.pools.named("pdf").pool.Stat(); st.Restarts != 0 {
		t.Errorf("pdf has restarted %d times", st.Restarts)
	}
}

// TestEachKeyOfTheDaemonIsReloadedAsItsRowSays: a live one is in force when reload
// answers, one of the start stays what it was and is named; no worker is touched.
func TestEachKeyOfTheDaemonIsReloadedAsItsRowSays(t *testing.T) {
	r := startFile(t, "[pools.img]\n", two)
	before := r.pids(t, "img")
	for _, k := range config.Keys() {
		if k.Section != config.SectionDaemon {
			continue
		}
		was := settingOf(t, *r.settings(), "", k.Name)
		r.say(t, fmt.Sprintf("[daemon]\n%s%s = %s\n[pools.img]\n", with[k.Name], k.Name, r.value(t, k)))
		r.reread(t)
		now := settingOf(t, *r.settings(), r.file(), k.Name)
		pending := slices.Contains(r.state(t).ConfigPending, k.Name)
		if live := k.Apply == config.ApplyLive; live == pending || live == (now.Text == was.Text) {
			t.Errorf("%s is %s: it was %s and is %s, pending: %v", k.Name, k.Apply, was.Text, now.Text, pending)
		}
	}
	r.say(t, "[pools.img]\n")
	r.reread(t)
	if now := r.pids(t, "img"); !slices.Equal(now, before) {
		t.Errorf("img had %v and has %v", before, now)
	}
	if s := r.state(t); len(s.ConfigPending) > 0 {
		t.Errorf("with the file as it was, these are pending: %q", s.ConfigPending)
	}
}

func settingOf[T config.Pool | config.Daemon](t *testing.T, of T, file, key string) config.Setting {
	t.Helper()
	var all []config.Setting
	switch of := any(of).(type) {
	case config.Pool:
		all = of.Settings(file)
	case config.Daemon:
		all = of.Settings(file)
	}
	i := slices.IndexFunc(all, func(s config.Setting) bool { return s.Key == key })
	if i < 0 {
		t.Fatalf("there is no %s", key)
	}
	return all[i]
}
