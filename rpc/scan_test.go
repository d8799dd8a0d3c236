package rpc

import (
	"strings"
	"testing"
)

func TestScanReplyCutsWithoutChangingAByte(t *testing.T) {
	for _, c := range []struct{ line, id, method, params, result, failure string }{
		{line: `{"jsonrpc":"2.0","id":7,"result":1.0}`, id: `7`, result: `1.0`},
		{line: ` { "result" : {"b":1e2,"a":9007199254740993,"a":"\ud800<>&"} , "id" : 7,"jsonrpc":"2.0"} `, id: `7`, result: `{"b":1e2,"a":9007199254740993,"a":"\ud800<>&"}`},
		{line: `{"jsonrpc":"2.0","id":7,"error":{"code":-32603,"message":"x"}}`, id: `7`, failure: `{"code":-32603,"message":"x"}`},
		{line: `{"jsonrpc":"2.0","method":"mochi.ready","params":{"pid":1}}`, method: `mochi.ready`, params: `{"pid":1}`},
		{line: `{"jsonrpc":"2.0","m\u0065thod":"mochi.\u0072eady"}`, method: `mochi.ready`},
		{line: `{"jsonrpc":"2\u002e0","id":"s","result":null,"extra":[1]}`, id: `"s"`, result: `null`},
	} {
		m, err := ScanReply([]byte(c.line))
		if err != nil {
			t.Errorf("%s: %v", c.line, err)
			continue
		}
		if string(m.ID) != c.id || string(m.Method) != c.method || string(m.Params) != c.params ||
			string(m.Result) != c.result || string(m.Error) != c.failure || m.IsReply() != (c.method == "") {
			t.Errorf("%s: cut into %q %q %q %q %q", c.line, m.ID, m.Method, m.Params, m.Result, m.Error)
		}
	}
}

func TestScanReplyRefusesWhatIsNoMessage(t *testing.T) {
	many := strings.Builder{}
	for i := range 100 {
		many.WriteString(`,"x` + strings.Repeat("y", i) + `":1`)
	}
	for name, line := range map[string]string{
		"not JSON":              `{"jsonrpc":"2.0","id":7,"result":nul}`,
		"truncated":             `{"jsonrpc":"2.0","id":7,"result":1`,
		"two values":            `{"jsonrpc":"2.0","id":7,"result":1}{}`,
		"trailing garbage":      `{"jsonrpc":"2.0","id":7,"result":1} x`,
		"NaN":                   `{"jsonrpc":"2.0","id":7,"result":NaN}`,
		"byte order mark":       "\ufeff" + `{"jsonrpc":"2.0","id":7,"result":1}`,
		"invalid UTF-8":         "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":\"\xff\"}",
		"control character":     "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":\"\x01\"}",
		"too deep":              `{"jsonrpc":"2.0","id":7,"result":` + strings.Repeat("[", 512) + strings.Repeat("]", 512) + `}`,
		"an array":              `[1]`,
		"a string":              `"hello"`,
		"no version":            `{"id":7,"result":1}`,
		"wrong version":         `{"jsonrpc":"1.0","id":7,"result":1}`,
		"version as a number":   `{"jsonrpc":2.0,"id":7,"result":1}`,
		"neither":               `{"jsonrpc":"2.0","id":7}`,
		"both":                  `{"jsonrpc":"2.0","id":7,"result":1,"error":{}}`,
		"no id":                 `{"jsonrpc":"2.0","result":1}`,
		"method and result":     `{"jsonrpc":"2.0","id":7,"method":"m","result":1}`,
		"method no string":      `{"jsonrpc":"2.0","method":1}`,
		"id twice":              `{"jsonrpc":"2.0","id":7,"id":8,"result":1}`,
		"id twice, escaped":     `{"jsonrpc":"2.0","id":7,"i\u0064":8,"result":1}`,
		"unknown member twice":  `{"jsonrpc":"2.0","id":7,"result":1,"x":1,"x":2}`,
		"unknown twice of many": `{"jsonrpc":"2.0","id":7,"result":1` + many.String() + `,"xyy":2}`,
	} {
		if m, err := ScanReply([]byte(line)); err == nil {
			t.Errorf("%s: accepted as %+v", name, m)
		}
	}
	if _, err := ScanReply([]byte(`{"jsonrpc":"2.0","id":7,"result":1` + many.String() + `}`)); err != nil {
		t.Errorf("a hundred unknown members: %v", err)
	}
}

func TestBracketsInStringsAreNoDepth(t *testing.T) {
	line := `{"jsonrpc":"2.0","id":7,"result":["` + strings.Repeat("[{", 600) + `\"[",` + strings.Repeat("[],", 600) + `1]}`
	if _, err := ScanReply([]byte(line)); err != nil {
		t.Error(err)
	}
	if _, err := ScanReply([]byte(`{"jsonrpc":"2.0","id":7,"result":` + strings.Repeat("[", 511) + strings.Repeat("]", 511) + `}`)); err != nil {
		t.Errorf("at the limit: %v", err)
	}
}

func TestLinkIDHasOneSpelling(t *testing.T) {
	for _, bad := range []string{"", "-1", "1.0", "1e3", "07", `"7"`, "null", "99999999999999999999", "18446744073709551616"} {
		if n, ok := LinkID([]byte(bad)); ok {
			t.Errorf("%q read as %d", bad, n)
		}
	}
	for raw, want := range map[string]uint64{"0": 0, "7": 7, "9223372036854775807": 9223372036854775807} {
		if n, ok := LinkID([]byte(raw)); !ok || n != want {
			t.Errorf("%q read as %d, %v", raw, n, ok)
		}
	}
}

func BenchmarkScanReply(b *testing.B) {
	for _, c := range []struct{ name, line string }{
		{"small", `{"jsonrpc":"2.0","id":1234567,"result":7}`},
		{"request", `{"jsonrpc":"2.0","id":12,"method":"math.pow","params":[2,3]}`},
		{"1KiB", `{"jsonrpc":"2.0","id":1234567,"result":"` + strings.Repeat("a", 1024) + `"}`},
		{"100KiB numbers", `{"jsonrpc":"2.0","id":1234567,"result":[` + strings.Repeat("1234.5,", 15000) + `1]}`},
	} {
		b.Run(c.name, func(b *testing.B) {
			line := []byte(c.line)
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ScanReply(line); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
