package pool_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/pool"
	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// hosted is a pool that is served on a socket, as a host meets it.
type hosted struct {
	*serving
	addr string
}

func host(t *testing.T, config pool.Config) *hosted {
	t.Helper()
	config.Name = "brook"
	h := &hosted{serving: serve(t, config)}
	dir, err := os.MkdirTemp("", "pool")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	h.addr = filepath.Join(dir, "s")
	l, err := net.Listen("unix", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	server, err := rpc.NewServer(rpc.HandlerFunc(h.Submit), rpc.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		server.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	h.ready(max(config.Workers, 1))
	return h
}

// client is bounded in time: a test that hangs fails instead.
func (h *hosted) client() (*rpc.Client, context.Context) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	h.t.Cleanup(cancel)
	c, err := rpc.Dial(ctx, h.addr)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = c.Close() })
	return c, ctx
}

// drink takes a stream to its end.
func drink(ctx context.Context, c *rpc.Client, function string, params any, opts ...rpc.CallOption) (n int, last json.RawMessage, err error) {
	for item, err := range c.Stream(ctx, function, params, opts...) {
		if err != nil {
			return n, last, err
		}
		n, last = n+1, item
	}
	return n, last, nil
}

func wantKind(t *testing.T, err error, kind rpc.Kind, says string) {
	t.Helper()
	var e *rpc.Error
	if !errors.As(err, &e) || e.Kind() != kind || !strings.Contains(e.Message, says) {
		t.Errorf("got %v, want %s that says %q", err, kind, says)
	}
}

func TestGeneratorsOfBothKindsStream(t *testing.T) {
	h := host(t, pool.Config{Workers: 1})
	c, ctx := h.client()
	for function, params := range map[string]any{"count": []int{5000}, "acount": []int{5000}} {
		if n, last, err := drink(ctx, c, function, params); n != 5000 || string(last) != "4999" || err != nil {
			t.Errorf("%s: %d items, the last %s, %v", function, n, last, err)
		}
	}
	if n, _, err := drink(ctx, c, "count", []int{40, 100_000}); n != 40 || err != nil {
		t.Errorf("items of 100 KB: %d, %v", n, err)
	}
	if n, last, err := drink(ctx, c, "add", []int{3, 4}); n != 1 || string(last) != "7" || err != nil {
		t.Errorf("a plain function: %d, %s, %v", n, last, err)
	}
	n, _, err := drink(ctx, c, "fails", []int{100})
	if wantKind(t, err, rpc.KindPythonError, "no more"); n != 100 {
		t.Errorf("%d items came before the error", n)
	}
}

func TestAHundredThousandItemsASecond(t *testing.T) {
	if raceEnabled {
		t.Skip("a rate is measured without the race detector")
	}
	h := host(t, pool.Config{Workers: 1})
	c, ctx := h.client()
	const items = 200_000
	inTime(t, 2*time.Second, "200,000 items of one worker", func() time.Duration {
		begin := time.Now()
		if n, _, err := drink(ctx, c, "count", []int{items}); n != items || err != nil {
			t.Fatal(n, err)
		}
		took := time.Since(begin)
		t.Logf("%.0f items/s", items/took.Seconds())
		return took
	})
}

func TestLeavingAStreamClosesItsGeneratorAndFreesItsSeat(t *testing.T) {
	h := host(t, pool.Config{Workers: 1})
	for _, leave := range []string{"loop", "connection"} {
		c, ctx := h.client()
		mark := filepath.Join(t.TempDir(), "mark")
		n := 0
		for _, err := range c.Stream(ctx, "forever", []string{mark}) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == 500 {
				if leave == "connection" {
					_ = c.Close()
				}
				break
			}
		}
		h.eventually("the generator was closed", func() bool {
			raw, err := os.ReadFile(mark)
			return err == nil && string(raw) == "closed"
		})
		h.want(h.call("add", 1, 2), "3")
	}
	if pids := of[supervisor.Spawned](h.events); len(pids) != 1 {
		t.Errorf("%d workers were needed", len(pids))
	}
}

// raw is a host that gives no credit of itself.
type raw struct {
	t *testing.T
	net.Conn
	lines *rpc.FrameReader
}

func (h *hosted) raw() *raw {
	h.t.Helper()
	c, err := net.Dial("unix", h.addr)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	return &raw{h.t, c, rpc.NewFrameReader(c, 0)}
}

func (r *raw) send(line string) {
	r.t.Helper()
	if _, err := fmt.Fprintln(r, line); err != nil {
		r.t.Fatal(err)
	}
}

func (r *raw) line() string {
	r.t.Helper()
	line, err := r.lines.Next()
	if err != nil {
		r.t.Fatal(err)
	}
	return string(line)
}

// items reads so many items and nothing else.
func (r *raw) items(n int) {
	r.t.Helper()
	for range n {
		if line := r.line(); !strings.Contains(line, `"$/progress"`) {
			r.t.Fatal(line)
		}
	}
}

func TestADeadlineStandsStillWhileAStreamWaitsForCredit(t *testing.T) {
	for _, function := range []string{"forever", "acount"} {
		h := host(t, pool.Config{Workers: 1})
		r := h.raw()
		r.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":[%s],"meta":{"stream":true,"timeout_ms":500}}`, function, map[string]string{"acount": "70"}[function]))
		r.items(64)
		waited := time.NewTimer(900 * time.Millisecond) // longer than the deadline
		<-waited.C
		r.send(`{"jsonrpc":"2.0","method":"$/credit","params":{"token":1,"n":6}}`)
		r.items(6)
		if function == "forever" {
			r.send(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":1}}`)
		}
		if line := r.line(); strings.Contains(line, "deadline_exceeded") || !strings.Contains(line, `"id":1`) {
			t.Error(line)
		}
	}
}

func TestADeadlineRunsWhileAStreamComputes(t *testing.T) {
	h := host(t, pool.Config{Workers: 1, CancelGrace: 2 * time.Second})
	c, ctx := h.client()
	n, _, err := drink(ctx, c, "spins", nil, rpc.WithMeta(rpc.Meta{Timeout: 300 * time.Millisecond}))
	if wantKind(t, err, rpc.KindDeadlineExceeded, "300ms"); n != 1 {
		t.Error(n)
	}
}

func TestAStreamWithoutCreditIsCancelledInTheEnd(t *testing.T) {
	h := host(t, pool.Config{Workers: 1, StreamIdleTimeout: 200 * time.Millisecond})
	for _, call := range []string{`"forever"`, `"acount","params":[100]`} {
		r := h.raw()
		r.send(`{"jsonrpc":"2.0","id":1,"method":` + call + `,"meta":{"stream":true}}`)
		r.items(64)
		if line := r.line(); !strings.Contains(line, `-32800`) || !strings.Contains(line, "stream-idle-timeout") {
			t.Error(line)
		}
	}
	h.want(h.call("add", 1, 2), "3") // by the same worker
	if pids := of[supervisor.Spawned](h.events); len(pids) != 1 {
		t.Errorf("%d workers were needed", len(pids))
	}
}

func TestAStreamIsNeverRunAgainBehindItsFirstItem(t *testing.T) {
	h := host(t, pool.Config{Workers: 1})
	c, ctx := h.client()
	again := rpc.WithMeta(rpc.Meta{Idempotent: true})
	n, _, err := drink(ctx, c, "dies", []any{3}, again)
	if wantKind(t, err, rpc.KindWorkerLost, ""); n != 3 {
		t.Errorf("%d items", n)
	}
	mark := filepath.Join(t.TempDir(), "mark")
	if n, last, err := drink(ctx, c, "dies", []any{0, mark}, again); n != 1 || string(last) != `"again"` || err != nil {
		t.Errorf("before its first item it may: %d, %s, %v", n, last, err)
	}
}

func TestReportsComeFromRealWorkers(t *testing.T) {
	h := host(t, pool.Config{Workers: 1})
	c, ctx := h.client()
	var last rpc.Report
	if err := c.Call(ctx, "steps", nil, nil, rpc.WithProgress(func(r rpc.Report) { last = r })); err != nil {
		t.Fatal(err)
	}
	if last.Percentage == nil || *last.Percentage != 100 || last.Message != "done" {
		t.Errorf("%+v", last)
	}
	var left float64
	if err := c.Call(ctx, "left", nil, &left, rpc.WithMeta(rpc.Meta{Timeout: 5 * time.Second})); err != nil || left <= 4 || left > 5 {
		t.Errorf("%v s are left, %v", left, err)
	}
}

func TestACallbackMayCallBackAndACycleIsRefused(t *testing.T) {
	for _, function := range []string{"ask", "aask"} {
		h := host(t, pool.Config{Workers: 1, Concurrency: 1})
		c, ctx := h.client()
		inner := map[string]string{"ask": "add", "aask": "aadd"}[function]
		c.OnCallback("sum", func(ctx context.Context, args, _ json.RawMessage) (any, error) {
			var sum int
			err := c.Call(ctx, inner, args, &sum)
			return sum, err
		})
		c.OnCallback("echo", func(_ context.Context, args, _ json.RawMessage) (any, error) { return args, nil })
		var got json.RawMessage
		if err := c.Call(ctx, function, []any{"echo", 1, "x"}, &got); err != nil || string(got) != `[1,"x"]` {
			t.Error(function, string(got), err)
		}
		if function == "aask" { // the pool knows now that it is a coroutine
			_ = c.Call(ctx, "aadd", []int{1, 2}, nil)
		}
		err := c.Call(ctx, function, []any{"sum", 3, 4}, &got)
		if err == nil || !strings.Contains(err.Error(), "would wait for ever") {
			t.Error(function, string(got), err)
		}
	}
	h := host(t, pool.Config{Workers: 2})
	c, ctx := h.client()
	c.OnCallback("sum", func(ctx context.Context, args, _ json.RawMessage) (any, error) {
		var sum int
		err := c.Call(ctx, "add", args, &sum)
		return sum, err
	})
	var sum int
	if err := c.Call(ctx, "ask", []any{"sum", 3, 4}, &sum); err != nil || sum != 7 {
		t.Error("with a second worker:", sum, err)
	}
}

func TestAWorkerIsToldThatTheHostOfItsCallbackIsGone(t *testing.T) {
	h := host(t, pool.Config{Workers: 1})
	r := h.raw()
	r.send(`{"jsonrpc":"2.0","id":1,"method":"ask","params":["f"]}`)
	if line := r.line(); !strings.Contains(line, `"mochi.callback"`) {
		t.Fatal(line)
	}
	_ = r.Close()
	h.want(h.call("add", 1, 2), "3")
	if pids := of[supervisor.Spawned](h.events); len(pids) != 1 {
		t.Errorf("%d workers were needed", len(pids))
	}
}

func TestAnItemThatFitsNoMessageOfTheHostsFailsTheCall(t *testing.T) {
	h := host(t, pool.Config{Workers: 1})
	r := h.raw()
	id := strings.Repeat("i", 200) // the worker's line is shorter by that
	r.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%q,"method":"count","params":[1,%d],"meta":{"stream":true}}`, id, rpc.DefaultMaxMessage-150))
	if line := r.line(); !strings.Contains(line, `"too_large"`) || !strings.Contains(line, id) {
		t.Errorf("%.300s", line)
	}
	h.want(h.call("add", 1, 2), "3")
}
