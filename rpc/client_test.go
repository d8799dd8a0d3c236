package rpc

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sourcegraph/jsonrpc2"
	"go.uber.org/goleak"
)

func dialClient(t testing.TB, s *testServer) *Client {
	t.Helper()
	c, err := Dial(context.Background(), s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestClientCallsAndDecodes(t *testing.T) {
	ctx := context.Background()
	c := dialClient(t, serveTest(t, Limits{}))
	var sum int
	if err := c.Call(ctx, "add", []int{3, 4}, &sum); err != nil || sum != 7 {
		t.Errorf("add: %d, %v", sum, err)
	}
	var kw map[string]string
	if err := c.Call(ctx, "echo", map[string]string{"a": "<>&\u2028"}, &kw); err != nil || kw["a"] != "<>&\u2028" {
		t.Errorf("echo: %q, %v", kw, err)
	}
	var raw json.RawMessage
	if err := c.Call(ctx, "echo", json.RawMessage(`[1.0,"\ud800",9007199254740993]`), &raw); err != nil || string(raw) != `[1.0,"\ud800",9007199254740993]` {
		t.Errorf("raw: %s, %v", raw, err)
	}
	if err := c.Call(ctx, "echo", nil, &raw); err != nil || string(raw) != "null" {
		t.Errorf("no params: %s, %v", raw, err)
	}
	if err := c.Call(ctx, "add", []int{1}, nil); err != nil {
		t.Errorf("result dropped: %v", err)
	}
	if err := c.Call(ctx, "meta", nil, &raw, WithMeta(Meta{Timeout: 1500 * time.Millisecond, Affinity: "me"})); err != nil || string(raw) != `{"affinity":"me","timeout_ms":1500}` && string(raw) != `{"timeout_ms":1500,"affinity":"me"}` {
		t.Errorf("meta: %s, %v", raw, err)
	}
	if err := c.Call(ctx, "echo", make(chan int), nil); err == nil {
		t.Error("params that JSON cannot hold were sent")
	}
}

func TestClientErrorsReachTheCallerWhole(t *testing.T) {
	c := dialClient(t, serveTest(t, Limits{}))
	err := c.Call(context.Background(), "fail", nil, nil)
	var e *RPCError
	if !errors.As(err, &e) || e.Code != -32603 || e.Message != "division by zero" ||
		string(e.Data) != `{"kind":"python_error","type":"ZeroDivisionError"}` || e.Kind() != KindPythonError {
		t.Errorf("got %#v, %v", e, err)
	}
	if !strings.HasPrefix(err.Error(), "rpc: fail: ") {
		t.Errorf("the error does not name the method: %v", err)
	}
	err = c.Call(context.Background(), "echo", []string{strings.Repeat("x", DefaultMaxMessage)}, nil)
	if !errors.As(err, &e) || e.Kind() != KindTooLarge {
		t.Errorf("over the limit: %v", err)
	}
	var sum int
	if err := c.Call(context.Background(), "add", []int{1, 2}, &sum); err != nil || sum != 3 {
		t.Errorf("the connection did not survive: %v", err)
	}
}

func TestClientAssignsIDsInSequence(t *testing.T) {
	a, b := socketPair(t)
	c := NewClient(a)
	defer c.Close()
	var wg sync.WaitGroup
	in := bufio.NewReader(b)
	for i := 1; i <= 5; i++ {
		wg.Go(func() { _ = c.Call(context.Background(), "m", nil, nil) })
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		var r Request
		if err := json.Unmarshal([]byte(line), &r); err != nil || string(r.ID) != fmt.Sprint(i) || r.JSONRPC != "2.0" {
			t.Errorf("request %d: %s", i, line)
		}
		fmt.Fprintf(b, `{"jsonrpc":"2.0","id":%d,"result":null}`+"\n", i)
	}
	wg.Wait()
}

func TestClientPipelinesAndTakesAnswersInAnyOrder(t *testing.T) {
	s := serveTest(t, Limits{})
	c := dialClient(t, s)
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			var got []int
			if err := c.Call(context.Background(), "hold", []int{i}, &got); err != nil || len(got) != 1 || got[0] != i {
				t.Errorf("call %d: %v, %v", i, got, err)
			}
		})
	}
	held := make([]*Call, 50)
	for i := range held {
		held[i] = s.h.waitHeld(t)
	}
	for i := len(held) - 1; i >= 0; i-- {
		held[i].Reply(held[i].Params)
	}
	wg.Wait()
}

func TestClientContextCancelsTheCallAtTheServer(t *testing.T) {
	s := serveTest(t, Limits{})
	c := dialClient(t, s)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Call(ctx, "hold", nil, nil) }()
	call := s.h.waitHeld(t)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Call: %v", err)
	}
	eventually(t, "the cancel at the server", call.Answered)
	if call.Cancelled().Kind() != KindRequestCancelled {
		t.Errorf("cancelled with %v", call.Cancelled())
	}
	if err := c.Call(ctx, "echo", nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a call under a dead context: %v", err)
	}
}

func TestClientNotify(t *testing.T) {
	s := serveTest(t, Limits{})
	c := dialClient(t, s)
	if err := c.Notify(context.Background(), "note", []int{1}); err != nil {
		t.Fatal(err)
	}
	if call := s.h.waitHeld(t); !call.Notification() || string(call.Params) != "[1]" {
		t.Errorf("%s %s", call.ID(), call.Params)
	}
}

func TestClientCallAfterCloseFails(t *testing.T) {
	s := serveTest(t, Limits{})
	c := dialClient(t, s)
	done := make(chan error, 1)
	go func() { done <- c.Call(context.Background(), "hold", nil, nil) }()
	s.h.waitHeld(t)
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Errorf("the waiting call: %v", err)
	}
	if err := c.Call(context.Background(), "add", []int{1}, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("a call after Close: %v", err)
	}
	if err := c.Notify(context.Background(), "add", nil); !errors.Is(err, ErrClosed) {
		t.Errorf("a notification after Close: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	within(t, "Closed", c.Closed())
}

func TestClientLearnsThatTheServerIsGone(t *testing.T) {
	s := serveTest(t, Limits{})
	c := dialClient(t, s)
	done := make(chan error, 1)
	go func() { done <- c.Call(context.Background(), "hold", nil, nil) }()
	s.h.waitHeld(t)
	s.Close()
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestClientAndServerLeaveNoGoroutine(t *testing.T) {
	base := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, base) }) // runs after the server's own cleanup
	s := serveTest(t, Limits{})
	for range 10 {
		c := dialClient(t, s)
		if err := c.Call(context.Background(), "add", []int{1}, nil); err != nil {
			t.Error(err)
		}
		c.Close()
	}
	c := dialClient(t, s)
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_ = c.Call(ctx, "hold", nil, nil)
	c.Close()
}

// An answer over the client's limit fails its own call and no other.
func TestClientSurvivesAnOverlongAnswer(t *testing.T) {
	a, b := socketPair(t)
	c := NewClient(a)
	defer c.Close()
	go func() {
		in := bufio.NewReader(b)
		in.ReadString('\n')
		io.WriteString(b, `{"jsonrpc":"2.0","id":1,"result":"`+strings.Repeat("x", DefaultMaxMessage)+`"}`+"\n")
		in.ReadString('\n')
		io.WriteString(b, `{"jsonrpc":"2.0","id":2,"result":5}`+"\n")
	}()
	var e *Error
	if err := c.Call(context.Background(), "m", nil, nil); !errors.As(err, &e) || e.Kind() != KindTooLarge {
		t.Errorf("got %v", err)
	}
	var n int
	if err := c.Call(context.Background(), "m", nil, &n); err != nil || n != 5 {
		t.Errorf("the next call: %d, %v", n, err)
	}
}

func TestClientRefusesRequestsOfTheServer(t *testing.T) {
	a, b := socketPair(t)
	c := NewClient(a)
	defer c.Close()
	io.WriteString(b, `{"jsonrpc":"2.0","method":"$/progress","params":{}}`+"\n"+`{"jsonrpc":"2.0","id":"s:1","method":"mochi.callback","params":{}}`+"\n")
	line, err := bufio.NewReader(b).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if e := parseAnswer(t, line); e.Error == nil || e.Error.Code != CodeMethodNotFound || string(e.ID) != `"s:1"` {
		t.Errorf("got %s", line)
	}
}

func TestDialNamesWhatIsMissing(t *testing.T) {
	if _, err := Dial(context.Background(), t.TempDir()+"/none"); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("got %v", err)
	}
}

// A stock jsonrpc2 client works against our server.
func TestPlainJSONRPC2ClientInteroperates(t *testing.T) {
	s := serveTest(t, Limits{})
	for name, stream := range map[string]func(net.Conn) jsonrpc2.ObjectStream{
		"plain stream": func(c net.Conn) jsonrpc2.ObjectStream { return jsonrpc2.NewPlainObjectStream(c) },
		"plain codec": func(c net.Conn) jsonrpc2.ObjectStream {
			return jsonrpc2.NewBufferedStream(c, jsonrpc2.PlainObjectCodec{}) //nolint:staticcheck // deprecated, and in use all over
		},
	} {
		t.Run(name, func(t *testing.T) {
			nc, err := net.Dial("unix", s.addr)
			if err != nil {
				t.Fatal(err)
			}
			ctx := context.Background()
			c := jsonrpc2.NewConn(ctx, stream(nc), &offers{})
			defer c.Close()
			var sum int
			if err := c.Call(ctx, "add", []int{3, 4}, &sum, jsonrpc2.Meta(map[string]any{"timeout_ms": 1000})); err != nil || sum != 7 {
				t.Errorf("number id: %d, %v", sum, err)
			}
			if err := c.Call(ctx, "add", []int{3, 5}, &sum, jsonrpc2.StringID()); err != nil || sum != 8 {
				t.Errorf("string id: %d, %v", sum, err)
			}
			var e *jsonrpc2.Error
			if err := c.Call(ctx, "fail", nil, nil); !errors.As(err, &e) || e.Code != -32603 || e.Message != "division by zero" || e.Data == nil {
				t.Errorf("error: %v", err)
			}
			if err := c.Notify(ctx, "note", []int{1}); err != nil {
				t.Error(err)
			}
			s.h.waitHeld(t)
			var wg sync.WaitGroup
			for i := range 100 {
				wg.Go(func() {
					var got []int
					if err := c.Call(ctx, "echo", []int{i}, &got); err != nil || got[0] != i {
						t.Errorf("call %d: %v %v", i, got, err)
					}
				})
			}
			wg.Wait()
		})
	}
}
