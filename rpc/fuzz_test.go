package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
)

// memory is a connection whose whole input is there from the start and whose
// output is kept.
type memory struct {
	in  io.Reader
	mu  sync.Mutex
	out bytes.Buffer
}

func (m *memory) Read(p []byte) (int, error) { return m.in.Read(p) }

func (m *memory) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.out.Write(p)
}

func (m *memory) Close() error { return nil }

// exchange serves one input to its end and gives the lines that came back.
func exchange(t testing.TB, l Limits, in io.Reader) []string {
	t.Helper()
	s, err := NewServer(newTestHandler(), l)
	if err != nil {
		t.Fatal(err)
	}
	m := &memory{in: in}
	if err := s.ServeConn(context.Background(), m); err != nil && !errors.Is(err, errTooManyBadLines) {
		t.Fatalf("ServeConn: %v", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	out := strings.TrimSuffix(m.out.String(), "\n")
	if out == "" {
		return nil
	}
	return strings.Split(out, "\n")
}

// FuzzOneLine: whatever is on a line, it gets at most one line back, a proper
// response or array of them; and the request behind it gets its own.
func FuzzOneLine(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `[]`, `[1,[2],{}]`, `nul`, "\ufeff{}", "{\"jsonrpc\":\"2.0\"\r", "\xff", `{"jsonrpc":"2.0","id":1,"method":"echo","params":[1]}`,
		`{"jsonrpc":"2.0","method":"echo"}`, `[{"jsonrpc":"2.0","method":"echo"}]`, `{"jsonrpc":"2.0","id":1,"id":2,"method":"echo"}`,
		`{"jsonrpc":"2.0","id":1,"method":"$/cancelRequest","params":{"id":1}}`, `{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":1}}`,
		`{"jsonrpc":"2.0","id":"\ud800","method":"fail","meta":{"timeout_ms":5}}`, `[{"jsonrpc":"2.0","id":1,"method":"echo"},{"jsonrpc":"2.0","id":1,"method":"echo"}]`,
		`{"jsonrpc":"2.0","id":1,"method":"panic"}`, `{"jsonrpc":"2.0","id":1,"result":2}`, strings.Repeat("[", 600), `"` + strings.Repeat("x", 3000) + `"`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		line = bytes.ReplaceAll(line, []byte{'\n'}, []byte{' '})
		if bytes.Contains(line, []byte("hold")) || bytes.Contains(line, []byte("\\u")) && bytes.Contains(line, []byte("method")) {
			return // a call that is never answered would hang the test, not the server
		}
		const sentinel = `{"jsonrpc":"2.0","id":"sentinel","method":"add","params":[3,4]}`
		out := exchange(t, Limits{MaxMessage: 2000, MaxBatch: 20}, iotest.HalfReader(bytes.NewReader(append(append(line, '\n'), sentinel...))))
		if len(out) == 0 || len(out) > 2 {
			t.Fatalf("%d lines came back for one and the sentinel: %.200q", len(out), out)
		}
		var last answer
		if json.Unmarshal([]byte(out[len(out)-1]), &last) != nil || string(last.ID) != `"sentinel"` || string(last.Result) != "7" {
			// "sleep" answers later than the sentinel.
			if !bytes.Contains(line, []byte("sleep")) {
				t.Fatalf("the line behind was hurt: %.300q", out)
			}
		}
		for _, line := range out {
			if !json.Valid([]byte(line)) {
				t.Fatalf("no JSON came back: %.200q", line)
			}
		}
	})
}

// FuzzManyRequests: N requests of any shape and cut anywhere get exactly N
// answers, one for each id, among blank lines, notifications and garbage.
func FuzzManyRequests(f *testing.F) {
	f.Add([]byte("abc"), uint8(3))
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, uint8(1))
	f.Add([]byte{200, 4, 4, 4, 9, 13, 3}, uint8(7))
	f.Fuzz(func(t *testing.T, plan []byte, step uint8) {
		if len(plan) > 500 {
			return
		}
		var in strings.Builder
		want := map[string]bool{}
		nulls := 0
		for i, p := range plan {
			switch p % 8 {
			case 0:
				in.WriteString("\r\n")
			case 1:
				in.WriteString("{garbage\n")
				nulls++
			case 2:
				in.WriteString(`{"jsonrpc":"2.0","method":"echo"}` + "\n")
			case 3:
				fmt.Fprintf(&in, `[{"jsonrpc":"2.0","id":%d,"method":"echo"},{"jsonrpc":"2.0","method":"fail"}]`+"\r\n", i)
				want[fmt.Sprint(i)] = true
			case 4:
				in.WriteString(strings.Repeat("x", 4000) + "\n")
				nulls++
				in.WriteString("{}\n") // so that over-long lines do not come in a row
				nulls++
			case 5:
				fmt.Fprintf(&in, `{"jsonrpc":"2.0","id":"%d","method":"fail"}`+"\n", i)
				want[fmt.Sprintf("%q", fmt.Sprint(i))] = true
			default:
				fmt.Fprintf(&in, `{"jsonrpc":"2.0","id":%d,"method":"add","params":[%d,1]}`+"\n", i, i)
				want[fmt.Sprint(i)] = true
			}
		}
		for _, line := range exchange(t, Limits{MaxMessage: 2000}, &stutter{in.String(), int(step) + 1}) {
			a := parseAnswer(t, strings.Trim(line, "[]"))
			if string(a.ID) == "null" {
				nulls--
				continue
			}
			if !want[string(a.ID)] {
				t.Fatalf("an answer nobody waits for: %s", line)
			}
			delete(want, string(a.ID))
		}
		if len(want) > 0 || nulls != 0 {
			t.Fatalf("unanswered: %v, and %d lines", want, nulls)
		}
	})
}

// stutter reads a few bytes at a time.
type stutter struct {
	s    string
	step int
}

func (s *stutter) Read(p []byte) (int, error) {
	if s.s == "" {
		return 0, io.EOF
	}
	n := copy(p, s.s[:min(len(s.s), s.step)])
	s.s = s.s[n:]
	return n, nil
}

// FuzzScanReply: what a worker writes is cut into parts of its own line, and
// whatever passes is JSON.
func FuzzScanReply(f *testing.F) {
	for _, seed := range []string{
		`{"jsonrpc":"2.0","id":7,"result":1.0}`, `{"jsonrpc":"2.0","id":7,"error":{"code":1,"message":"x"}}`, `{"jsonrpc":"2.0","method":"mochi.ready","params":{}}`,
		`{"jsonrpc":"2.0","m\u0065thod":"x"}`, `{"a":1,"a":2}`, `[`, "\xff", `{"jsonrpc":"2.0","id":7,"result":"\ud800"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		m, err := ScanReply(line)
		if err != nil {
			return
		}
		if !json.Valid(line) {
			t.Fatalf("accepted what is not JSON: %q", line)
		}
		for _, part := range [][]byte{m.ID, m.Params, m.Meta, m.Result, m.Error} {
			if part != nil && (!json.Valid(part) || !bytes.Contains(line, part)) {
				t.Fatalf("cut out %q of %q", part, line)
			}
		}
		if m.IsReply() && (m.Result == nil) == (m.Error == nil) {
			t.Fatalf("a reply with both or neither: %q", line)
		}
	})
}
