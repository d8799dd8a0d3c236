package rpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestCodecRoundTrip(t *testing.T) {
	var b bytes.Buffer
	c := NewCodec(&b, &b, 0)
	r, err := NewRequest(7, "math.pow", []any{2, "<>&"})
	if err != nil {
		t.Fatal(err)
	}
	n, err := NewNotification("tick", nil)
	if err != nil {
		t.Fatal(err)
	}
	m := &Request{JSONRPC: "2.0", ID: json.RawMessage(`"a"`), Method: "a\"b", Params: json.RawMessage("{\n\"x\":1.0}"), Meta: json.RawMessage(`{"idempotent":true}`)}
	for _, r := range []*Request{r, n, m} {
		if err := c.WriteRequest(r); err != nil {
			t.Fatal(err)
		}
	}
	wire := `{"jsonrpc":"2.0","id":7,"method":"math.pow","params":[2,"<>&"]}` + "\n" +
		`{"jsonrpc":"2.0","method":"tick"}` + "\n" +
		`{"jsonrpc":"2.0","id":"a","method":"a\"b","params":{"x":1.0},"meta":{"idempotent":true}}` + "\n"
	if b.String() != wire {
		t.Fatalf("on the wire:\n%s want\n%s", b.String(), wire)
	}
	m.Params = json.RawMessage(`{"x":1.0}`)
	for _, want := range []*Request{r, n, m} {
		got, err := c.ReadRequest()
		if err != nil || !sameRequest(got, want) {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
	}
	ok, err := NewResponse(r.ID, map[string]int{"a": 1})
	if err != nil {
		t.Fatal(err)
	}
	null, _ := NewResponse(m.ID, nil)
	failed := NewErrorResponse(nil, NewError(KindParseError, "not\nJSON", nil))
	for _, r := range []*Response{ok, null, failed} {
		if err := c.WriteResponse(r); err != nil {
			t.Fatal(err)
		}
	}
	if want := `{"jsonrpc":"2.0","id":7,"result":{"a":1}}` + "\n" + `{"jsonrpc":"2.0","id":"a","result":null}` + "\n" +
		`{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"not\nJSON","data":{"kind":"parse_error"}}}` + "\n"; b.String() != want {
		t.Fatalf("on the wire:\n%s want\n%s", b.String(), want)
	}
	for _, want := range []*Response{ok, null, failed} {
		got, err := c.ReadResponse()
		if err != nil || string(got.Result) != string(want.Result) || (got.Error == nil) != (want.Error == nil) {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
		if want.Error != nil && (got.Error.Code != want.Error.Code || got.Error.Message != want.Error.Message || string(got.Error.Data) != string(want.Error.Data)) {
			t.Errorf("got %+v; want %+v", got.Error, want.Error)
		}
	}
	if _, err := c.ReadRequest(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

func sameRequest(a, b *Request) bool {
	return a != nil && a.JSONRPC == b.JSONRPC && bytes.Equal(a.ID, b.ID) && a.Method == b.Method && bytes.Equal(a.Params, b.Params) && bytes.Equal(a.Meta, b.Meta)
}

func TestCodecRefusesToWriteWhatItWouldNotRead(t *testing.T) {
	c := NewCodec(strings.NewReader(""), io.Discard, 0)
	for name, r := range map[string]*Request{
		"no version":    {Method: "m"},
		"wrong version": {JSONRPC: "1.0", Method: "m"},
		"no method":     {JSONRPC: "2.0"},
		"id object":     {JSONRPC: "2.0", Method: "m", ID: json.RawMessage(`{}`)},
		"id garbage":    {JSONRPC: "2.0", Method: "m", ID: json.RawMessage(`"`)},
		"params scalar": {JSONRPC: "2.0", Method: "m", Params: json.RawMessage(`1`)},
		"params broken": {JSONRPC: "2.0", Method: "m", Params: json.RawMessage(`[`)},
		"meta broken":   {JSONRPC: "2.0", Method: "m", Meta: json.RawMessage(`{`)},
	} {
		if err := c.WriteRequest(r); err == nil {
			t.Errorf("request, %s: written", name)
		}
	}
	for name, r := range map[string]*Response{
		"wrong version": {JSONRPC: "1.0", Result: json.RawMessage("1")},
		"neither":       {JSONRPC: "2.0"},
		"both":          {JSONRPC: "2.0", Result: json.RawMessage("1"), Error: &Error{}},
		"broken":        {JSONRPC: "2.0", Result: json.RawMessage("{")},
		"id bool":       {JSONRPC: "2.0", ID: json.RawMessage("true"), Result: json.RawMessage("1")},
	} {
		if err := c.WriteResponse(r); err == nil {
			t.Errorf("response, %s: written", name)
		}
	}
}

func TestCodecReadsOnAfterABadLine(t *testing.T) {
	in := strings.Join([]string{
		`{"jsonrpc":"1.0","id":1,"method":"m"}`, `{"jsonrpc":"2.0","id":1}`, `{`, `[]`, `{"jsonrpc":"2.0","id":1,"result":2}`, strings.Repeat("x", 5000),
		`{"jsonrpc":"2.0","id":1,"method":"m"}`,
	}, "\n") + "\n{"
	c := NewCodec(strings.NewReader(in), io.Discard, 1000)
	for _, want := range []int{CodeInvalidRequest, CodeInvalidRequest, CodeParseError, CodeInvalidRequest, CodeInvalidRequest, CodeTooLarge} {
		_, err := c.ReadRequest()
		var e *Error
		if !errors.As(err, &e) || e.Code != want {
			t.Errorf("got %v, want code %d", err, want)
		}
	}
	if r, err := c.ReadRequest(); err != nil || r.Method != "m" {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := c.ReadRequest(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut short: %v", err)
	}
	c = NewCodec(strings.NewReader(`{"jsonrpc":"1.0","id":1,"result":2}`+"\n"+`{"jsonrpc":"2.0","id":1,"error":{"code":"x"}}`+"\n"+`{"jsonrpc":"2.0","id":1,"method":"m"}`+"\n"), io.Discard, 0)
	for range 3 {
		_, err := c.ReadResponse()
		var e *Error
		if !errors.As(err, &e) || e.Code != CodeInvalidRequest {
			t.Errorf("got %v", err)
		}
	}
}

func TestMessagesRoundTripThroughPlainJSON(t *testing.T) {
	r, err := NewRequest("a", "m", map[string]int{"x": 1})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(r)
	var back Request
	if err != nil || json.Unmarshal(raw, &back) != nil || !sameRequest(&back, r) {
		t.Errorf("%s, %v -> %+v", raw, err, back)
	}
	resp := NewErrorResponse(r.ID, errors.New("generic"))
	raw, err = json.Marshal(resp)
	var got Response
	if err != nil || json.Unmarshal(raw, &got) != nil || got.Error.Code != CodeInternalError || got.Error.Message != "generic" || string(got.ID) != `"a"` {
		t.Errorf("%s, %v -> %+v", raw, err, got)
	}
}

func TestBuildersRefuseWhatIsNoRequest(t *testing.T) {
	if _, err := NewRequest(1, "m", 5); err == nil {
		t.Error("scalar params")
	}
	if _, err := NewRequest([]int{1}, "m", nil); err == nil {
		t.Error("id array")
	}
	if _, err := NewRequest(1, "m", make(chan int)); err == nil {
		t.Error("params that are no JSON")
	}
	if r, err := NewRequest(nil, "m", nil); err != nil || string(r.ID) != "null" {
		t.Errorf("id null: %+v, %v", r, err)
	}
}

func TestErrorIsSafeOnNil(t *testing.T) {
	var e *Error
	if e.Error() == "" || e.Kind() != "" {
		t.Error("nil has a text and no kind")
	}
	if AsError(nil) != nil || AsError(io.EOF).Code != CodeInternalError || AsError(io.EOF).Kind() != KindInternal {
		t.Error("AsError")
	}
	odd := NewError(KindInternal, "x", Fields{"bad": make(chan int)})
	if odd.Kind() != KindInternal {
		t.Errorf("a field JSON cannot hold cost the kind: %s", odd.Data)
	}
}

func TestMetaRoundTrip(t *testing.T) {
	for _, raw := range []string{
		`{}`, `{"timeout_ms":250}`, `{"timeout_ms":0.001}`,
		`{"traceparent":"00-a","idempotent":true,"affinity":"x","stream":true,"encoding":"tagged","returns":"ref","progress":true,"ref":"p1"}`,
	} {
		var m Meta
		if err := json.Unmarshal([]byte(raw), &m); err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		if back, err := json.Marshal(m); err != nil || string(back) != raw {
			t.Errorf("%s came back as %s, %v", raw, back, err)
		}
	}
	if m, bad := parseMeta([]byte(`{"timeout_ms":1e300}`)); bad != nil || m.Timeout <= 0 {
		t.Errorf("a huge timeout: %v, %v", m.Timeout, bad)
	}
	if m, bad := parseMeta([]byte(`{"timeout_ms":1e-9}`)); bad != nil || m.Timeout <= 0 {
		t.Errorf("a tiny timeout: %v, %v", m.Timeout, bad)
	}
}

func TestResultWithLineFeedsIsMadeOneLine(t *testing.T) {
	got := appendResponse(nil, []byte("1"), []byte("{\n \"a\": [1]\n}"), nil)
	if string(got) != `{"jsonrpc":"2.0","id":1,"result":{"a":[1]}}` {
		t.Errorf("%s", got)
	}
	got = appendResponse(nil, []byte("1"), []byte("{\n"), nil)
	if a := parseAnswer(t, string(got)); a.Error == nil || a.Error.Kind() != KindInternal {
		t.Errorf("%s", got)
	}
	got = appendResponse(nil, []byte("1"), nil, &Error{Code: 1, Message: "\xff\n", Data: []byte("{\n")})
	if a := parseAnswer(t, string(got)); a.Error == nil || a.Error.Code != 1 || bytes.IndexByte(got, '\n') >= 0 {
		t.Errorf("%s", got)
	}
}
