package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
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

func TestOverlongLineCostsOneError(t *testing.T) {
	s := serveTest(t, Limits{MaxMessage: 100_000})
	h := s.dial(t)
	long := strings.Repeat("x", 3_000_000)
	h.askError("5", KindTooLarge, request(5, "echo", `["`+long+`"]`))
	h.askError("null", KindTooLarge, long)
	a := h.askError("null", KindTooLarge, `{"jsonrpc":"2.0","method":"echo","params":["`+long+`"],"id":1}`)
	if !strings.Contains(string(a.Error.Data), `"limit":100000`) || !strings.Contains(string(a.Error.Data), `"size":`) {
		t.Errorf("data: %s", a.Error.Data)
	}
	fits := `["` + strings.Repeat("y", 99_000) + `"]`
	h.ask(`{"jsonrpc":"2.0","id":6,"result":`+fits+`}`, request(6, "echo", fits))
	h.askError("7", KindTooLarge, request(7, "big", "")) // the answer's own size counts too
}

func TestBatchAnswerStaysWithinOneMessage(t *testing.T) {
	s := serveTest(t, Limits{MaxMessage: 3 << 20})
	h := s.dial(t)
	all := batchOf(t, h, `[`+request(1, "big", "")+`,`+request(2, "big", "")+`,`+request(3, "big", "")+`,`+request(4, "big", "")+`]`)
	if len(all) != 4 {
		t.Fatalf("%d answers", len(all))
	}
	for _, a := range all[:2] {
		if len(a.Result) < 1<<20 {
			t.Errorf("id %s: %v", a.ID, a.Error)
		}
	}
	h.wantError(all[3], "4", KindTooLarge)
	h.ping()
}

func TestTooManyBadLinesInARowCloseTheConnection(t *testing.T) {
	s := serveTest(t, Limits{})
	h := s.dial(t)
	for range 3 { // a good line in between starts the count again
		for range DefaultMaxBadLines - 1 {
			h.send("nonsense")
			h.wantError(h.answer(), "null", KindParseError)
		}
		h.ping()
	}
	for range 3 * DefaultMaxBadLines { // broken JSON is answered for ever
		h.send(`{"jsonrpc":`)
		h.wantError(h.answer(), "null", KindParseError)
	}
	for range DefaultMaxBadLines {
		h.send("nonsense")
	}
	for range DefaultMaxBadLines {
		h.wantError(h.answer(), "null", KindParseError)
	}
	h.eof()
}

func TestInFlightLimitRefusesAtOnce(t *testing.T) {
	s := serveTest(t, Limits{MaxInFlight: 4})
	h := s.dial(t)
	for i := range 4 {
		h.send(request(i, "hold", ""))
	}
	first := s.h.waitHeld(t)
	for range 3 {
		s.h.waitHeld(t)
	}
	h.send(request(10, "echo", "[1]"), `{"jsonrpc":"2.0","method":"note"}`)
	a := h.answer()
	h.wantError(a, "10", KindOverloaded)
	if !strings.Contains(string(a.Error.Data), `"retry_after_ms":`) {
		t.Errorf("no retry_after_ms: %s", a.Error.Data)
	}
	first.Reply(nil)
	h.answer()
	h.ping()
	if len(s.h.came) > 0 {
		t.Error("a notification over the limit ran")
	}
}

func TestConnectionLimitAnswersAndCloses(t *testing.T) {
	s := serveTest(t, Limits{MaxConnections: 1})
	a := s.dial(t)
	a.ping()
	b := s.dial(t)
	b.wantError(b.answer(), "null", KindOverloaded)
	b.eof()
	a.ping()
	a.Close()
	eventually(t, "the first connection's end", func() bool { return s.Connections() == 0 })
	s.dial(t).ping()
}

func TestSlowReaderIsCutAndOthersContinue(t *testing.T) {
	closed := make(chan error, 10)
	s := serveTest(t, Limits{MaxOutbound: 4 << 20}, func(s *Server) {
		s.Hooks.Closed = func(_ *Conn, err error) { closed <- err }
	})
	slow, good := s.dial(t), s.dial(t)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				good.ping()
			}
		}
	}()
	for i := range 100 { // 100 MiB of answers that nobody reads
		if _, err := io.WriteString(slow, request(i, "big", "")+"\n"); err != nil {
			break
		}
	}
	select {
	case err := <-closed:
		if !errors.Is(err, ErrSlowPeer) {
			t.Errorf("closed with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the slow reader was not cut")
	}
	close(stop)
	<-stopped
	good.ping()
}

func TestSlowButReadingHostGetsEverything(t *testing.T) {
	s := serveTest(t, Limits{})
	h := s.dial(t)
	for i := range 20 {
		h.send(request(i, "big", ""))
	}
	for i := range 20 {
		a := h.answer()
		if string(a.ID) != fmt.Sprint(i) || len(a.Result) != 1<<20+2 {
			t.Fatalf("answer %d: id %s, %d bytes", i, a.ID, len(a.Result))
		}
	}
}

func TestDrainAnswersWhatIsInFlightAndRefusesTheRest(t *testing.T) {
	s := serveTest(t, Limits{})
	h, idle := s.dial(t), s.dial(t)
	idle.ping()
	h.send(request(1, "hold", ""))
	call := s.h.waitHeld(t)
	done := make(chan error, 1)
	go func() { done <- s.Drain(context.Background()) }()
	idle.eof()
	h.send(request(2, "echo", "[1]"))
	h.wantError(h.answer(), "2", KindShuttingDown)
	call.Reply([]byte("1"))
	if got := h.line(); got != `{"jsonrpc":"2.0","id":1,"result":1}` {
		t.Error(got)
	}
	h.eof()
	if err := <-done; err != nil {
		t.Error(err)
	}
	within(t, "the end of Serve", s.done)
}

func TestDrainCutsWhatItsContextDoesNotWaitFor(t *testing.T) {
	s := serveTest(t, Limits{})
	h := s.dial(t)
	h.send(request(1, "hold", ""))
	call := s.h.waitHeld(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Drain(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Drain: %v", err)
	}
	if call.Cancelled().Kind() != KindShuttingDown {
		t.Errorf("cancelled with %v", call.Cancelled())
	}
	within(t, "the end of Serve", s.done)
	h.eof()
}

func TestContextEndDrainsWithinTheGrace(t *testing.T) {
	s := serveTest(t, Limits{Grace: 50 * time.Millisecond})
	h := s.dial(t)
	h.send(request(1, "hold", ""))
	call := s.h.waitHeld(t)
	s.stop()
	within(t, "the end of Serve", s.done)
	eventually(t, "the cancel", func() bool { return call.Answered() })
}

func TestServeConnOverPipes(t *testing.T) {
	h := newTestHandler()
	s, err := NewServer(h, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	theirs, ours := pipePair()
	done := make(chan error, 1)
	go func() { done <- s.ServeConn(context.Background(), ours) }()
	go func() {
		io.WriteString(theirs, request(1, "add", "[3,4]")+"\n"+request(2, "hold", "")+"\n")
		h.waitHeld(t).Reply([]byte("8"))
		theirs.w.Close() // a half-close
	}()
	all, err := io.ReadAll(theirs.r)
	want := `{"jsonrpc":"2.0","id":1,"result":7}` + "\n" + `{"jsonrpc":"2.0","id":2,"result":8}` + "\n"
	if string(all) != want || err != nil {
		t.Errorf("got %q, %v", all, err)
	}
	if err := <-done; err != nil {
		t.Errorf("ServeConn: %v", err)
	}
}

// duplex is a two-way stream of two io.Pipes.
type duplex struct {
	r *io.PipeReader
	w *io.PipeWriter
}

func pipePair() (a, b duplex) {
	r1, w1 := io.Pipe()
	r2, w2 := io.Pipe()
	return duplex{r1, w2}, duplex{r2, w1}
}

func (d duplex) Read(p []byte) (int, error)  { return d.r.Read(p) }
func (d duplex) Write(p []byte) (int, error) { return d.w.Write(p) }
func (d duplex) Close() error                { d.r.Close(); return d.w.Close() }

func TestHooksSeeEveryConnectionAndMayRefuse(t *testing.T) {
	type state struct{ opened time.Time }
	var refuse atomic.Bool
	closed := make(chan *Conn, 2)
	s := serveTest(t, Limits{}, func(s *Server) {
		s.Hooks = Hooks{
			Peer: func(rwc io.ReadWriteCloser) Peer {
				_, unix := rwc.(*net.UnixConn)
				return Peer{PID: 1, UID: 2, GID: 3, OK: unix}
			},
			Opened: func(c *Conn) error {
				if refuse.Load() {
					return Errorf(KindPermissionDenied, "uid %d may not connect", c.Peer.UID)
				}
				c.State = &state{time.Now()}
				return nil
			},
			Closed: func(c *Conn, err error) { closed <- c },
		}
	})
	h := s.dial(t)
	h.send(request(1, "hold", ""))
	c := s.h.waitHeld(t)
	if _, ok := c.Conn.State.(*state); !ok || !c.Conn.Peer.OK || c.Conn.Peer.UID != 2 || c.Conn.Number == 0 || c.Conn.InFlight() != 1 {
		t.Errorf("conn: %+v, %d in flight", c.Conn.Peer, c.Conn.InFlight())
	}
	c.Reply(nil)
	h.Close()
	if got := <-closed; got != c.Conn {
		t.Error("Closed was told of another connection")
	}
	refuse.Store(true)
	h = s.dial(t)
	h.wantError(h.answer(), "null", KindPermissionDenied)
	h.eof()
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

func TestAcceptErrorsDoNotEndTheServer(t *testing.T) {
	var reported atomic.Int32
	s, err := NewServer(newTestHandler(), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	s.Hooks.AcceptError = func(error) { reported.Add(1) }
	l := &flakyListener{errs: 3, conns: make(chan net.Conn, 1), closed: make(chan struct{})}
	a, b := net.Pipe()
	l.conns <- b
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	io.WriteString(a, request(1, "add", "[3,4]")+"\n")
	buf := make([]byte, 100)
	n, err := a.Read(buf)
	if got := string(buf[:n]); err != nil || got != `{"jsonrpc":"2.0","id":1,"result":7}`+"\n" {
		t.Errorf("%q, %v", got, err)
	}
	cancel()
	if err := <-done; err != nil || reported.Load() != 3 {
		t.Errorf("Serve: %v, %d errors reported", err, reported.Load())
	}
}

type flakyListener struct {
	errs   int
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (l *flakyListener) Accept() (net.Conn, error) {
	if l.errs > 0 {
		l.errs--
		return nil, os.NewSyscallError("accept4", errors.New("too many open files"))
	}
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}
func (l *flakyListener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *flakyListener) Addr() net.Addr { return &net.UnixAddr{Name: "flaky"} }

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

func (answerOnCancel) CancelCall(c *Call, cause *Error) { c.Fail(cause) }
