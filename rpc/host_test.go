package rpc

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// testHandler answers a few methods, most of them at once and on the reader's
// goroutine. "hold" answers when it is released or cancelled.
type testHandler struct {
	mu   sync.Mutex
	held map[*Call]struct{}
	came chan *Call // every call of "hold" and "note"
}

func newTestHandler() *testHandler {
	return &testHandler{held: map[*Call]struct{}{}, came: make(chan *Call, 10_000)}
}

func (h *testHandler) Handle(c *Call) {
	switch c.Method {
	case "echo":
		c.Reply(c.Params)
	case "meta":
		c.Reply(c.RawMeta)
	case "add":
		var n []float64
		if err := json.Unmarshal(c.Params, &n); err != nil {
			c.Fail(Errorf(KindInvalidParams, "add takes numbers"))
			return
		}
		sum := 0.0
		for _, x := range n {
			sum += x
		}
		raw, _ := json.Marshal(sum)
		c.Reply(raw)
	case "fail":
		c.Fail(NewError(KindPythonError, "division by zero", Fields{"type": "ZeroDivisionError"}))
	case "generic":
		c.Fail(errors.New("something broke"))
	case "panic":
		panic("oh no")
	case "note":
		h.came <- c
		c.Reply(nil)
	case "big":
		c.Reply([]byte(`"` + strings.Repeat("b", 1<<20) + `"`))
	case "sleep":
		time.AfterFunc(200*time.Millisecond, func() { c.Reply([]byte("true")) })
	case "hold":
		h.mu.Lock()
		h.held[c] = struct{}{}
		h.mu.Unlock()
		if cause := c.HeldBy(h); cause != nil {
			c.Fail(cause)
		}
		h.came <- c
	default:
		c.Fail(Errorf(KindMethodNotFound, "there is no function %q", c.Method))
	}
}

// CancelCall answers a held call at once.
func (h *testHandler) CancelCall(c *Call, cause *Error) {
	h.mu.Lock()
	delete(h.held, c)
	h.mu.Unlock()
	c.Fail(cause)
}

func (h *testHandler) waitHeld(t testing.TB) *Call {
	t.Helper()
	select {
	case c := <-h.came:
		return c
	case <-time.After(10 * time.Second):
		t.Fatal("no call came within 10 s")
		return nil
	}
}

// socketPath is short whatever the test is called: a socket's may have 107 bytes.
func socketPath(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rpc")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

// testServer is a Server on a real socket.
type testServer struct {
	*Server
	h    *testHandler
	addr string
	stop context.CancelFunc
	done chan struct{}
}

func serveTest(t testing.TB, l Limits, change ...func(*Server)) *testServer {
	t.Helper()
	h := newTestHandler()
	s := &testServer{h: h, done: make(chan struct{})}
	s.start(t, h, l, change...)
	return s
}

func (s *testServer) start(t testing.TB, h Handler, l Limits, change ...func(*Server)) {
	t.Helper()
	var err error
	if s.Server, err = NewServer(h, l); err != nil {
		t.Fatal(err)
	}
	for _, f := range change {
		f(s.Server)
	}
	listener, err := net.Listen("unix", socketPath(t))
	if err != nil {
		t.Fatal(err)
	}
	s.addr = listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	go func() {
		defer close(s.done)
		if err := s.Serve(ctx, listener); err != nil {
			t.Errorf("Serve: %v", err)
		}
	}()
	t.Cleanup(func() {
		s.Close()
		cancel()
		within(t, "the end of Serve", s.done)
	})
}

// host is a client that sees raw bytes.
type host struct {
	t testing.TB
	*net.UnixConn
	in *bufio.Reader
}

func (s *testServer) dial(t testing.TB) *host {
	t.Helper()
	c, err := net.Dial("unix", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(30 * time.Second)) // a test that hangs fails instead
	return &host{t, c.(*net.UnixConn), bufio.NewReaderSize(c, 1<<16)}
}

func (h *host) send(lines ...string) {
	h.t.Helper()
	if _, err := io.WriteString(h, strings.Join(lines, "\n")+"\n"); err != nil {
		h.t.Fatalf("send: %v", err)
	}
}

func (h *host) line() string {
	h.t.Helper()
	line, err := h.in.ReadString('\n')
	if err != nil {
		h.t.Fatalf("read: %v (got %.200q)", err, line)
	}
	return strings.TrimSuffix(line, "\n")
}

// roundTrip sends one line and gives the next one back.
func (h *host) roundTrip(line string) string {
	h.t.Helper()
	h.send(line)
	return h.line()
}

// answer is a response as a host sees it.
type answer struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Result  json.RawMessage `json:"result"`
	Error   *Error          `json:"error"`
}

func (h *host) answer() answer {
	h.t.Helper()
	return parseAnswer(h.t, h.line())
}

func parseAnswer(t testing.TB, line string) answer {
	t.Helper()
	var a answer
	var members map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal([]byte(line), &a), json.Unmarshal([]byte(line), &members)); err != nil {
		t.Fatalf("not a response: %.200q: %v", line, err)
	}
	_, result := members["result"]
	_, failure := members["error"]
	if a.JSONRPC != "2.0" || result == failure || members["id"] == nil {
		t.Fatalf("not a proper response: %.200q", line)
	}
	a.ID, a.Result = members["id"], members["result"]
	return a
}

// ask sends lines and wants this one line back.
func (h *host) ask(want string, lines ...string) {
	h.t.Helper()
	h.send(lines...)
	if got := h.line(); got != want {
		h.t.Errorf("%.200q\n got %.300s\nwant %.300s", lines, got, want)
	}
}

// askError sends lines and wants an error back, then proves that the
// connection lives.
func (h *host) askError(id string, kind Kind, lines ...string) answer {
	h.t.Helper()
	h.send(lines...)
	a := h.answer()
	h.wantError(a, id, kind)
	h.ping()
	return a
}

func (h *host) wantError(a answer, id string, kind Kind) {
	h.t.Helper()
	if a.Error == nil || a.Error.Code != kind.Code() || a.Error.Kind() != kind || string(a.ID) != id {
		h.t.Errorf("got id %.100s, result %.100s, error %v (%s); want id %.100s and %s (%d)",
			a.ID, a.Result, a.Error, a.Error.Kind(), id, kind, kind.Code())
	}
	if kind == KindRequestCancelled && a.Error != nil && !strings.Contains(string(a.Error.Data), `"started":`) {
		h.t.Errorf("a cancelled request does not say whether it had started: %s", a.Error.Data)
	}
}

// ping proves that nothing else is waiting to be read and the server goes on.
func (h *host) ping() {
	h.t.Helper()
	h.ask(`{"jsonrpc":"2.0","id":"ping","result":["ping"]}`, request(`"ping"`, "echo", `["ping"]`))
}

// eof wants the connection to end without another byte.
func (h *host) eof() {
	h.t.Helper()
	rest, err := io.ReadAll(h.in)
	if err != nil || len(rest) > 0 {
		h.t.Errorf("wanted the end, got %.200q, %v", rest, err)
	}
}

func request(id any, method, params string) string {
	if params != "" {
		params = `,"params":` + params
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%v,"method":%q%s}`, id, method, params)
}
