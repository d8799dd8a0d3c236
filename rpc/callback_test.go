package rpc

import (
	"fmt"
	"testing"
	"time"
)

func TestAHostAnswersACallback(t *testing.T) {
	s, _ := serveStreams(t, Limits{})
	h := s.dial(t)
	asks := func(id int, parent string) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":"s:%d","method":"mochi.callback","params":{"callback":"confirm","args":[1.0],"kwargs":{},"parent":%s}}`, id, parent)
	}
	h.ask(asks(1, `"p"`), request(`"p"`, "ask", "[1.0]"))
	h.ask(asks(2, `8`), request(8, "ask", "[1.0]"))
	h.ping() // the host may make calls meanwhile
	for _, unknown := range []string{`"s:3"`, `"s:01"`, `1`, `null`} {
		h.send(`{"jsonrpc":"2.0","id":` + unknown + `,"result":true}`)
	}
	h.ask(`{"jsonrpc":"2.0","id":8,"result":1e2}`, `{"jsonrpc":"2.0","id":"s:2","result":1e2}`)
	h.send(`{"jsonrpc":"2.0","id":"s:2","result":3}`) // answered before
	h.ask(`{"jsonrpc":"2.0","id":"p","error":{"code":-5,"message":"no","data":[1]}}`, `[{"jsonrpc":"2.0","id":"s:1","error":{"code":-5,"message":"no","data":[1]}}]`)
	h.ask(asks(3, `9`), request(9, "ask", "[1.0]"))
	h.askError("9", KindInternal, `{"jsonrpc":"2.0","id":"s:3","result":1,"error":{"code":1,"message":""}}`)
}

func TestCallbacksAreBounded(t *testing.T) {
	s, _ := serveStreams(t, Limits{MaxCallbacks: 2})
	h := s.dial(t)
	for i := range 2 {
		h.send(request(i, "ask", "[]"))
		h.line()
	}
	h.askError("2", KindOverloaded, request(2, "ask", "[]"))
	h.ask(`{"jsonrpc":"2.0","id":0,"result":1}`, `{"jsonrpc":"2.0","id":"s:1","result":1}`)
	h.send(request(3, "ask", "[]"))
	h.line()
}

func TestAHostThatIsGoneAnswersNoCallback(t *testing.T) {
	for name, leave := range map[string]func(*host) error{
		"closed":      func(h *host) error { return h.Close() },
		"half-closed": func(h *host) error { return h.CloseWrite() },
	} {
		t.Run(name, func(t *testing.T) {
			s, back := serveStreams(t, Limits{})
			h := s.dial(t)
			h.send(request(1, "ask", "[]"))
			h.line()
			if err := leave(h); err != nil {
				t.Fatal(err)
			}
			select {
			case err := <-back.unanswer:
				if err.Kind() != KindRequestCancelled {
					t.Error(err)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("the callback was never answered")
			}
		})
	}
}
