package acceptance

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// TestALineFromTheShellIsAnsweredByteForByte is the README's first call.
func TestALineFromTheShellIsAnsweredByteForByte(t *testing.T) {
	h := dial(t, serve(t, rig.Options{}))
	if err := h.Send(`{"jsonrpc":"2.0","id":1,"method":"math.sqrt","params":[9]}`); err != nil {
		t.Fatal(err)
	}
	got, err := h.Line()
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"jsonrpc":"2.0","id":1,"result":3.0}`; got != want {
		t.Errorf("the socket answered %s, want %s", got, want)
	}
}

// TestTheStandardLibraryNeedsNoPreparation calls what is there, by name.
func TestTheStandardLibraryNeedsNoPreparation(t *testing.T) {
	h := dial(t, serve(t, rig.Options{}))
	for _, c := range []struct{ name, method, params, want string }{
		{"a value", "math.pi", "", "3.141592653589793"},
		{"a value, with no arguments", "math.pi", "[]", "3.141592653589793"},
		{"a dotted path into a submodule", "os.path.join", `["a","b"]`, `"` + filepath.Join("a", "b") + `"`},
		{"arguments by keyword", "json.dumps", `{"obj":[1],"indent":2}`, `"[\n  1\n]"`},
		{"both kinds of arguments", "json.dumps", `{"*":[{"b":1,"a":2}],"sort_keys":true}`, `"{\"a\": 2, \"b\": 1}"`},
		{"a Python function", "statistics.mean", `[[1,2,3,4]]`, "2.5"},
		{"a coroutine of the library", "asyncio.sleep", `[0.01,"woke"]`, `"woke"`},
		{"a builtin without a signature", "math.hypot", `[3,4]`, "5.0"},
		{"an integer of any size", "math.factorial", `[25]`, "15511210043330985984000000"},
		{"a submodule nobody imported", "xml.sax.saxutils.escape", `["<&>"]`, `"&lt;&amp;&gt;"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := call(t, h, c.method, c.params)
			if !sameJSON(got, c.want) {
				t.Errorf("%s(%s) gave %s, want %s", c.method, c.params, got, c.want)
			}
		})
	}
}

// sameJSON compares spelling, except that a string may be written with other
// escapes.
func sameJSON(got, want string) bool {
	var g, w string
	if json.Unmarshal([]byte(got), &g) == nil && json.Unmarshal([]byte(want), &w) == nil {
		return g == w
	}
	return got == want
}

func TestNumpyComputes(t *testing.T) {
	needs(t, "numpy")
	h := dial(t, serve(t, rig.Options{}))
	if got := call(t, h, "numpy.linalg.norm", `[[3,4]]`); got != "5.0" {
		t.Errorf("numpy.linalg.norm([3,4]) gave %s, want 5.0", got)
	}
}

// TestAsynchronousClientsFetch calls wrappers around httpx.AsyncClient and
// aiohttp.ClientSession, against a real server.
func TestAsynchronousClientsFetch(t *testing.T) {
	needs(t, "httpx", "aiohttp")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"path":"` + r.URL.Path + `"}`))
	}))
	defer server.Close()
	h := dial(t, serve(t, rig.Options{}))
	for _, name := range []string{"with_httpx", "with_aiohttp"} {
		got := call(t, h, "fetch."+name, `["`+server.URL+`/tea"]`)
		var answer struct {
			Status int
			JSON   struct{ Path string }
		}
		if err := json.Unmarshal([]byte(got), &answer); err != nil {
			t.Fatalf("%s gave %s: %v", name, got, err)
		}
		if answer.Status != http.StatusOK || answer.JSON.Path != "/tea" {
			t.Errorf("%s gave %s", name, got)
		}
	}
}

// TestWhatIsNotTheModulesIsRefused keeps a module from being a door to others.
func TestWhatIsNotTheModulesIsRefused(t *testing.T) {
	h := dial(t, serve(t, rig.Options{}))
	for _, c := range []struct{ name, kind, method, params, says string }{
		{"a module that is not there", "import_failed", "nosuchmodule_at_all.f", "[]", "nosuchmodule_at_all"},
		{"a function that is not there", "method_not_found", "math.squirt", "[9]", "squirt"},
		{"a private name", "method_not_found", "json._default_encoder", "", "_default_encoder"},
		{"a private name on the way", "method_not_found", "json.__builtins__.eval", `["1"]`, "__builtins__"},
		{"another package's function", "method_not_found", "shutil.os.system", `["true"]`, "os"},
		{"arguments that do not bind", "invalid_params", "json.dumps", "[]", "obj"},
		{"a keyword nobody asked for", "invalid_params", "statistics.mean", `{"data":[1],"dta":2}`, "dta"},
		{"a builtin given the wrong type", "python_error", "math.hypot", `["three"]`, "TypeError"},
		{"an exception", "python_error", "json.loads", `["{"]`, "JSONDecodeError"},
		{"a result JSON cannot hold", "not_serializable", "math.inf", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := refused(t, h, c.kind, c.method, c.params)
			if !strings.Contains(e.Message, c.says) {
				t.Errorf("the message %q does not name %q", e.Message, c.says)
			}
		})
	}
}
