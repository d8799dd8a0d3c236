package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func testMux(t *testing.T) (*testServer, chan struct{}) {
	m := NewMux()
	waiting := make(chan struct{}, 10)
	m.Func("add", func(_ context.Context, params json.RawMessage) (any, error) {
		var n [2]int
		if err := json.Unmarshal(params, &n); err != nil {
			return nil, Errorf(KindInvalidParams, "two numbers: %v", err)
		}
		return n[0] + n[1], nil
	})
	m.Func("wait", func(ctx context.Context, _ json.RawMessage) (any, error) {
		waiting <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	})
	m.Func("own", func(context.Context, json.RawMessage) (any, error) {
		return nil, &Error{Code: -1, Message: "mine", Data: json.RawMessage(`[1]`)}
	})
	m.Func("generic", func(context.Context, json.RawMessage) (any, error) { return nil, errors.New("plain") })
	m.Func("panic", func(context.Context, json.RawMessage) (any, error) { panic("oh no") })
	m.Func("unwritable", func(context.Context, json.RawMessage) (any, error) { return make(chan int), nil })
	s := &testServer{done: make(chan struct{})}
	s.start(t, m, Limits{})
	t.Cleanup(m.Wait)
	return s, waiting
}

func TestMux(t *testing.T) {
	s, waiting := testMux(t)
	h := s.dial(t)
	h.ask(`{"jsonrpc":"2.0","id":1,"result":7}`, request(1, "add", "[3,4]"))
	for method, kind := range map[string]Kind{
		"nope": KindMethodNotFound, "generic": KindInternal, "panic": KindInternal, "unwritable": KindNotSerializable,
	} {
		h.send(request(1, method, ""))
		h.wantError(h.answer(), "1", kind)
	}
	h.ask(`{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"mine","data":[1]}}`, request(1, "own", ""))
	h.send(request(2, "wait", ""))
	<-waiting
	h.send(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":2}}`)
	stopped := h.answer()
	h.wantError(stopped, "2", KindRequestCancelled)
	if !strings.Contains(string(stopped.Error.Data), `"started":true`) {
		t.Errorf("the method ran, and the answer says %s", stopped.Error.Data)
	}
	early := &Call{answer: AnswerFunc(func(_ *Call, _ []byte, err *Error) {
		if err.Kind() != KindRequestCancelled || !strings.Contains(string(err.Data), `"started":false`) {
			t.Errorf("cancelled before anyone held it: %v %s", err, err.Data)
		}
	})}
	early.Cancel(errCancelled)
	early.Fail(early.HeldBy(answerOnCancel{}))
	h.ask(`{"jsonrpc":"2.0","id":1,"result":7}`, request(1, "add", "[3,4]"))
}

func TestPanicInAHandlerCostsOneCall(t *testing.T) {
	s := serveTest(t, Limits{})
	h := s.dial(t)
	a := h.askError("1", KindInternal, request(1, "panic", ""))
	if !strings.Contains(a.Error.Message, "oh no") || !strings.Contains(string(a.Error.Data), "host_test.go") {
		t.Errorf("%v %s", a.Error, a.Error.Data)
	}
}
