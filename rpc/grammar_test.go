package rpc

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// byLibrary is what jsontext makes of a line with one value.
func byLibrary(line []byte) (value []byte, ok bool) {
	dec := jsontext.NewDecoder(bytes.NewReader(line), readOptions...)
	value, err := dec.ReadValue()
	if err != nil {
		return nil, false
	}
	value = bytes.Clone(value)
	_, err = dec.ReadToken()
	return value, errors.Is(err, io.EOF)
}

// FuzzGrammar: on every line, the cursor and jsontext agree whether it is one
// JSON value, and on which bytes that is.
func FuzzGrammar(f *testing.F) {
	for _, seed := range []string{
		``, ` `, `null`, `nul`, `true`, `falsé`, `"`, `"a"`, `"abcdefg"`, `"abcdefgh"`, `"abcdefg\""`, `"\ud800"`, `"\ud80"`, `"\u00zz"`, `"\x"`, "\"\x1f\"", "\"\x7f\"", "\"é日本\"",
		`0`, `-0`, `-`, `01`, `-01`, `1.`, `.5`, `1.5`, `1e`, `1e+`, `1E-7`, `1e5.`, `00`, `0e0`, `0x1`, `+1`, `1 2`, `NaN`,
		`[]`, `[ ]`, `[1]`, `[1,]`, `[,1]`, `[1 2]`, `[1,2`, `[[[]]]`, `[}`, `{]`, `{}`, `{ }`, `{"a":1}`, `{"a":1,}`, `{,"a":1}`, `{"a"}`, `{"a":}`, `{a:1}`, `{"a":1 "b":2}`, `{"a":{"b":[{}]}}`, `{"a":1}}`, `{"a" : [ 1 , "x" ] , "a" : null }`,
		`"0123456789abcdef"`, `"0123456789abcdef\t"`, `"0123456789abcdefghijklm\\"`, "\"0123456789abcdefghi\x01\"", `{"0123456789abcdef":1}`, `{"0123456789abcdefg" 1}`,
		`1234567`, `12345678`, `12345678901234567`, `[12345678,9]`, `-0.12345678901234567e12345678`, `1234567é`, `12345678:`, `[1234567/]`, `012345678`, `0.e12345678`,
		"\x00", "1\x00", "\ufeff1", "\t1\r", "[1\v]", `"\\"`, `"\\\\\\\\\\\\"`, `{"jsonrpc":"2.0","id":1,"method":"operator.add","params":[3,4]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if !utf8.Valid(line) || bytes.Count(line, []byte("["))+bytes.Count(line, []byte("{")) > MaxDepth {
			return // judged elsewhere
		}
		want, wantOK := byLibrary(line)
		c := cursor{line: line}
		value, err := c.value()
		ok := err == nil && c.next() == 0 && c.at == len(line)
		if ok != wantOK {
			t.Fatalf("%q: the cursor says %t (%v), jsontext %t", line, ok, err, wantOK)
		}
		if ok && (!bytes.Equal(value, want) || c.depth != 0) {
			t.Fatalf("%q: the cursor cut out %q at depth %d, jsontext %q", line, value, c.depth, want)
		}
	})
}

func TestTheDepthThatIsAllowedIsExact(t *testing.T) {
	for _, pair := range []string{"[]", "{}"} {
		for n, allowed := range map[int]bool{MaxDepth: true, MaxDepth + 1: false} {
			line := strings.Repeat(pair[:1]+map[string]string{"[]": "", "{}": `"a":`}[pair], n-1) + pair + strings.Repeat(pair[1:], n-1)
			c := cursor{line: []byte(line)}
			if _, err := c.value(); (err == nil) != allowed {
				t.Errorf("%d times %s: %v", n, pair, err)
			}
		}
	}
}

// TestAWrongByteIsNamed: who reads the error finds the place.
func TestAWrongByteIsNamed(t *testing.T) {
	for line, want := range map[string]string{
		`{"a":nul}`:   `byte 5 is 'n'`,
		`[1,2`:        "the line ends",
		`{"a" 1}`:     `byte 5 is '1', which cannot stand behind a member's name`,
		`["\q"]`:      `byte 2 is '\\', which cannot stand in a string`,
		`[1e]`:        `byte 3 is ']', which cannot stand in a number`,
		"[\"a\tb\"]":  `byte 3 is '\t', which cannot stand in a string unescaped`,
		`{"a":1,}`:    `byte 7 is '}', which cannot stand where a member's name begins`,
		`[1,2}`:       `byte 4 is '}', which cannot stand behind a value`,
		`"not ended`:  "the line ends",
		`{"a":[tru]}`: `byte 6 is 't'`,
	} {
		c := cursor{line: []byte(line)}
		if _, err := c.value(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
	}
}
