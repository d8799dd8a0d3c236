package acceptance

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// logKeys are all that a line of the log may have, beside hclog's own.
const logKeys = "event pool slot pid generation request_id function peer_uid duration_ms queue_ms exit_code signal " +
	"reason restarts backoff_ms stream logger trace_id"

// lineLimit is how long a line may take from a worker to the log, on a machine that
// is busy.
const lineLimit = 20 * time.Second

// traceOf is the n-th host's trace.
func traceOf(n int) string { return fmt.Sprintf("%032x", 0xfeed<<32+n) }

// traced gives a request a traceparent, and more options.
func traced(n int, method, params, more string) string {
	return fmt.Sprintf(`%s,"meta":{"traceparent":"00-%s-00f067aa0ba902b7-01"%s}}`, strings.TrimSuffix(rig.Request(n, method, params), "}"), traceOf(n), more)
}

// verbs are how the lines of the module traced begin or end, with the word that its
// caller gave: each function writes these.
var (
	verbs = map[string][]string{
		"speak":  {"printed", "written", "logged", "warned", "ValueError:", "stumbled over", "half of"},
		"murmur": {"printed", "logged", "threaded", "written", "ValueError:", "afterwards"},
	}
	spoken = regexp.MustCompile(`(printed|written|logged|warned|ValueError:|stumbled over|half of|threaded|afterwards) w(\d+)\b`)
)

// murmurs sends calls to one worker, all at once: sync and async in turn, with a
// trace each or, where some are plain, all but every fourth. It reads their answers
// and gives the functions by request.
func murmurs(t *testing.T, d *rig.Daemon, calls int, plain bool) map[int]string {
	t.Helper()
	h, functions := dial(t, d), map[int]string{}
	var lines []string
	var ids []int
	for n := 1; n <= calls; n++ {
		function, params := "speak", fmt.Sprintf(`["w%d"]`, n)
		if n%2 == 0 {
			function, params = "murmur", fmt.Sprintf(`["w%d",0.02]`, n)
		}
		functions[n] = function
		ids = append(ids, n)
		if plain && isPlain(n) {
			lines = append(lines, rig.Request(n, "traced."+function, params))
		} else {
			lines = append(lines, traced(n, "traced."+function, params, ""))
		}
	}
	send(t, h, lines...)
	for n, a := range answers(t, h, ids...) {
		if a.Error != nil {
			t.Fatalf("call %d: %+v", n, a.Error)
		}
	}
	return functions
}

func isPlain(n int) bool { return n%4 >= 2 }

// unheard are the lines that have not been logged yet, as "VERB wN".
func unheard(functions map[int]string, messages []string) []string {
	heard := map[string]bool{}
	for _, message := range messages {
		for _, said := range spoken.FindAllString(message, -1) {
			heard[said] = true
		}
	}
	var missing []string
	for n, function := range functions {
		for _, verb := range verbs[function] {
			if said := fmt.Sprintf("%s w%d", verb, n); !heard[said] {
				missing = append(missing, said)
			}
		}
	}
	return missing
}

const tracedPool = "\n[daemon]\nlog-rate = 0\n[pools.traced]\nworkers = 1\n"

// TestEachLineOfACallBearsItsTrace: what calls that run at the same time on one
// worker print, log, warn of and stumble over is told apart, whatever was written
// by asyncio.to_thread, by a task that a call has left behind, or read after its answer.
func TestEachLineOfACallBearsItsTrace(t *testing.T) {
	t.Parallel()
	d := serve(t, rig.Options{Config: tracedPool})
	const calls = 120
	functions := murmurs(t, d, calls, true)
	var lines []rig.Record
	rig.Until(lineLimit, func() bool {
		lines = events(d, "worker_log")
		var messages []string
		for _, r := range lines {
			messages = append(messages, r.Message())
		}
		return len(unheard(functions, messages)) == 0
	})
	var messages []string
	loggers := map[string]bool{}
	for _, r := range lines {
		messages = append(messages, r.Message())
		said := spoken.FindStringSubmatch(r.Message())
		if said == nil {
			continue
		}
		n, err := strconv.Atoi(said[2])
		if err != nil {
			t.Fatal(err)
		}
		trace := traceOf(n)
		if isPlain(n) {
			trace = ""
		}
		if r.Text("trace_id") != trace {
			t.Errorf("the trace is %q, want %q: %v", r.Text("trace_id"), trace, r)
		}
		if r.Text("request_id") != strconv.Itoa(n) || r.Text("function") != functions[n] {
			t.Errorf("call %d, %s, wrote %v", n, functions[n], r)
		}
		loggers[r.Text("logger")] = true
	}
	if missing := unheard(functions, messages); len(missing) > 0 {
		t.Errorf("%d lines were not logged: %.20q", len(missing), missing)
	}
	if got, want := slices.Sorted(maps.Keys(loggers)), []string{"", "app", "app.loop", "py.warnings", "root"}; !slices.Equal(got, want) {
		t.Errorf("the loggers are %q, want %q", got, want)
	}
	if told := string(operate(t, d, "mochi.logs", `{"pool":"traced"}`).Result); !strings.Contains(told, fmt.Sprintf(`"trace_id":%q`, traceOf(1))) {
		t.Error("mochi.logs does not know the trace")
	}
}

// TestATextLogBearsTheTraceToo, and so does one that is marked for a journal: on
// the first line of each record, the further ones being marked as such.
func TestATextLogBearsTheTraceToo(t *testing.T) {
	t.Parallel()
	head := regexp.MustCompile(` request_id=(\d+) .*trace_id=([0-9a-f]{32})\b`)
	below := regexp.MustCompile(`^(<\d>)?  \| `)
	for _, format := range []string{"text", "journal"} {
		d := serve(t, rig.Options{Config: tracedPool, Args: []string{"--log-format", format}})
		const calls = 12
		functions := murmurs(t, d, calls, false)
		var lines []string
		rig.Until(lineLimit, func() bool {
			lines = d.Log.Loose()
			return len(unheard(functions, lines)) == 0
		})
		if missing := unheard(functions, lines); len(missing) > 0 {
			t.Errorf("%s: %d lines were not logged: %.20q", format, len(missing), missing)
		}
		for _, line := range lines {
			said := spoken.FindStringSubmatch(line)
			if said == nil || below.MatchString(line) {
				continue
			}
			if bears := head.FindStringSubmatch(line); bears == nil || bears[1] != said[2] {
				t.Errorf("%s: the line says nothing of its call: %s", format, line)
			} else if n, err := strconv.Atoi(said[2]); err != nil || bears[2] != traceOf(n) {
				t.Errorf("%s: the trace is not %s: %s", format, traceOf(n), line)
			}
		}
	}
}

// TestTheDaemonsOwnLinesOfACallBearItsTrace: of one that failed there is one line,
// whoever ended it, with its trace, how long it took and why it failed.
func TestTheDaemonsOwnLinesOfACallBearItsTrace(t *testing.T) {
	t.Parallel()
	d := serve(t, rig.Options{Config: "\n[pools.traced]\nworkers = 1\ncancel-grace = \"200ms\"\n"})
	h := dial(t, d)
	failures := []struct{ kind, method, params, more string }{
		{"python_error", "traced.fail", `["oh"]`, ""},
		{"invalid_params", "traced.two", `[1,2,3]`, ""},
		{"not_serializable", "traced.nan", "", ""},
		{"method_not_found", "traced.nosuch", "", ""},
		{"method_not_found", "nowhere", "", ""},
		{"deadline_exceeded", "traced.nap", `[20]`, `,"timeout_ms":50`},
		{"deadline_exceeded", "traced.spin", "", `,"timeout_ms":100`}, // its worker is killed
		{"request_cancelled", "traced.nap", `[20]`, ""},
		{"worker_lost", "traced.die", "", ""},
		{"worker_lost", "traced.leave", "", ""},
	}
	for i, f := range failures {
		n := i + 1
		send(t, h, traced(n, f.method, f.params, f.more))
		if f.kind == "request_cancelled" {
			runs(t, d, "traced", "nap")
			send(t, h, cancelling(n))
		}
		if got := answers(t, h, n)[n].Error.Kind(); got != f.kind {
			t.Fatalf("%s%s: %q, want %s", f.method, f.params, got, f.kind)
		}
	}
	failed := func(r rig.Record) bool { return r.Text("event") == "call_failed" }
	lines := d.Log.Await(len(failures), failed)
	if len(lines) != len(failures) {
		t.Fatalf("%d lines for %d calls: %v", len(lines), len(failures), lines)
	}
	for i, f := range failures {
		n, r := i+1, lines[i]
		function := strings.TrimPrefix(f.method, "traced.")
		for key, want := range map[string]any{
			"trace_id": traceOf(n), "request_id": strconv.Itoa(n), "function": function, "reason": f.kind, "peer_uid": float64(os.Getuid()),
		} {
			if r[key] != want {
				t.Errorf("%s: %s is %v, want %v", f.method, key, r[key], want)
			}
		}
		for key, has := range map[string]bool{
			"duration_ms": true, "pool": function != "nowhere", "slot": f.kind == "worker_lost", "pid": f.kind == "worker_lost",
			"signal": function == "die", "exit_code": function == "leave", "queue_ms": f.kind == "python_error",
		} {
			if _, is := r[key]; has && !is {
				t.Errorf("%s: there is no %s: %v", f.method, key, r)
			}
		}
	}
}

// TestTheKeysOfTheLogAreTheListed: whatever happens, a line is JSON, and has no key
// but those that are documented; and each of these has something to say.
func TestTheKeysOfTheLogAreTheListed(t *testing.T) {
	t.Parallel()
	vanished := filepath.Join(t.TempDir(), "vanished")
	if err := os.WriteFile(vanished, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d := serve(t, rig.Options{
		Config: fmt.Sprintf("\n[daemon]\nlog-rate = 20\n[pool-defaults]\nworkers = 1\nmax-memory = \"1MiB\"\nenv = { MOCHI_ACCEPTANCE_VANISHED = %q }\n[pools.traced]\n[pools.flood]\n[pools.vanishes_at_import]\n", vanished),
		Args:   []string{"--log-level", "trace"},
	})
	h := dial(t, d)
	murmurs(t, d, 8, true)
	for i, request := range []string{
		traced(1, "traced.fail", `["oh"]`, ""),
		traced(2, "traced.nap", `[20]`, `,"timeout_ms":50`),
		traced(3, "traced.die", "", ""),
		traced(4, "traced.leave", "", ""),
		traced(5, "vanishes_at_import.f", "", ""),
		rig.Request(6, "flood.stderr", `[100000]`),
	} {
		send(t, h, request)
		answers(t, h, i+1)
	}
	for method, params := range map[string]string{
		"mochi.restart": `{"pool":"traced","wait":true}`, "mochi.scale": `{"pool":"traced","workers":2}`, "mochi.pause": `{"pool":"flood"}`,
		"mochi.reload": `{}`, "mochi.kill": `{"pool":"nosuch","slot":0,"signal":"TERM"}`,
	} {
		operate(t, d, method, params)
	}
	listed := strings.Fields(logKeys)
	found := map[string]string{}
	rig.Until(lineLimit, func() bool {
		for _, r := range d.Log.Find(func(rig.Record) bool { return true }) {
			for key := range r {
				found[key] = r.Text("event")
			}
		}
		return len(found) >= len(listed)
	})
	if err := d.Stop(); err != nil { // its last lines are lines, too
		t.Error(err)
	}
	for _, r := range d.Log.Find(func(rig.Record) bool { return true }) {
		for key := range r {
			if !slices.Contains(listed, key) && !slices.Contains([]string{"@level", "@message", "@timestamp"}, key) {
				t.Errorf("%s has the key %s: %v", r.Text("event"), key, r)
			}
		}
		if r.Text("@level") == "" || r.Text("@timestamp") == "" || r.Text("@message") == "" {
			t.Errorf("a line without level, time or message: %v", r)
		}
	}
	for _, key := range listed {
		if _, is := found[key]; !is {
			t.Errorf("nothing that happened has the key %s", key)
		}
	}
	if loose := d.Log.Loose(); len(loose) > 0 {
		t.Errorf("%d lines are no JSON, the first is %q", len(loose), loose[0])
	}
}

// TestTheJournalFindsACallByItsTrace: what the call wrote and what became of it, each
// an entry with its priority, under one field.
func TestTheJournalFindsACallByItsTrace(t *testing.T) {
	module, err := os.ReadFile(filepath.Join(fixtures, "traced.py"))
	if err != nil {
		t.Fatal(err)
	}
	g := machine(t, "[pools.traced]\nworkers = 1\n", map[string]string{"traced": string(module)}, nil)
	g.must(t, "systemctl", "start", "mochi-pyd.service")
	h, err := rig.Dial(g.host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	send(t, h, traced(1, "traced.speak", `["w1"]`, ""), traced(2, "traced.murmur", `["w2",0.02]`, ""))
	answers(t, h, 1, 2)
	// under gives the entries of a trace, as messages with their priorities.
	under := func(n int, whole func(all string) bool) (all string) {
		rig.Until(guestLimit, func() bool {
			all = ""
			for line := range strings.Lines(g.journal("-o", "json", "MOCHI_TRACE_ID="+traceOf(n))) {
				var e map[string]any
				if json.Unmarshal([]byte(line), &e) == nil {
					all += fmt.Sprintf("<%v> %v\n", e["PRIORITY"], e["MESSAGE"])
				}
			}
			return whole(all)
		})
		return all
	}
	for n, function := range map[int]string{1: "speak", 2: "murmur"} {
		said := under(n, func(all string) bool { return len(unheard(map[int]string{n: function}, []string{all})) == 0 })
		if missing := unheard(map[int]string{n: function}, []string{said}); len(missing) > 0 || strings.Contains(said, fmt.Sprintf("w%d", 3-n)) {
			t.Errorf("of call %d these lines are not found by its trace: %q; those are:\n%s", n, missing, said)
		}
		if !strings.Contains(said, fmt.Sprintf("<4> logged w%d: ", n)) {
			t.Errorf("a warning has no priority of one:\n%s", said)
		}
	}
	send(t, h, traced(3, "traced.die", "", ""))
	answers(t, h, 3)
	if said := under(3, func(all string) bool { return all != "" }); !strings.Contains(said, "<4> call failed: ") || !strings.Contains(said, "SIGSEGV") {
		t.Errorf("of the call that died the journal says: %s", said)
	}
}
