package render

import (
	"strings"
	"testing"
)

func render(t *testing.T, o WorkerOptions) Script {
	t.Helper()
	s, err := RenderWorker(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func expectParts(t *testing.T, source string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(source, p) {
			t.Errorf("the script has no %q:\n%s", p, source)
		}
	}
}

// Every script carries the host's codes and the five parts a reader looks for.
func TestEveryShapeHasTheGuaranteedParts(t *testing.T) {
	for name, o := range shapes {
		t.Run(name, func(t *testing.T) {
			expectParts(t, render(t, o).Source,
				"_PARSE_ERROR = -32700\n", "_INVALID_REQUEST = -32600\n", "_METHOD_NOT_FOUND = -32601\n",
				"_INVALID_PARAMS = -32602\n", "_INTERNAL_ERROR = -32603\n",
				"_METHODS = ", "def _dispatch(req):\n", "def _main():\n", "\nif __name__ == \"__main__\":\n",
			)
		})
	}
}

// asyncio costs 25 ms of start-up: a worker without coroutines does not pay it.
func TestASyncScriptNeverMentionsAsyncio(t *testing.T) {
	for _, name := range []string{"sync", "public", "only", "many"} {
		if s := render(t, shapes[name]); strings.Contains(s.Source, "asyncio") {
			t.Errorf("%s mentions asyncio:\n%s", name, s.Source)
		}
	}
	expectParts(t, render(t, shapes["sync"]).Source,
		"from zoo import add, fail\n", `"add": add,`, `"fail": fail,`, "result = _METHODS[method](*params)\n", "    _main()\n")
}

func TestAnAsyncScriptAwaitsOnItsOwnLoop(t *testing.T) {
	parts := []string{"import asyncio\n", "result = await _METHODS[method](*params)\n", "async def _main():\n", "asyncio.run(_main())"}
	expectParts(t, render(t, shapes["async"]).Source, append(parts, "async def _dispatch(req):\n")...)
	expectParts(t, render(t, shapes["mixed"]).Source, append(parts, "\ndef _dispatch(req):\n", "async def _dispatch_async(req):\n")...)
}

func TestTheImportTextGetsExactlyOneTrailingNewline(t *testing.T) {
	want := render(t, WorkerOptions{ModuleImport: "from m import f", Methods: []string{"f"}})
	for _, text := range []string{"from m import f\n", "from m import f\n\n\n", "from m import f\r\n", "\nfrom m import f"} {
		if got := render(t, WorkerOptions{ModuleImport: text, Methods: []string{"f"}}); got != want {
			t.Errorf("%q renders another script than without line breaks at its ends:\n%s", text, got.Source)
		}
	}
	expectParts(t, want.Source, "    from m import f\n\n    _METHODS")
}

func TestRenderingIsPure(t *testing.T) {
	a, b := render(t, shapes["mixed"]), render(t, shapes["mixed"])
	if a != b {
		t.Error("equal options gave two scripts")
	}
	if c := render(t, shapes["public"]); c.Digest == a.Digest {
		t.Error("two scripts share a digest")
	}
	expectParts(t, a.Source, RuntimeDigest()) // so that the digest covers the runtime too
}

// Whatever is accepted as a name changes names and constants of the script and
// nothing else of its syntax tree.
func FuzzNamesNeverChangeTheSyntaxTree(f *testing.F) {
	for _, s := range []string{
		"math", "xml.etree.ElementTree", "a.b", "", ".", "lambda", "match", "_x", "__import__",
		"os; import sys", "os\nimport sys", "a b", "ａ", "naïve", "x\x00", `x"`, "x'''", "x\\", "{{.}}", "None", "a.None", "1x",
	} {
		f.Add(s)
	}
	const fixed = "fixed_name_of_the_test"
	f.Fuzz(func(t *testing.T, name string) {
		if name == fixed {
			return
		}
		for _, pair := range [][2]WorkerOptions{
			{{Public: true, Modules: []string{name}}, {Public: true, Modules: []string{"math"}}},
			{{Public: true, Modules: []string{fixed}, Methods: []string{name}}, {Public: true, Modules: []string{fixed}, Methods: []string{"math"}}},
			{{Public: true, Modules: []string{fixed}, Label: name}, {Public: true, Modules: []string{fixed}, Label: "math"}},
			{{ModuleImport: "import " + fixed, Methods: []string{name}}, {ModuleImport: "import " + fixed, Methods: []string{"math"}}},
		} {
			s, err := RenderWorker(pair[0])
			if err != nil {
				continue
			}
			want := askPython(t, "tree", render(t, pair[1]).Source, "math")
			if got := askPython(t, "tree", s.Source, name); got != want {
				t.Errorf("the name %q changes the script's syntax tree: %v", name, got)
			}
		}
	})
}

func FuzzQuotedTextIsOneLiteral(f *testing.F) {
	for _, s := range []string{"", `a"b`, `\`, "\n\r\t\x00", "é☃😀", "\u2028", `"""`, "{{x}}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ToValidUTF8(s, "?")
		if got := askPython(t, "literal", quote(s)); got != s {
			t.Errorf("quote(%q) = %s, which Python reads as %q", s, quote(s), got)
		}
	})
}
