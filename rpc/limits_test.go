package rpc

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

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

func TestNoAnswerIsLongerThanMaxMessage(t *testing.T) {
	const limit = 4 << 10
	s := serveTest(t, Limits{MaxMessage: limit})
	h := s.dial(t)
	for name, c := range map[string]struct {
		line, id string
		kind     Kind
	}{
		"an id that leaves no room":         {request(longID(4000), "big", ""), "null", KindTooLarge},
		"an id that just leaves room":       {request(longID(3600), "big", ""), longID(3600), KindTooLarge},
		"an error that does not fit":        {request(longID(3990), "fail", ""), "null", KindTooLarge},
		"a bad envelope with a long id":     {`{"jsonrpc":"1","id":` + longID(4000) + `,"method":"x"}`, "null", KindTooLarge},
		"a batch that cannot be answered":   {"[" + strings.Repeat("1,", 900) + "1]", "null", KindTooLarge},
		"a batch of ids that leave no room": {"[" + request(longID(1900), "note", "") + "," + request(longID(1901), "note", "") + "]", "null", KindTooLarge},
	} {
		h.send(c.line)
		line := h.line()
		if len(line) > limit {
			t.Errorf("%s: the answer has %d bytes", name, len(line))
		}
		h.wantError(parseAnswer(t, line), c.id, c.kind)
		h.ping()
	}
	if len(s.h.came) > 0 {
		t.Error("a batch that could not be answered ran")
	}
	if got := h.roundTrip(request(longID(4000), "echo", "[1]")); got != `{"jsonrpc":"2.0","id":`+longID(4000)+`,"result":[1]}` {
		t.Errorf("a long id whose answer fits got %d bytes", len(got))
	}
	entries := make([]string, 14)
	for i := range entries {
		entries[i] = request(i, "echo", `["`+strings.Repeat("e", 200)+`"]`)
	}
	line := h.roundTrip("[" + strings.Join(entries, ",") + "]")
	if all := entriesOf(t, line); len(all) != len(entries) || len(line) > limit {
		t.Errorf("a batch of %d got %d answers in %d bytes", len(entries), len(all), len(line))
	}
}

// longID is a string id of n bytes.
func longID(n int) string { return `"` + strings.Repeat("i", n-2) + `"` }

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
	// The note goes first: once the answer to 10 is here, it has been read.
	h.send(`{"jsonrpc":"2.0","method":"note"}`, request(10, "echo", "[1]"))
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

func TestDuplicateIDIsNamedAsSuchWhateverElseIsFull(t *testing.T) {
	s := serveTest(t, Limits{MaxInFlight: 1})
	h := s.dial(t)
	h.send(request(1, "hold", ""))
	first := s.h.waitHeld(t)
	h.send(request(1, "echo", "[1]"))
	h.wantError(h.answer(), "null", KindInvalidRequest) // id 1 is the first request's to answer
	first.Reply([]byte("1"))
	if got := h.line(); got != `{"jsonrpc":"2.0","id":1,"result":1}` {
		t.Error(got)
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

// ofUID gives connections their peers, in the order they come; the
// kernel has only our own uid to tell.
func ofUID(uids ...int) func(*Server) {
	return func(s *Server) {
		next := make(chan int, len(uids))
		for _, uid := range uids {
			next <- uid
		}
		s.Hooks.Peer = func(io.ReadWriteCloser) Peer { return Peer{UID: <-next, OK: true} }
	}
}

func TestOneUserCannotTakeAllConnections(t *testing.T) {
	s := serveTest(t, Limits{MaxConnectionsPerUID: 2}, ofUID(7, 7, 7, 8, 7))
	a, b := s.dial(t), s.dial(t)
	a.ping()
	b.ping()
	c := s.dial(t)
	refusal := c.answer()
	c.wantError(refusal, "null", KindOverloaded)
	if !strings.Contains(refusal.Error.Message, "max-connections-per-uid") || !strings.Contains(string(refusal.Error.Data), `"retry_after_ms":`) {
		t.Errorf("the refusal: %s %s", refusal.Error.Message, refusal.Error.Data)
	}
	c.eof()
	s.dial(t).ping() // another user
	a.Close()
	eventually(t, "the end of one", func() bool { return s.Connections() == 2 })
	s.dial(t).ping()
}

func TestOneUserCannotTakeAllCallsInFlight(t *testing.T) {
	s := serveTest(t, Limits{MaxInFlightPerUID: 2}, ofUID(7, 7, 8))
	a := s.dial(t)
	a.send(request(1, "hold", ""))
	first := s.h.waitHeld(t)
	b := s.dial(t)
	b.send(request(1, "hold", ""))
	second := s.h.waitHeld(t)
	for _, h := range []*host{a, b} {
		h.send(request(2, "echo", "[1]"))
		h.wantError(h.answer(), "2", KindOverloaded)
	}
	s.dial(t).ping() // another user
	first.Reply([]byte("1"))
	a.answer()
	b.ping()
	second.Reply([]byte("1"))
	b.answer()
	s.mu.Lock()
	defer s.mu.Unlock()
	if live := s.crowds[7].live.Load(); live != 0 {
		t.Errorf("%d calls are counted and none is in flight", live)
	}
}
