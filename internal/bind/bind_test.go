package bind

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// hostile is text that tries to get out of where it is put.
const hostile = "*/ PWNED() /* ` ${PWNED} ''' \"\"\" PWNED \\\" \n PWNED \r PWNED \u2028 PWNED \u2029 PWNED \u0085 PWNED \x00 \u202e PWNED //go:build PWNED"

// document is an OpenRPC document whose every text is hostile.
func document(t *testing.T, methods ...string) []byte {
	t.Helper()
	type object = map[string]any
	schema := object{
		"title": hostile, "type": "object", "required": []string{hostile},
		"properties": object{hostile: object{"enum": []any{hostile, 1, nil, true}}, "a b": object{"type": "integer"}},
	}
	var all []object
	for _, name := range methods {
		all = append(all, object{
			"name": name, "summary": hostile, "x-kind": "function", "result": object{"name": "result", "schema": schema},
			"params": []object{
				{"name": "class", "required": true, "x-kind": "positional", "schema": schema},
				{"name": hostile, "required": false, "x-kind": "both", "schema": object{"type": "array", "items": schema}},
				{"name": "args", "x-kind": "var_positional", "schema": object{"type": "array"}},
				{"name": "key word", "required": true, "x-kind": "keyword", "schema": object{"anyOf": []any{schema, object{"type": "null"}}}},
				{"name": "kwargs", "x-kind": "var_keyword", "schema": object{"type": "object", "additionalProperties": schema}},
			},
		})
	}
	raw, err := json.Marshal(object{"openrpc": "1.3.2", "methods": all})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func generate(t *testing.T, language string, raw []byte) string {
	t.Helper()
	m, err := Read("m", raw)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Generate(language, m)
	if err != nil {
		t.Fatal(err)
	}
	return string(f.Text)
}

var (
	quotedText = regexp.MustCompile("\"(?:[^\"\\\\\n]|\\\\.)*\"")
	leads      = map[string]string{"go": "// ", "ts": "// ", "python": "# ", "mochi": "// "}
)

// TestNoTextGetsOutOfItsPlace: what a module says is in comments and literals
// only, in every language, and in no line that another reader would see end.
func TestNoTextGetsOutOfItsPlace(t *testing.T) {
	raw := document(t, "m.f", "m."+hostile)
	for _, language := range Languages() {
		t.Run(language, func(t *testing.T) {
			text := generate(t, language, raw)
			if strings.ContainsAny(text, "\r\u2028\u2029\u0085\x00\u202e") {
				t.Error("characters that end a line elsewhere, or hide what is there, are in the source")
			}
			for line := range strings.Lines(text) {
				code := quotedText.ReplaceAllString(line, "")
				for _, field := range strings.Fields("PWNED() {PWNED} PWNED") {
					if strings.Contains(code, field) && !strings.HasPrefix(strings.TrimSpace(code), leads[language]) && !isName(code) {
						t.Fatalf("%q is outside of comments and literals in %q", field, line)
					}
				}
			}
		})
	}
}

// isName tells that the word stands in the middle of an identifier, which the
// text's own signs have become numbers in.
func isName(code string) bool {
	rest := regexp.MustCompile(`[A-Za-z0-9_]*u[0-9a-f]{1,4}PWNED[A-Za-z0-9_]*|[A-Za-z0-9_]*PWNEDu[A-Za-z0-9_]*`).ReplaceAllString(code, "")
	return !strings.Contains(rest, "PWNED")
}

func TestTheSameModuleGivesTheSameBytes(t *testing.T) {
	names := []string{"m.a", "m.b", "m.a_", "m.A", "m.get_url", "m.getUrl", "m.type", "m.type_"}
	back := slices.Clone(names)
	slices.Reverse(back)
	for _, language := range Languages() {
		if one, two := generate(t, language, document(t, names...)), generate(t, language, document(t, back...)); one != two {
			t.Errorf("%s depends on the order of the document", language)
		}
	}
}

func TestNamesThatBecomeEqualAreToldApart(t *testing.T) {
	n := reserve("type")
	var got []string
	for _, name := range []string{"type", "type", "type_", "a", "a", "a", "a_2"} {
		got = append(got, n.take(name))
	}
	if want := []string{"type_", "type_2", "type__", "a", "a_", "a_2", "a_2_"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for name, want := range map[string]string{"größe": "gru" + "f6udfe", "1a": "_1a", "a.b-c": "a_b_c", "": "_", "x": "x"} {
		if got := identifier(name); got != want {
			t.Errorf("identifier(%q) = %q, want %q", name, got, want)
		}
	}
	for name, want := range map[string]string{"get_url": "GetUrl", "_": "X", "_1": "X1", "x": "X"} {
		if got := camel(name, true); got != want {
			t.Errorf("camel(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestWhatCannotBeReadIsAnError(t *testing.T) {
	for _, raw := range []string{`{`, `{"methods":[]}`, `{"methods":[{"name":"m.f","result":{"schema":{"properties":3}}}]}`} {
		if _, err := Read("m", []byte(raw)); err == nil {
			t.Errorf("%s is read", raw)
		}
	}
	if _, err := Generate("cobol", Module{}); err == nil || !strings.Contains(err.Error(), "go, mochi, python, ts") {
		t.Errorf("%v", err)
	}
	m, err := Read("a.b", document(t, "a.b.f"))
	if err != nil {
		t.Fatal(err)
	}
	n := m
	n.Name = "a_b"
	if _, err := GenerateAll("ts", []Module{m, n}); err == nil {
		t.Error("two modules are written into one file")
	}
}

// TestLiteralsSayTheSameInEveryLanguage: JSON's escapes are JavaScript's, and
// Python's but for what is beyond 16 bits.
func TestLiteralsSayTheSameInEveryLanguage(t *testing.T) {
	const text = "a\"'\\\n\u2028é😀</script>"
	var back string
	if err := json.Unmarshal([]byte(tsString(text)), &back); err != nil || back != text {
		t.Errorf("%s is %q (%v)", tsString(text), back, err)
	}
	if got := pythonString("😀é"); got != `"\U0001f600\u00e9"` {
		t.Errorf("Python's literal is %s", got)
	}
	if raw := []byte(tsString(text) + pythonString(text)); bytes.ContainsFunc(raw, func(r rune) bool { return r > 0x7e || r < 0x20 }) {
		t.Errorf("%s is not ASCII", raw)
	}
}
