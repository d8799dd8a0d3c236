package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// The words that operators' scripts are written with. They stay: what is here may get
// company, and nothing of it may go.
var (
	stayingStates   = []string{"starting", "ready", "draining", "stopping", "dead"}
	stayingStatuses = []string{"opening", "open", "degraded", "broken", "paused", "draining", "closed"}
	stayingReasons  = strings.Fields(`exit signal oom deadline cancel recycle.requests recycle.age recycle.idle recycle.memory restart reload scale
		start.exec start.interpreter start.import start.ready start.protocol protocol parent operator`)
	stayingParams = map[string][]string{
		"mochi.scale":   {"pool", "workers"},
		"mochi.kill":    {"pool", "slot", "signal"},
		"mochi.restart": {"pool?", "slot?", "hard?", "wait?"},
		"mochi.logs":    {"pool?", "slot?", "n?", "since?", "level?", "follow?"},
		"mochi.events":  {"follow?"},
		"mochi.workers": {"pool?"}, "mochi.describe": {"pool", "slot?"}, "mochi.pause": {"pool"}, "mochi.resume": {"pool"},
		"mochi.reload": {"pool?", "wait?"}, "mochi.drain": {}, "mochi.status": {},
	}
)

const (
	controlPage = "../../deploy/CONTROL.md"
	updatePages = "MOCHI_PYD_UPDATE"
)

// TestTheStatesStatusesAndReasonsAreTheWordsThatStay, each of them and no other.
func TestTheStatesStatusesAndReasonsAreTheWordsThatStay(t *testing.T) {
	var states []string
	for s := supervisor.Starting; s <= supervisor.Dead; s++ {
		states = append(states, s.String())
	}
	for what, words := range map[string][2][]string{
		"states of a worker": {stayingStates, states},
		"status of a pool":   {stayingStatuses, constantsOf(t, "../../pool/status.go", "Status")},
		"reasons of an exit": {stayingReasons, constantsOf(t, "../../supervisor/exit.go", "Reason")},
	} {
		if diff := cmp.Diff(words[0], words[1]); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
}

// constantsOf are the string constants of a type, in their order.
func constantsOf(t *testing.T, file, typ string) (words []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if named, ok := spec.Type.(*ast.Ident); ok && named.Name == typ {
			word, _ := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			words = append(words, word)
		}
		return true
	})
	return words
}

// TestLastExitAndNowHaveTheShapesThatStay, of a worker that runs one function, one that
// runs several coroutines, and one whose forerunner fell.
func TestLastExitAndNowHaveTheShapesThatStay(t *testing.T) {
	r := start(t, "[pools.app]\nworkers = 1\n", map[string]string{"app": `
import asyncio, os, signal, sys, time
def die():
    print("last words", file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGHUP)
def nap(): time.sleep(60)
async def anap(): await asyncio.sleep(60)
`})
	host, operator := dial(t, r.host), dialRaw(t, r.host)
	worker := func() (w map[string]json.RawMessage) {
		t.Helper()
		var all struct{ Workers []map[string]json.RawMessage }
		if err := json.Unmarshal([]byte(call(t, dial(t, r.control), "mochi.workers", object{"pool": "app"})), &all); err != nil || len(all.Workers) != 1 {
			t.Fatalf("%v: %v", all, err)
		}
		return all.Workers[0]
	}
	members := func(raw json.RawMessage) []string {
		t.Helper()
		var o map[string]json.RawMessage
		if err := json.Unmarshal(raw, &o); err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		return slices.Sorted(maps.Keys(o))
	}
	if w := worker(); string(w["last_exit"]) != "null" || string(w["now"]) != "null" {
		t.Errorf("before anything: last_exit %s, now %s", w["last_exit"], w["now"])
	}
	_ = host.Call(t.Context(), "app.die", nil, nil)
	wait(t, "the worker has a successor", func() bool { return string(worker()["state"]) == `"ready"` })
	exit := worker()["last_exit"]
	if diff := cmp.Diff([]string{"at", "exit_code", "reason", "signal", "stderr_tail"}, members(exit)); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(string(exit), `"reason":"signal","signal":"SIGHUP","exit_code":null`) || !strings.Contains(string(exit), "last words") {
		t.Errorf("last_exit is %s", exit)
	}
	operator.send(t, `{"jsonrpc":"2.0","id":"mine","method":"app.anap"}`)
	wait(t, "it runs one function", func() bool { return string(worker()["now"]) != "null" })
	now := worker()["now"]
	if diff := cmp.Diff([]string{"function", "id", "running_ms"}, members(now)); diff != "" || !strings.Contains(string(now), `"function":"anap","id":"\"mine\""`) {
		t.Errorf("now is %s: %s", now, diff)
	}
	operator.send(t, `{"jsonrpc":"2.0","id":2,"method":"app.anap"}`)
	wait(t, "it runs two coroutines", func() bool { return strings.Contains(string(worker()["now"]), "coroutines") })
	now = worker()["now"]
	if diff := cmp.Diff([]string{"coroutines", "running_ms"}, members(now)); diff != "" || !strings.Contains(string(now), `"coroutines":2`) {
		t.Errorf("now is %s: %s", now, diff)
	}
}

// TestControlMethodsTakeExactlyTheParametersThatTheyName: each of those, in that order,
// and no other; what may not be left out is asked for.
func TestControlMethodsTakeExactlyTheParametersThatTheyName(t *testing.T) {
	r := start(t, "[pools.math]\nworkers = 1\n", nil)
	c := dial(t, r.control)
	said := func(method string, params any) string {
		t.Helper()
		var e *rpc.Error
		if err := c.Call(t.Context(), method, params, nil); !errors.As(err, &e) || e.Kind() != rpc.KindInvalidParams {
			t.Errorf("%s %v gave %v, want invalid_params", method, params, err)
			return ""
		}
		return e.Message
	}
	every := map[string]bool{"zzz": true}
	for _, m := range r.controls {
		for _, p := range m.params {
			every[strings.TrimSuffix(p, "?")] = true
		}
	}
	for name, m := range r.controls {
		names := make([]string, len(m.params))
		needed := object{}
		for i, p := range m.params {
			var optional bool
			if names[i], optional = strings.CutSuffix(p, "?"); !optional {
				needed[names[i]] = map[string]any{"pool": "math", "slot": 0}[names[i]]
			}
		}
		for param := range every {
			// Members are read in their order, so the first stranger is named, and
			// nothing is done.
			stranger := param
			if slices.Contains(names, param) {
				stranger = "stranger"
			}
			params := json.RawMessage(fmt.Sprintf(`{%q:null,"stranger":null}`, param))
			if got := said(name, params); !strings.Contains(got, fmt.Sprintf("unknown field %q", stranger)) {
				t.Errorf("%s %s: %s", name, params, got)
			}
		}
		takes := "none"
		if len(names) > 0 {
			takes = strings.Join(names, ", ")
		}
		if got := said(name, make(list, len(names)+1)); !strings.Contains(got, fmt.Sprintf("at most %d parameters (%s)", len(names), takes)) {
			t.Errorf("%s with one too many: %s", name, got)
		}
		for param := range needed {
			rest := maps.Clone(needed)
			delete(rest, param)
			if got := said(name, rest); !strings.Contains(got, param) {
				t.Errorf("%s without %s: %s", name, param, got)
			}
		}
		for _, stays := range stayingParams[name] {
			if !slices.Contains(m.params, stays) && !slices.Contains(m.params, stays+"?") {
				t.Errorf("%s does not take %s any more: it takes %q", name, stays, m.params)
			}
			if may, optional := strings.CutSuffix(stays, "?"); optional && slices.Contains(m.params, may) {
				t.Errorf("%s asks for %s, which could be left out", name, may)
			}
		}
	}
	for name := range stayingParams {
		if _, there := r.controls[name]; !there {
			t.Errorf("there is no %s any more", name)
		}
	}
}

// TestLogsWithoutAPoolAreThoseOfAll, in the order that they were written in.
func TestLogsWithoutAPoolAreThoseOfAll(t *testing.T) {
	r := start(t, "[pools.one]\nmodule = \"talkative\"\n[pools.two]\nmodule = \"talkative\"\n", map[string]string{"talkative": talkative})
	host, operator := dial(t, r.host), dial(t, r.control)
	for i, pool := range []string{"one", "two", "one"} {
		mark := fmt.Sprint("mark", i)
		call(t, host, pool+".say", list{1, mark})
		until(t, operator, mark, "mochi.logs", object{"pool": pool})
	}
	var all LogRecords
	if err := json.Unmarshal([]byte(call(t, operator, "mochi.logs", object{"n": 3})), &all); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, record := range all.Records {
		got = append(got, record.Pool+": "+record.Message)
	}
	if diff := cmp.Diff([]string{"one: 0 mark0", "two: 0 mark1", "one: 0 mark2"}, got); diff != "" {
		t.Error(diff)
	}
	refused(t, operator, rpc.KindInvalidParams, "a slot needs its pool", "mochi.logs", object{"slot": 0})
	for raw, err := range operator.Stream(t.Context(), "mochi.logs", object{"n": 1, "follow": true}) {
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(raw), "mark2") {
			go func() { _ = host.Call(t.Context(), "two.say", list{1, "later"}, nil) }()
		}
		if strings.Contains(string(raw), `"pool":"two"`) && strings.Contains(string(raw), "0 later") {
			break
		}
	}
}

// TestThePageOfTheControlSocketIsTheProgram: its methods, their parameters and the
// members of what they answer, all of them and no other.
func TestThePageOfTheControlSocketIsTheProgram(t *testing.T) {
	d := start(t, "", nil)
	want := controlText(t, d.controls)
	if os.Getenv(updatePages) != "" {
		if err := os.WriteFile(controlPage, []byte(want), 0o644); err != nil { //nolint:gosec // a page of the tree
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(controlPage)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("%s is not what the program is; run %s=1 go test ./internal/daemon -run Page\n%s", controlPage, updatePages, diff)
	}
}

// shapes are what the answers are made of, with where their members are explained.
var shapes = []struct {
	title, file string
	typ         reflect.Type
}{
	{"A pool, in `mochi.status`", "stat.go", reflect.TypeFor[PoolStatus]()},
	{"A worker, in `mochi.workers`", "stat.go", reflect.TypeFor[WorkerStatus]()},
	{"`last_exit` of a worker", "stat.go", reflect.TypeFor[ExitStatus]()},
	{"`now` of a worker", "stat.go", reflect.TypeFor[Now]()},
	{"A record of `mochi.logs`", "control_logs.go", reflect.TypeFor[LogLine]()},
	{"A record of `mochi.events`", "control_events.go", reflect.TypeFor[Event]()},
}

func controlText(t *testing.T, methods map[string]method) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, `# The control socket

<!-- Written from the program's own methods and answers: change them there, then
run %s=1 go test ./internal/daemon -run Page -->

What the commands do, programs can do: one JSON-RPC 2.0 request a line, with
parameters by name or in the order of the table. A parameter with a ? may be left
out; one that is not here is an error, for a typing mistake must not restart
everything. The words for states, statuses and reasons are in [COMMANDS.md](COMMANDS.md).

## Methods

| method | parameters | does |
|---|---|---|
`, updatePages)
	for _, name := range slices.Sorted(maps.Keys(methods)) {
		m := methods[name]
		fmt.Fprintf(&b, "| `%s` | `{%s}` | %s |\n", name, strings.Join(m.params, ", "), m.doc)
	}
	for _, s := range shapes {
		fmt.Fprintf(&b, "\n## %s\n\n| member | is | |\n|---|---|---|\n", s.title)
		said := commentsOf(t, s.file, s.typ.Name())
		for i := range s.typ.NumField() {
			f := s.typ.Field(i)
			name, option, _ := strings.Cut(f.Tag.Get("json"), ",")
			kind := jsonOf(f.Type)
			if option == "omitempty" {
				kind += ", if any"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name, kind, said[f.Name])
		}
	}
	return b.String()
}

// jsonOf is a Go type in the words of JSON.
func jsonOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return jsonOf(t.Elem()) + " or null"
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "list"
	case reflect.Struct, reflect.Map:
		if t.Name() == "Time" {
			return "time"
		}
		return "object"
	}
	return "number"
}

// commentsOf are what stands behind the fields of a struct.
func commentsOf(t *testing.T, file, typ string) map[string]string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Clean(file), nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != typ {
			return true
		}
		for _, f := range spec.Type.(*ast.StructType).Fields.List {
			for _, name := range f.Names {
				said[name.Name] = strings.TrimSpace(f.Comment.Text())
			}
		}
		return false
	})
	return said
}
