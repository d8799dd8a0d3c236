package rpc

import (
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// eventually waits for a condition that has no event of its own: a count inside
// the system under test.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	end := time.After(10 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("%s: not within 10 s", what)
		}
	}
}

func TestHalfCloseFinishesWhatIsInFlight(t *testing.T) {
	s := serveTest(t, Limits{})
	h := s.dial(t)
	h.send(request(1, "hold", ""), request(2, "add", "[1,2]"))
	call := s.h.waitHeld(t)
	if got := h.line(); !strings.Contains(got, `"result":3`) {
		t.Fatal(got)
	}
	if err := h.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server reading the end of input", func() bool {
		call.Conn.mu.Lock()
		defer call.Conn.mu.Unlock()
		return call.Conn.ending
	})
	if call.Cancelled() != nil {
		t.Error("a half-close cancelled a call")
	}
	call.Reply([]byte(`"late"`))
	if got := h.line(); got != `{"jsonrpc":"2.0","id":1,"result":"late"}` {
		t.Error(got)
	}
	h.eof()
}

func TestHalfCloseOfAnIdleConnectionClosesIt(t *testing.T) {
	s := serveTest(t, Limits{})
	h := s.dial(t)
	h.CloseWrite()
	h.eof()
}

func TestLastLineWithoutNewlineIsProcessed(t *testing.T) {
	s := serveTest(t, Limits{})
	h := s.dial(t)
	io.WriteString(h, request(1, "add", "[1,2]"))
	h.CloseWrite()
	if got := h.line(); got != `{"jsonrpc":"2.0","id":1,"result":3}` {
		t.Error(got)
	}
	h.eof()

	h = s.dial(t)
	io.WriteString(h, request(1, "add", "[1,2]")[:20])
	h.CloseWrite()
	h.wantError(h.answer(), "null", KindParseError)
	h.eof()
}

func TestCRLFAndBlankLinesAreTolerated(t *testing.T) {
	s := serveTest(t, Limits{})
	h := s.dial(t)
	io.WriteString(h, "\n\r\n  \n"+request(1, "add", "[1,2]")+"\r\n\n")
	if got := h.line(); got != `{"jsonrpc":"2.0","id":1,"result":3}` {
		t.Error(got)
	}
	h.ping()
}

// The three ways a host can be gone, each found out although no answer is due.
func TestVanishedHostHasItsCallsCancelled(t *testing.T) {
	for name, vanish := range map[string]func(h *host, c *Call){
		"closed": func(h *host, _ *Call) { h.Close() },
		"closed with unread data": func(h *host, c *Call) {
			_ = c.Conn.Notify("tick", nil)
			h.Close()
		},
		"half-closed, then closed": func(h *host, c *Call) {
			h.CloseWrite()
			eventually(h.t, "the end of input", func() bool {
				c.Conn.mu.Lock()
				defer c.Conn.mu.Unlock()
				return c.Conn.ending
			})
			h.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			closed := make(chan error, 1)
			s := serveTest(t, Limits{}, func(s *Server) {
				s.Hooks.Closed = func(_ *Conn, err error) { closed <- err }
			})
			h := s.dial(t)
			h.send(request(1, "hold", ""), `{"jsonrpc":"2.0","method":"hold"}`, "["+request(2, "hold", "")+"]")
			one, note, entry := s.h.waitHeld(t), s.h.waitHeld(t), s.h.waitHeld(t)
			vanish(h, one)
			for _, c := range []*Call{one, entry} {
				eventually(t, "the cancel", func() bool { return c.Answered() })
				if c.Cancelled().Kind() != KindRequestCancelled {
					t.Errorf("cancelled with %v", c.Cancelled())
				}
			}
			<-closed
			if note.Cancelled() != nil || note.Answered() {
				t.Error("a notification did not outlive its connection")
			}
			note.Reply(nil)
		})
	}
}

func TestCancelRequest(t *testing.T) {
	s := serveTest(t, Limits{})
	h := s.dial(t)
	h.send(request(7, "hold", ""), request(`"7"`, "hold", ""), `[`+request(9, "hold", "")+`,{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":9}}]`)
	for range 3 {
		s.h.waitHeld(t)
	}
	a := parseAnswer(t, strings.Trim(h.line(), "[]"))
	h.wantError(a, "9", KindRequestCancelled)
	h.send(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":7.0}}`) // not these bytes
	h.ping()
	h.send(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":7}}`)
	h.wantError(h.answer(), "7", KindRequestCancelled)
	h.send(`[{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":"7"}}]`)
	h.wantError(h.answer(), `"7"`, KindRequestCancelled)
	h.send(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":7}}`) // finished: ignored
	h.ping()
}

func TestNotifyReachesTheHost(t *testing.T) {
	s := serveTest(t, Limits{})
	h := s.dial(t)
	h.send(request(1, "hold", ""))
	c := s.h.waitHeld(t)
	if err := c.Conn.Notify("$/progress", []byte(`{"token":1,"value":[1]}`)); err != nil {
		t.Fatal(err)
	}
	c.Reply(nil)
	if got := h.line(); got != `{"jsonrpc":"2.0","method":"$/progress","params":{"token":1,"value":[1]}}` {
		t.Error(got)
	}
	h.answer()
}

// A thousand idle hosts and a storm of short ones: goroutines, descriptors and
// memory return to where they were.
func TestManyConnectionsLeaveNothingBehind(t *testing.T) {
	s := serveTest(t, Limits{})
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	const many = 400
	hosts := make([]*host, many)
	for i := range hosts {
		hosts[i] = s.dial(t)
		hosts[i].ping()
	}
	if n := s.Connections(); n != many {
		t.Errorf("%d connections", n)
	}
	for i, h := range hosts {
		h.ask(fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"result":%d}`, i+1), request(1, "add", fmt.Sprintf("[%d,1]", i)))
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				c, err := net.Dial("unix", s.addr)
				if err != nil {
					t.Error(err)
					return
				}
				io.WriteString(c, request(1, "echo", "[1]")+"\n")
				c.Close()
			}
		})
	}
	wg.Wait()
	for _, h := range hosts {
		h.Close()
	}
	eventually(t, "the connections' end", func() bool { return s.Connections() == 0 })
	eventually(t, "goroutines back to base", func() bool { return runtime.NumGoroutine() <= goroutines })
	eventually(t, "descriptors back to base", func() bool { return openFiles(t) <= files })
}

func openFiles(t testing.TB) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// Reply, Fail and Cancel race for every call, from several goroutines: each
// request gets one answer, and the connection's books balance.
func TestExactlyOneAnswerUnderRacingAnswers(t *testing.T) {
	const calls = 2000
	var wg sync.WaitGroup
	race := HandlerFunc(func(c *Call) {
		cause := c.HeldBy(answerOnCancel{})
		for i := range 3 {
			wg.Go(func() {
				switch i {
				case 0:
					c.Reply([]byte("1"))
				case 1:
					c.Fail(Errorf(KindWorkerLost, "lost"))
				default:
					if cause == nil {
						c.Cancel(errCancelled)
					}
				}
			})
		}
	})
	s := &testServer{done: make(chan struct{})}
	s.start(t, race, Limits{})
	h := s.dial(t)
	go func() {
		for i := range calls {
			line := request(i, "x", "") + "\n"
			if i%10 == 0 {
				line += fmt.Sprintf(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":%d}}`, i-1) + "\n"
			}
			if i%50 == 0 {
				line += `[` + request(fmt.Sprintf(`"b%d"`, i), "x", "") + `]` + "\n"
			}
			if _, err := io.WriteString(h, line); err != nil {
				t.Errorf("write: %v", err)
				return
			}
		}
		h.CloseWrite()
	}()
	seen := map[string]int{}
	for {
		line, err := h.in.ReadString('\n')
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		seen[string(parseAnswer(t, strings.Trim(line, "[]\n")).ID)]++
	}
	wg.Wait()
	if len(seen) != calls+calls/50 {
		t.Errorf("%d ids were answered, want %d", len(seen), calls+calls/50)
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("id %s was answered %d times", id, n)
		}
	}
}

type answerOnCancel struct{}

func (answerOnCancel) CancelCall(c *Call, cause *Error) { c.Fail(cause.With("started", true)) }
