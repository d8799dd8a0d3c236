package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestAClientStreamsWithoutEndingTheCredit(t *testing.T) {
	s, _ := serveStreams(t, Limits{})
	c := dialClient(t, s)
	for _, size := range []int{0, 1000, 40 << 10, 3 << 20} {
		n := min(20_000, 20<<20/(size+1))
		i := 0
		for item, err := range StreamOf[string](t.Context(), c, "count", []int{n, size}) {
			if err != nil {
				t.Fatal(err)
			}
			if len(item) < size {
				t.Fatalf("an item of %d bytes", len(item))
			}
			i++
		}
		if i != n {
			t.Errorf("%d items of %d, of %d bytes each", i, n, size)
		}
	}
}

func TestAClientThatStopsReadingStopsTheStream(t *testing.T) {
	s, h := serveStreams(t, Limits{})
	c := dialClient(t, s)
	for item, err := range c.Stream(t.Context(), "count", []int{1 << 30, 100}) {
		if err != nil || !strings.HasPrefix(string(item), `"0x`) {
			t.Fatal(string(item), err)
		}
		break
	}
	call := <-h.came
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	for !call.Answered() {
		select {
		case <-deadline.C:
			t.Fatal("the call was not cancelled")
		default:
			if err := c.Call(t.Context(), "echo", nil, nil); err != nil { // the connection lives
				t.Fatal(err)
			}
		}
	}
	if cause := call.Cancelled(); cause.Kind() != KindRequestCancelled {
		t.Error(cause)
	}
}

func TestAStreamEndsWithItsContext(t *testing.T) {
	s, h := serveStreams(t, Limits{})
	c := dialClient(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	var last error
	for _, err := range c.Stream(ctx, "count", []int{1 << 30, 100}) {
		if n++; n == 1000 {
			cancel()
		}
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Error(last)
	}
	<-h.came
}

func TestAStreamsErrorComesBehindItsItems(t *testing.T) {
	s, _ := serveStreams(t, Limits{MaxMessage: 8 << 10})
	c := dialClient(t, s)
	n := 0
	var last error
	for _, err := range c.Stream(t.Context(), "count", []int{5, 9 << 10}) {
		n, last = n+1, err
	}
	var e *Error
	if n != 1 || !errors.As(last, &e) || e.Kind() != KindTooLarge {
		t.Error(n, last)
	}
	for _, err := range c.Stream(t.Context(), "work", nil) { // no generator: its result
		if err != nil {
			t.Error(err)
		}
		n++
	}
	if n != 2 {
		t.Error(n)
	}
	_ = c.Close()
	for _, err := range c.Stream(t.Context(), "count", []int{5, 0}) {
		if !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	}
}

func TestAClientHearsReportsAndAnswersCallbacks(t *testing.T) {
	s, _ := serveStreams(t, Limits{})
	c := dialClient(t, s)
	var reports []Report
	if err := c.Call(t.Context(), "work", nil, nil, WithProgress(func(r Report) { reports = append(reports, r) })); err != nil {
		t.Fatal(err)
	}
	if len(reports) != 2 || *reports[0].Percentage != 50 || reports[0].Message != "half <done>" || reports[1].Percentage != nil {
		t.Errorf("%+v", reports)
	}
	c.OnCallback("confirm", func(ctx context.Context, args, kwargs json.RawMessage) (any, error) {
		var inner json.RawMessage
		if err := c.Call(ctx, "echo", args, &inner); err != nil { // a call within
			return nil, err
		}
		if string(args) == "[0]" {
			return nil, NewError(KindInvalidParams, "not zero", nil)
		}
		if string(args) == "[1]" {
			panic("one")
		}
		return []json.RawMessage{inner, kwargs}, nil
	})
	var got json.RawMessage
	if err := c.Call(t.Context(), "ask", []int{7}, &got); err != nil || string(got) != "[[7],{}]" {
		t.Error(string(got), err)
	}
	for params, want := range map[string]Kind{"[0]": KindInvalidParams, "[1]": KindInternal} {
		var e *Error
		if err := c.Call(t.Context(), "ask", json.RawMessage(params), &got); !errors.As(err, &e) || e.Kind() != want {
			t.Error(params, err)
		}
	}
	c.OnCallback("confirm", nil)
	var e *Error
	if err := c.Call(t.Context(), "ask", []int{7}, &got); !errors.As(err, &e) || e.Kind() != KindMethodNotFound {
		t.Error(err)
	}
	if raw, err := json.Marshal(CallbackArg("x")); err != nil || string(raw) != `{"$callback":"x"}` {
		t.Error(string(raw), err)
	}
}

func BenchmarkClientStream(b *testing.B) {
	s, _ := serveStreams(b, Limits{})
	c := dialClient(b, s)
	n := 0
	for _, err := range c.Stream(b.Context(), "count", []int{b.N, 10}) {
		if err != nil {
			b.Fatal(err)
		}
		n++
	}
	if n != b.N {
		b.Fatal(n)
	}
}
