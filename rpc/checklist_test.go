package rpc

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestJSONRPCChecklist is the list at the end of PROTOCOL.md, each line a
// subtest, over a real socket with raw bytes.
func TestJSONRPCChecklist(t *testing.T) {
	s := serveTest(t, Limits{MaxBatch: 10})
	on := func(name string, f func(t *testing.T, h *host)) {
		t.Run(name, func(t *testing.T) { f(t, s.dial(t)) })
	}

	on(`envelope: exact "2.0" out`, func(t *testing.T, h *host) {
		h.ask(`{"jsonrpc":"2.0","id":1,"result":7}`, request(1, "add", "[3,4]"))
	})
	on(`envelope: missing, 2.0 or "1.0" in is -32600`, func(t *testing.T, h *host) {
		h.askError("1", KindInvalidRequest, `{"id":1,"method":"echo"}`)
		h.askError("1", KindInvalidRequest, `{"jsonrpc":2.0,"id":1,"method":"echo"}`)
		h.askError("1", KindInvalidRequest, `{"jsonrpc":"1.0","id":1,"method":"echo"}`)
		h.askError("null", KindInvalidRequest, `{"method":"echo"}`)
	})
	on("envelope: member names are case-sensitive", func(t *testing.T, h *host) {
		h.askError("null", KindInvalidRequest, `{"jsonrpc":"2.0","ID":1,"Method":"echo"}`)
		h.askError("1", KindInvalidRequest, `{"jsonrpc":"2.0","id":1,"Method":"echo"}`)
		h.ask(`{"jsonrpc":"2.0","id":1,"result":null}`, `{"jsonrpc":"2.0","id":1,"method":"echo","Params":5}`)
	})
	on("envelope: duplicate member is -32600", func(t *testing.T, h *host) {
		h.askError("1", KindInvalidRequest, `{"jsonrpc":"2.0","jsonrpc":"2.0","id":1,"method":"echo"}`)
		h.askError("1", KindInvalidRequest, `{"jsonrpc":"2.0","id":1,"method":"echo","method":"echo"}`)
		h.askError("1", KindInvalidRequest, `{"jsonrpc":"2.0","id":1,"method":"echo","params":[],"params":[]}`)
		h.askError("1", KindInvalidRequest, `{"jsonrpc":"2.0","id":1,"method":"echo","p\u0061rams":[],"params":[]}`)
		h.askError("1", KindInvalidRequest, `{"jsonrpc":"2.0","id":1,"method":"echo","x":[],"x":[]}`)
		h.askError("null", KindInvalidRequest, `{"jsonrpc":"2.0","id":1,"id":1,"method":"echo"}`)
	})
	on("envelope: id string, number or null is echoed byte for byte", func(t *testing.T, h *host) {
		for _, id := range []string{
			`1`, `0`, `-1`, `1.5`, `1e3`, `1E+3`, `-0`, `9223372036854775808`, `18446744073709551616`,
			`null`, `"a"`, `""`, `"1"`, `"\u0061"`, `"<>&"`, `"\ud800"`, `"é"`, `123456789012345678901234567890.0`,
		} {
			h.ask(`{"jsonrpc":"2.0","id":`+id+`,"result":[1]}`, request(id, "echo", "[1]"))
			h.send(request(id, "fail", "[1]"))
			h.wantError(h.answer(), id, KindPythonError)
		}
	})
	on("envelope: id object, array or bool is -32600 with id null", func(t *testing.T, h *host) {
		for _, id := range []string{`{}`, `{"a":1}`, `[]`, `[1]`, `true`, `false`} {
			h.askError("null", KindInvalidRequest, request(id, "echo", "[1]"))
		}
	})
	on("envelope: id null is a request", func(t *testing.T, h *host) {
		h.ask(`{"jsonrpc":"2.0","id":null,"result":7}`, request("null", "add", "[3,4]"))
		h.send(request("null", "hold", ""), request("null", "hold", ""))
		a, b := s.h.waitHeld(t), s.h.waitHeld(t)
		a.Reply([]byte("1"))
		b.Reply([]byte("2"))
		if x, y := h.line(), h.line(); x != `{"jsonrpc":"2.0","id":null,"result":1}` || y != `{"jsonrpc":"2.0","id":null,"result":2}` {
			t.Errorf("null counted as a duplicate: %s, %s", x, y)
		}
	})
	on("envelope: scalar or null params is -32600", func(t *testing.T, h *host) {
		for _, params := range []string{`1`, `"x"`, `null`, `true`} {
			h.askError("1", KindInvalidRequest, request(1, "echo", params))
			h.askError("null", KindInvalidRequest, `{"jsonrpc":"2.0","method":"echo","params":`+params+`}`)
		}
	})
	on("envelope: success has result, failure error, never both, never neither", func(t *testing.T, h *host) {
		h.ask(`{"jsonrpc":"2.0","id":1,"result":null}`, request(1, "echo", ""))
		h.send(request(1, "fail", ""))
		h.wantError(h.answer(), "1", KindPythonError) // answer checks the members
	})
	on("envelope: no id is a notification, never answered", func(t *testing.T, h *host) {
		h.send(`{"jsonrpc":"2.0","method":"echo","params":[1]}`, `{"jsonrpc":"2.0","method":"fail"}`,
			`{"jsonrpc":"2.0","method":"nope"}`, `{"jsonrpc":"2.0","method":"panic"}`,
			`{"jsonrpc":"2.0","method":"echo","meta":{"timeout_ms":-1}}`)
		h.ping()
	})
	on("envelope: method and result together, or no method, is -32600", func(t *testing.T, h *host) {
		h.askError("1", KindInvalidRequest, `{"jsonrpc":"2.0","id":1,"method":"echo","result":1}`)
		h.askError("1", KindInvalidRequest, `{"jsonrpc":"2.0","id":1,"method":"echo","error":{}}`)
		h.askError("1", KindInvalidRequest, `{"jsonrpc":"2.0","id":1}`)
		h.askError("1", KindInvalidRequest, `{"jsonrpc":"2.0","id":1,"method":1}`)
		h.askError("1", KindInvalidRequest, `{"jsonrpc":"2.0","id":1,"method":null}`)
		h.askError("null", KindInvalidRequest, `{}`)
		for _, scalar := range []string{`1`, `"x"`, `null`, `true`} {
			h.askError("null", KindInvalidRequest, scalar)
		}
	})
	on("envelope: an inbound response is dropped", func(t *testing.T, h *host) {
		h.send(`{"jsonrpc":"2.0","id":1,"result":1}`, `{"jsonrpc":"2.0","id":"s:1","error":{"code":1,"message":"x"}}`,
			`[{"jsonrpc":"2.0","id":1,"result":1}]`)
		h.ping()
	})
	on("envelope: unknown $/ notifications are ignored, requests are -32601", func(t *testing.T, h *host) {
		h.send(`{"jsonrpc":"2.0","method":"$/setTrace","params":{"value":"off"}}`, `{"jsonrpc":"2.0","method":"$/cancelRequest"}`,
			`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":99}}`, `{"jsonrpc":"2.0","method":"$/cancelRequest","params":[1]}`)
		h.ping()
		h.askError("1", KindMethodNotFound, request(1, "$/setTrace", ""))
		h.askError("2", KindMethodNotFound, request(2, "$/cancelRequest", `{"id":1}`))
	})
	on("envelope: meta of the wrong type is -32602, unknown members are ignored", func(t *testing.T, h *host) {
		for _, meta := range []string{
			`5`, `null`, `[]`, `{"timeout_ms":0}`, `{"timeout_ms":-5}`, `{"timeout_ms":"5"}`, `{"traceparent":1}`, `{"idempotent":1}`,
			`{"affinity":true}`, `{"stream":"yes"}`, `{"encoding":"xml"}`, `{"encoding":1}`, `{"returns":"all"}`, `{"progress":0}`, `{"ref":[]}`,
		} {
			h.askError("1", KindInvalidParams, `{"jsonrpc":"2.0","id":1,"method":"echo","meta":`+meta+`}`)
		}
		all := `{"timeout_ms":1.5,"traceparent":"t","idempotent":true,"affinity":"a","stream":false,"encoding":"tagged","returns":"none","progress":true,"mine":[1]}`
		h.ask(`{"jsonrpc":"2.0","id":1,"result":`+all+`}`, `{"jsonrpc":"2.0","id":1,"method":"meta","meta":`+all+`}`)
	})
	on("strict: what is not JSON is -32700 with id null", func(t *testing.T, h *host) {
		for name, line := range map[string]string{
			"garbage": `hello`, "truncated": `{"jsonrpc":"2.0","id":1`, "BOM": "\ufeff" + request(1, "echo", "[]"),
			"NaN": request(1, "echo", "[NaN]"), "Infinity": request(1, "echo", "[-Infinity]"), "two values": request(1, "echo", "[]") + request(2, "echo", "[]"),
			"single quotes": `{'a':1}`, "trailing comma": request(1, "echo", "[1,]"), "invalid UTF-8": request(1, "echo", "[\"\xff\"]"),
			"surrogate as UTF-8": request(1, "echo", "[\"\xed\xa0\x80\"]"), "control character": request(1, "echo", "[\"\x01\"]"), "NUL": "\x00",
			"depth 513": request(1, "echo", strings.Repeat("[", 512)+strings.Repeat("]", 512)), "comment": request(1, "echo", "[1]//x"),
		} {
			h.send(line)
			a := h.answer()
			if a.Error == nil || a.Error.Code != CodeParseError || string(a.ID) != "null" {
				t.Errorf("%s: %+v", name, a)
			}
		}
		h.ping()
		deep := strings.Repeat("[", 511) + strings.Repeat("]", 511)
		h.ask(`{"jsonrpc":"2.0","id":1,"result":`+deep+`}`, request(1, "echo", deep))
	})
	on("params, result and id travel as the bytes they came in", func(t *testing.T, h *host) {
		for _, p := range []string{`[1.0]`, `[1e2]`, `[9007199254740993]`, `["\ud800"]`, `{"b":1,"a":2,"a":3}`, `["<>&\u003c"]`, `[ 1 ,	2 ]`, `["\u00e9é"]`, `[-0,-0.0]`} {
			h.ask(`{"jsonrpc":"2.0","id":1,"result":`+p+`}`, request(1, "echo", p))
		}
	})

	on("batch: [1] is an array with one -32600", func(t *testing.T, h *host) {
		all := batchOf(t, h, `[1]`)
		if len(all) != 1 {
			t.Fatalf("%d answers", len(all))
		}
		h.wantError(all[0], "null", KindInvalidRequest)
		if got := len(batchOf(t, h, `[1,2,3]`)); got != 3 {
			t.Errorf("%d answers to [1,2,3]", got)
		}
	})
	on("batch: truncated is one -32700 and runs nothing", func(t *testing.T, h *host) {
		h.askError("null", KindParseError, `[`+request(1, "note", "")+`,{"jsonrpc":"2.0"`)
		h.askError("null", KindParseError, `[`+request(1, "note", "")+`,]`)
		h.askError("null", KindParseError, `[`)
		if len(s.h.came) > 0 {
			t.Error("an entry of a broken batch ran")
		}
	})
	on("batch: nested arrays are -32600 each", func(t *testing.T, h *host) {
		all := batchOf(t, h, `[[`+request(1, "echo", "")+`],[],`+request(2, "echo", "")+`]`)
		if len(all) != 3 {
			t.Fatalf("%d answers", len(all))
		}
		bad := 0
		for _, a := range all {
			if a.Error != nil {
				h.wantError(a, "null", KindInvalidRequest)
				bad++
			}
		}
		if bad != 2 {
			t.Errorf("%d errors", bad)
		}
	})
	on("batch: empty is one -32600 object", func(t *testing.T, h *host) {
		h.askError("null", KindInvalidRequest, `[]`)
		h.askError("null", KindInvalidRequest, `[ ]`)
	})
	on("batch: over max-batch is one error", func(t *testing.T, h *host) {
		h.askError("null", KindInvalidRequest, `[`+strings.Repeat(`{"jsonrpc":"2.0","method":"echo"},`, 10)+`1]`)
		if got := len(batchOf(t, h, `[`+strings.Repeat(`1,`, 9)+`1]`)); got != 10 {
			t.Errorf("%d answers at the limit", got)
		}
	})
	on("batch: an invalid entry without an id is an error with id null", func(t *testing.T, h *host) {
		all := batchOf(t, h, `[{"jsonrpc":"2.0","method":1},{"foo":"boo"},{"jsonrpc":"2.0","id":5,"method":"echo","params":3}]`)
		if len(all) != 3 {
			t.Fatalf("%d answers", len(all))
		}
		h.wantError(all[0], "null", KindInvalidRequest)
		h.wantError(all[1], "null", KindInvalidRequest)
		h.wantError(all[2], "5", KindInvalidRequest)
	})
	on("batch: one line with one array back, nothing for notifications only", func(t *testing.T, h *host) {
		h.send(`[{"jsonrpc":"2.0","method":"echo"},{"jsonrpc":"2.0","method":"fail"}]`)
		h.ping()
		all := batchOf(t, h, `[`+request(1, "add", "[1,2]")+`,{"jsonrpc":"2.0","method":"echo"},`+request(`"x"`, "nope", "")+`]`)
		if len(all) != 2 || string(all[0].Result) != "3" {
			t.Errorf("%+v", all)
		}
		h.wantError(all[1], `"x"`, KindMethodNotFound)
	})
	on("batch: entries run concurrently", func(t *testing.T, h *host) {
		begin := time.Now()
		if all := batchOf(t, h, `[`+request(1, "sleep", "")+`,`+request(2, "sleep", "")+`]`); len(all) != 2 {
			t.Errorf("%d answers", len(all))
		}
		if took := time.Since(begin); took > 350*time.Millisecond {
			t.Errorf("two sleeps of 0.2 s took %v", took)
		}
	})

	on("pipelining: 1000 requests before the first read", func(t *testing.T, h *host) {
		var b strings.Builder
		for i := range 1000 {
			b.WriteString(request(i, "add", fmt.Sprintf("[%d,1]", i)) + "\n")
		}
		h.send(strings.TrimSuffix(b.String(), "\n"))
		seen := map[string]bool{}
		for range 1000 {
			a := h.answer()
			var id, sum int
			_ = json.Unmarshal(a.ID, &id)
			_ = json.Unmarshal(a.Result, &sum)
			if seen[string(a.ID)] || sum != id+1 {
				t.Fatalf("id %s twice, or wrong: %s", a.ID, a.Result)
			}
			seen[string(a.ID)] = true
		}
		h.ping()
	})
	on("pipelining: the same id twice in flight, the second is -32600", func(t *testing.T, h *host) {
		h.send(request(7, "hold", ""))
		first := s.h.waitHeld(t)
		a := h.askError("null", KindInvalidRequest, request(7, "echo", "[1]"))
		if !strings.Contains(string(a.Error.Data), `"id":7`) {
			t.Errorf("data does not name the id: %s", a.Error.Data)
		}
		h.ask(`{"jsonrpc":"2.0","id":7.0,"result":[1]}`, request("7.0", "echo", "[1]"))
		first.Reply([]byte(`"first"`))
		if got := h.line(); got != `{"jsonrpc":"2.0","id":7,"result":"first"}` {
			t.Errorf("the first lost its answer: %s", got)
		}
		h.ask(`{"jsonrpc":"2.0","id":7,"result":[2]}`, request(7, "echo", "[2]"))
		all := batchOf(t, h, `[`+request(8, "sleep", "")+`,`+request(8, "echo", "")+`]`)
		h.wantError(all[0], "null", KindInvalidRequest)
		if len(all) != 2 || string(all[1].ID) != "8" || string(all[1].Result) != "true" {
			t.Errorf("twice in one batch: %+v", all)
		}
	})
	on("pipelining: two connections with the same ids never cross", func(t *testing.T, a *host) {
		b := s.dial(t)
		a.send(request(1, "hold", ""))
		ca := s.h.waitHeld(t)
		b.send(request(1, "hold", ""))
		cb := s.h.waitHeld(t)
		cb.Reply([]byte(`"b"`))
		ca.Reply([]byte(`"a"`))
		if x, y := a.line(), b.line(); !strings.Contains(x, `"a"`) || !strings.Contains(y, `"b"`) {
			t.Errorf("crossed: %s, %s", x, y)
		}
	})
}

// batchOf sends a batch and wants one line with one array.
func batchOf(t *testing.T, h *host, line string) []answer {
	t.Helper()
	h.send(line)
	return entriesOf(t, h.line())
}

// entriesOf cuts the answer to a batch.
func entriesOf(t *testing.T, got string) []answer {
	t.Helper()
	var raw []json.RawMessage
	if err := json.Unmarshal([]byte(got), &raw); err != nil {
		t.Fatalf("no array: %.300s", got)
	}
	all := make([]answer, len(raw))
	for i := range raw {
		all[i] = parseAnswer(t, string(raw[i]))
	}
	return all
}
