package acceptance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

const (
	corpusFile = "../../render/runtime/tests/corpus.jsonl"
	leastRows  = 60
	tagged     = `,"meta":{"encoding":"tagged"}}`
)

// corpusRow is a value by its tagged text, and what Python makes of it: the
// type, and the repr where all Pythons show it alike.
type corpusRow struct {
	Look   [2]*string
	Needs  *string
	Tagged json.RawMessage
}

func corpus(t *testing.T) (rows []corpusRow) {
	t.Helper()
	raw, err := os.ReadFile(corpusFile)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(raw) {
		var row corpusRow
		if err := json.Unmarshal(line, &row); err != nil {
			t.Fatalf("%s: %v", corpusFile, err)
		}
		rows = append(rows, row)
	}
	if len(rows) < leastRows {
		t.Fatalf("%s has %d rows, want %d or more", corpusFile, len(rows), leastRows)
	}
	return rows
}

// askTagged calls a function with its one argument and its result tagged.
func askTagged(t *testing.T, h *rig.Host, id int, method string, value []byte) string {
	t.Helper()
	request := rig.Request(id, method, "["+string(value)+"]")
	if err := h.Send(strings.TrimSuffix(request, "}") + tagged); err != nil {
		t.Fatal(err)
	}
	line, err := h.Line()
	if err != nil {
		t.Fatal(err)
	}
	result, ok := strings.CutPrefix(line, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"result":`, id))
	if !ok {
		t.Fatalf("%s(%.200s) gave %.500s", method, value, line)
	}
	return strings.TrimSuffix(result, "}")
}

// TestEveryValueComesBackAsItWas sends the corpus through a function that
// returns what it was given, and through one that says what that was.
func TestEveryValueComesBackAsItWas(t *testing.T) {
	h := dial(t, serve(t, rig.Options{}))
	absent := map[string]bool{}
	for i, row := range corpus(t) {
		if row.Needs != nil {
			if _, asked := absent[*row.Needs]; !asked {
				quoted, _ := json.Marshal(row.Needs)
				absent[*row.Needs] = askTagged(t, h, i, "shapes.has", quoted) != "true"
				if absent[*row.Needs] {
					fmt.Fprintf(os.Stdout, "acceptance: %s has no %s: its values are left out\n", python, *row.Needs)
				}
			}
			if absent[*row.Needs] {
				continue
			}
		}
		if got := askTagged(t, h, i, "shapes.echo", row.Tagged); got != string(row.Tagged) {
			t.Errorf("sent %.300s\ncame back %.300s", row.Tagged, got)
		}
		if got := askTagged(t, h, i, "shapes.later", row.Tagged); got != string(row.Tagged) {
			t.Errorf("sent %.300s\na coroutine gave back %.300s", row.Tagged, got)
		}
		var look [2]string
		if err := json.Unmarshal([]byte(askTagged(t, h, i, "shapes.look", row.Tagged)), &look); err != nil {
			t.Fatal(err)
		}
		if look[0] != *row.Look[0] || row.Needs == nil && row.Look[1] != nil && look[1] != *row.Look[1] {
			t.Errorf("%.300s is a %.300q in Python, want a %s", row.Tagged, look, *row.Look[0])
		}
	}
}

// TestAnnotationsDecodeArguments calls with natural JSON what asks for more.
func TestAnnotationsDecodeArguments(t *testing.T) {
	h := dial(t, serve(t, rig.Options{}))
	const event = `[{"name":"e","when":"2024-01-02","colour":"red","parts":[{"name":"f","when":"%s"}]}]`
	got := call(t, h, "shapes.event", fmt.Sprintf(event, "2024-01-03T04:05:06"))
	if !strings.Contains(got, "when=datetime.datetime(2024, 1, 3, 4, 5, 6)") {
		t.Errorf("shapes.event saw %s", got)
	}
	failure := refused(t, h, "invalid_params", "shapes.event", fmt.Sprintf(event, "soon"))
	if failure.Data["argument"] != "event" || failure.Data["path"] != "$[0].parts[0].when" {
		t.Errorf("the error's data is %v", failure.Data)
	}
}

// TestTheExamplesOfValuesPlay plays PROTOCOL.md's examples that need a worker.
func TestTheExamplesOfValuesPlay(t *testing.T) {
	h := dial(t, serve(t, rig.Options{}))
	page, err := os.ReadFile(filepath.Join("..", "..", "rpc", "PROTOCOL.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```values\n(.*?)```").FindAllSubmatch(page, -1)
	if len(blocks) == 0 {
		t.Fatal("PROTOCOL.md has no examples of values")
	}
	for _, block := range blocks {
		for line := range strings.Lines(string(block[1])) {
			text := strings.TrimSuffix(line[4:], "\n")
			if line[:4] == "--> " {
				if err := h.Send(text); err != nil {
					t.Fatal(err)
				}
				continue
			}
			got, err := h.Line()
			if err != nil {
				t.Fatal(err)
			}
			var have, want any
			if json.Unmarshal([]byte(got), &have) != nil || json.Unmarshal([]byte(text), &want) != nil {
				t.Fatalf("no JSON: %s or %s", got, text)
			}
			if line[:4] == "<-- " && got != text || line[:4] == "<-* " && !shows(have, want) {
				t.Errorf("the page says %s\nthe daemon %s", text, got)
			}
		}
	}
}

// shows says that have has every member that want has.
func shows(have, want any) bool {
	wanted, ok := want.(map[string]any)
	if !ok {
		return have == want
	}
	there, _ := have.(map[string]any)
	for key, value := range wanted {
		if !shows(there[key], value) {
			return false
		}
	}
	return true
}
