package daemon

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mochilang/mochi-pyd/rpc"
)

// typed is a module whose annotations cover what schemas are made of.
const typed = `
import dataclasses, datetime, decimal, enum, pathlib, typing, uuid

class Colour(enum.Enum):
    RED = "red"

@dataclasses.dataclass
class Point:
    x: float
    near: typing.List["Point"] = dataclasses.field(default_factory=list)

class Movie(typing.TypedDict):
    name: str

class Pair(typing.NamedTuple):
    left: int
    right: str

def move(p: Point, to: typing.Tuple[int, ...] = (), *rest: Pair, by: typing.Optional[float] = None, **named: Movie) -> Point:
    "Move it. <b>*/</b>"
    return p

def formats(a: datetime.datetime, b: decimal.Decimal, c: uuid.UUID, d: pathlib.Path, e: bytes, f: Colour,
            g: typing.Literal["a", 1], h: typing.Union[int, str], i: typing.Dict[str, typing.Set[int]], /) -> None: ...

async def later(seconds: float, *, why): ...

ANSWER = 42
`

// validated holds a document to the meta-schemas, and reads it.
func validated(t *testing.T, raw string) openRPC {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(raw), &value); err != nil {
		t.Fatal(err)
	}
	all := loadMetaSchemas(t)
	if err := all.check(openRPCAddress, map[string]any{"$ref": openRPCAddress + "#"}, value, "$"); err != nil {
		t.Fatalf("the document is no OpenRPC: %v", err)
	}
	var doc openRPC
	if err := json.Unmarshal([]byte(raw), &doc); err != nil {
		t.Fatal(err)
	}
	// What the meta-schema cannot say, and the specification does.
	seen := map[string]bool{}
	for _, m := range doc.Methods {
		if seen[m.Name] {
			t.Errorf("method %s is in the document twice", m.Name)
		}
		seen[m.Name] = true
		names := map[string]bool{}
		optional := false
		for _, p := range m.Params {
			if names[p.Name] {
				t.Errorf("%s has parameter %s twice", m.Name, p.Name)
			}
			names[p.Name] = true
			if p.Required && optional && p.Kind != "keyword" && m.Structure != "" {
				t.Errorf("%s: required parameter %s stands behind an optional one", m.Name, p.Name)
			}
			optional = optional || !p.Required
		}
		for _, e := range m.Errors {
			if _, ok := doc.Components.Errors[rpc.Kind(strings.TrimPrefix(e.Ref, "#/components/errors/"))]; !ok {
				t.Errorf("%s refers to %s, which is not there", m.Name, e.Ref)
			}
		}
	}
	return doc
}

func TestTheMetaSchemaIsNotBlind(t *testing.T) {
	all := loadMetaSchemas(t)
	for _, bad := range []string{
		`{"openrpc":"1.3.2","info":{"title":"a","version":"1"}}`,
		`{"openrpc":"9","info":{"title":"a","version":"1"},"methods":[]}`,
		`{"openrpc":"1.3.2","info":{"title":"a","version":"1"},"methods":[{"name":"f"}]}`,
		`{"openrpc":"1.3.2","info":{"title":"a","version":"1"},"methods":[{"name":"f","params":[{"name":"a"}]}]}`,
		`{"openrpc":"1.3.2","info":{"title":"a","version":"1"},"methods":[{"name":"f","params":[{"name":"a","schema":{"type":"int"}}]}]}`,
		`{"openrpc":"1.3.2","info":{"title":"a","version":"1"},"methods":[],"surprise":1}`,
	} {
		var value any
		if err := json.Unmarshal([]byte(bad), &value); err != nil {
			t.Fatal(err)
		}
		if all.check(openRPCAddress, all[openRPCAddress], value, "$") == nil {
			t.Errorf("%s passes", bad)
		}
	}
}

func TestDiscoverIsAValidOpenRPCDocument(t *testing.T) {
	d := start(t, "", map[string]string{"typed": typed})
	c := dial(t, d.host)
	alone := validated(t, call(t, c, "rpc.discover", nil))
	if !slices.ContainsFunc(alone.Methods, func(m openRPCMethod) bool { return m.Name == "mochi.import" }) || len(alone.Components.Errors) == 0 || len(alone.Servers) != 1 {
		t.Errorf("%+v", alone)
	}
	one := validated(t, call(t, c, "rpc.discover", map[string]any{"module": "typed"}))
	find := func(doc openRPC, name string) openRPCMethod {
		t.Helper()
		i := slices.IndexFunc(doc.Methods, func(m openRPCMethod) bool { return m.Name == name })
		if i < 0 {
			t.Fatalf("there is no %s", name)
		}
		return doc.Methods[i]
	}
	move := find(one, "typed.move")
	var params []string
	for _, p := range move.Params {
		params = append(params, fmt.Sprintf("%s %s %v %s", p.Name, p.Kind, p.Required, p.Schema))
	}
	point := `{"title":"Point","type":"object","properties":{"x":{"type":"number"},"near":{"type":"array"}},"required":["x"]}`
	pair := `{"title":"Pair","type":"array","items":[{"title":"left","type":"integer"},{"title":"right","type":"string"}],"minItems":2,"maxItems":2}`
	movie := `{"title":"Movie","type":"object","properties":{"name":{"type":"string"}},"required":["name"]}`
	want := []string{
		"p both true " + point,
		`to both false {"type":"array","items":{"type":"integer"}}`,
		`rest var_positional false {"type":"array","items":` + pair + `}`,
		`by keyword false {"anyOf":[{"type":"number"},{"type":"null"}],"default":null}`,
		`named var_keyword false {"type":"object","additionalProperties":` + movie + `}`,
	}
	if !slices.Equal(params, want) {
		t.Errorf("move has\n%s\nwant\n%s", strings.Join(params, "\n"), strings.Join(want, "\n"))
	}
	if string(move.Result.Schema) != point || move.Kind != "function" || move.Summary != "Move it. <b>*/</b>" {
		t.Errorf("%+v", move)
	}
	if m := find(one, "typed.formats"); m.Structure != "by-position" || len(m.Params) != 9 {
		t.Errorf("%+v", m)
	}
	if m := find(one, "typed.later"); m.Structure != "by-name" || m.Kind != "coroutine" {
		t.Errorf("%+v", m)
	}
	if m := find(one, "typed.ANSWER"); m.Kind != "value" || len(m.Params) != 0 {
		t.Errorf("%+v", m)
	}
	both := validated(t, call(t, c, "rpc.discover", nil))
	find(both, "typed.move")
	find(both, "mochi.ping")
	validated(t, call(t, dial(t, d.control), "rpc.discover", nil))
}

// TestRealModulesAreValidDocuments: whatever they hold.
func TestRealModulesAreValidDocuments(t *testing.T) {
	d := start(t, "", nil)
	c := dial(t, d.host)
	for _, module := range []string{"math", "os", "json", "asyncio", "decimal", "typing", "inspect"} {
		doc := validated(t, call(t, c, "rpc.discover", list{module}))
		if len(doc.Methods) == 0 {
			t.Errorf("%s has no functions", module)
		}
	}
	if all := validated(t, call(t, c, "rpc.discover", nil)); len(all.Omitted) > 0 {
		t.Errorf("left out: %+v", all.Omitted)
	}
}

func TestDiscoverKeepsToThePolicyAndTheNamesOfTheConnection(t *testing.T) {
	d := start(t, "[pools.typed]\nalias = \"t\"\n", map[string]string{"typed": typed})
	c := dial(t, d.host)
	refused(t, c, rpc.KindPermissionDenied, "import-policy", "rpc.discover", list{"os"})
	refused(t, c, rpc.KindInvalidParams, "no dotted module name", "rpc.discover", list{"a b"})
	refused(t, dial(t, d.control), rpc.KindPermissionDenied, "hosts' socket", "rpc.discover", list{"typed"})
	call(t, c, "mochi.import", map[string]any{"module": "typed", "as": "mine"})
	for name, want := range map[string]string{"mine": "mine.move", "t": "typed.move", "typed": "typed.move"} {
		doc := validated(t, call(t, c, "rpc.discover", list{name}))
		if !slices.ContainsFunc(doc.Methods, func(m openRPCMethod) bool { return m.Name == want }) {
			t.Errorf("discover %s has no %s", name, want)
		}
	}
}
