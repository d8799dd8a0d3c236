package rpc

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

func page(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// The examples of PROTOCOL.md, in the page's order, on one connection.
func TestProtocolExamplesPlay(t *testing.T) {
	pending := make(chan *Call, 10)
	released := false // of the reader's goroutine
	s := &testServer{done: make(chan struct{})}
	s.start(t, HandlerFunc(func(c *Call) {
		switch c.Method + " " + string(c.Params) {
		case "math.sqrt [9]":
			c.Reply([]byte("3.0"))
		case "math.sqrt [4]":
			c.Reply([]byte("2.0"))
		case "math.pow [2,3]":
			c.Reply([]byte("8.0"))
		case `json.dumps {"obj":[1]}`:
			c.Reply([]byte(`"[1]"`))
		case "math.pi ":
			c.Reply([]byte("3.141592653589793"))
		case "app.squares [1]", "app.squares [3]":
			n := uint64(c.Params[1] - '0')
			for i := range n {
				c.Items(c.Burst(), fmt.Appendf(nil, `"seq":%d,"items":[%d]`, i, i*i), nil, i, 1)
			}
			c.Reply(fmt.Appendf(nil, `{"count":%d}`, n))
		case "app.train ":
			half := 0.5
			c.Report(c.Burst(), &half, "half of it")
			c.Reply(nil)
		case `app.delete ["x",{"$callback":"sure"}]`:
			c.CallBack(c.Burst(), Callback{Name: []byte(`"sure"`), Args: []byte(`["delete x?"]`)}, func(result []byte, err *Error) {
				if err != nil {
					c.Fail(err)
					return
				}
				c.Reply(result)
			})
		case `app.Box ["pen"]`:
			if c.Meta.Returns == "ref" {
				released = false
				c.Reply([]byte(`{"$ref":{"id":"p1.w0.g1.1","type":"app.Box","repr":"<Box of 1>"}}`))
			}
		case `$ref.put ["ink"]`:
			if released {
				c.Fail(NewError(KindStaleRef, "released", Fields{"ref": c.Meta.Ref}))
				return
			}
			c.Reply([]byte("2"))
		case `$ref.$item [0]`:
			c.Reply([]byte(`"pen"`))
		case `mochi.release {"refs":["p1.w0.g1.1"]}`:
			released = true
			c.Reply([]byte(`{"released":1}`))
		case "app.slow ":
			c.HeldBy(answerOnCancel{})
			pending <- c
		default:
			c.Fail(Errorf(KindMethodNotFound, "there is no function %q", c.Method))
		}
	}), Limits{})
	h := s.dial(t)
	blocks := regexp.MustCompile("(?s)```wire\n(.*?)```").FindAllStringSubmatch(page(t, "PROTOCOL.md"), -1)
	if len(blocks) < 8 {
		t.Fatalf("only %d examples", len(blocks))
	}
	for _, block := range blocks {
		for line := range strings.Lines(block[1]) {
			line = strings.TrimSuffix(line, "\n")
			text := line[4:]
			switch line[:4] {
			case "--> ":
				h.send(text)
			case "<-- ":
				if got := h.line(); got != text {
					t.Errorf("the page says %s\nthe server %s", text, got)
				}
			case "<-* ":
				got := h.line()
				var want, have any
				if err := json.Unmarshal([]byte(text), &want); err != nil {
					t.Fatalf("the page's own line is not JSON: %s", text)
				}
				if json.Unmarshal([]byte(got), &have) != nil || !holds(have, want) {
					t.Errorf("the page says %s\nthe server %s", text, got)
				}
			default:
				t.Fatalf("an example line begins with -->, <-- or <-*: %q", line)
			}
		}
	}
	h.ask(`{"jsonrpc":"2.0","id":"end","result":3.0}`, request(`"end"`, "math.sqrt", "[9]")) // nothing was left unread
	if len(pending) == 0 {
		t.Error("app.slow was not called")
	}
}

// holds says that have has every member that want shows.
func holds(have, want any) bool {
	switch want := want.(type) {
	case map[string]any:
		have, ok := have.(map[string]any)
		for key, value := range want {
			if there, has := have[key]; !ok || !has || !holds(there, value) {
				return false
			}
		}
		return ok
	case []any:
		have, ok := have.([]any)
		if !ok || len(have) != len(want) {
			return false
		}
		for i := range want {
			if !holds(have[i], want[i]) {
				return false
			}
		}
		return true
	}
	return have == want
}

func TestErrorsPageIsTheTable(t *testing.T) {
	rows := regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (-?\\d+) \\|(.*)\\|$").FindAllStringSubmatch(page(t, "ERRORS.md"), -1)
	listed := map[Kind]bool{}
	for _, row := range rows {
		kind := Kind(row[1])
		if listed[kind] {
			t.Errorf("%s has two rows", kind)
		}
		listed[kind] = true
		if code, ok := codeOf[kind]; !ok || fmt.Sprint(code) != row[2] {
			t.Errorf("%s is %d in the code and %s on the page", kind, code, row[2])
		}
		cells := strings.Split(row[3], " | ")
		if len(cells) != 4 {
			t.Errorf("%s: %d cells behind the code, want when, retry?, what to do, data", kind, len(cells))
			continue
		}
		for i, cell := range cells[:3] {
			if strings.TrimSpace(cell) == "" {
				t.Errorf("%s: cell %d is empty", kind, i+3)
			}
		}
	}
	for kind := range codeOf {
		if !listed[kind] {
			t.Errorf("%s has no row", kind)
		}
	}
}

func TestCodesAreUniqueButForTheSeedsTwo(t *testing.T) {
	kinds := map[int][]Kind{}
	for kind, code := range codeOf {
		kinds[code] = append(kinds[code], kind)
	}
	for code, k := range kinds {
		if len(k) > 1 && code != CodeInternalError {
			t.Errorf("%d is %v", code, k)
		}
	}
	if len(kinds[CodeInternalError]) != 2 || Kind("nonsense").Code() != CodeInternalError {
		t.Errorf("-32603 is %v", kinds[CodeInternalError])
	}
}
