package rpc

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"
)

// streamer serves "count" with params [n, size]: a stream of n items of about
// size bytes, from a goroutine that asks for credit as a worker does. It ends
// early when it is cancelled. "ask" with a name calls back.
type streamer struct {
	came     chan *Call
	cancel   chan struct{} // closed with the test
	unanswer chan *Error   // what a callback was answered
}

func newStreamer(t testing.TB) *streamer {
	s := &streamer{came: make(chan *Call, 1000), cancel: make(chan struct{}), unanswer: make(chan *Error, 10_000)}
	t.Cleanup(func() { close(s.cancel) })
	return s
}

type credited chan uint64

func (c credited) GiveCredit(_ *Call, n uint64) { c <- n }

func (s *streamer) Handle(c *Call) {
	switch c.Method {
	case "count":
		var p [2]int
		if err := json.Unmarshal(c.Params, &p); err != nil {
			c.Fail(Errorf(KindInvalidParams, "%v", err))
			return
		}
		stop := make(chan *Error, 1)
		if cause := c.HeldBy(stopper(stop)); cause != nil {
			c.Fail(cause)
			return
		}
		s.came <- c
		if !c.Meta.Stream {
			c.Reply([]byte("0"))
			return
		}
		go s.count(c, p[0], p[1], stop)
	case "ask":
		s.came <- c
		c.HeldBy(stopper(make(chan *Error, 1)))
		c.CallBack(c.Burst(), Callback{Name: []byte(`"confirm"`), Args: c.Params}, func(result []byte, err *Error) {
			s.unanswer <- err
			if err != nil {
				c.Fail(err)
				return
			}
			c.Reply(result)
		})
	case "work":
		half := 0.5
		c.Report(nil, &half, "half <done>")
		c.Report(nil, nil, "who knows")
		c.Reply(nil)
	case "meta":
		c.Reply(c.RawMeta)
	case "echo":
		c.Reply(c.Params)
	default:
		s.came <- c
		c.Reply([]byte("0"))
	}
}

type stopper chan *Error

func (s stopper) CancelCall(_ *Call, cause *Error) { s <- cause }

func (s *streamer) count(c *Call, n, size int, stop chan *Error) {
	items, room := uint64(StartItems), StartBytes
	more := make(credited, 1)
	for i := range n {
		item := fmt.Sprintf(`"%d%s"`, i, strings.Repeat("x", size))
		for items == 0 || room < len(item) && room < StartBytes {
			got, ok := c.AskCredit(more, items > 0)
			if !ok {
				select {
				case got = <-more:
				case cause := <-stop:
					c.Fail(cause)
					return
				case <-s.cancel:
					c.Fail(errCancelled)
					return
				}
			}
			items, room = items+got, StartBytes
		}
		select {
		case cause := <-stop:
			c.Fail(cause)
			return
		default:
		}
		items--
		room -= len(item)
		if err := c.Items(nil, fmt.Appendf(nil, `"seq":%d,"items":[%s]`, i, item), fmt.Appendf(nil, `[%s]`, item), uint64(i), 1); err != nil {
			c.Fail(err)
			return
		}
	}
	c.Reply(fmt.Appendf(nil, `{"count":%d}`, n))
}

func serveStreams(t testing.TB, l Limits) (*testServer, *streamer) {
	t.Helper()
	h := newStreamer(t)
	s := &testServer{done: make(chan struct{})}
	s.start(t, h, l)
	return s, h
}

func stream(id any, n, size int) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%v,"method":"count","params":[%d,%d],"meta":{"stream":true}}`, id, n, size)
}

func credit1(token any, n string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","method":"$/credit","params":{"token":%v,"n":%s}}`, token, n)
}

func itemLine(id any, i int) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","method":"$/progress","params":{"token":%v,"value":{"seq":%d,"items":["%d"]}}}`, id, i, i)
}

func (h *host) items(id any, from, to int) {
	h.t.Helper()
	for i := from; i < to; i++ {
		if got := h.line(); got != itemLine(id, i) {
			h.t.Fatalf("got  %s\nwant %s", got, itemLine(id, i))
		}
	}
}

func TestItemsComeInOrderBeforeTheAnswerUnderTheRequestsOwnID(t *testing.T) {
	s, _ := serveStreams(t, Limits{})
	h := s.dial(t)
	for _, id := range []string{`1`, `1.50`, `"a\u0062"`} {
		h.send(stream(id, 64, 0))
		h.items(id, 0, 64)
		h.ask(`{"jsonrpc":"2.0","id":`+id+`,"result":{"count":64}}`, "")
	}
}

func TestAStreamGoesAsFarAsItsCredit(t *testing.T) {
	s, h := serveStreams(t, Limits{})
	c := s.dial(t)
	c.send(stream(7, 100, 0))
	c.items(7, 0, 64)
	call := <-h.came
	for waits(call).IsZero() { // its goroutine is about to ask
		runtime.Gosched()
	}
	c.ping()
	for _, nothing := range []string{`0`, `-1`, `1.5`, `"9"`, `null`, `9007199254740992`} {
		c.send(credit1(7, nothing))
	}
	c.send(credit1(8, "5"), credit1(`"7"`, "5"), credit1(`7.0`, "5"), `{"jsonrpc":"2.0","method":"$/credit"}`, `{"jsonrpc":"2.0","method":"$/credit","params":[7,5]}`)
	c.ping()
	c.send(credit1(7, "2"))
	c.items(7, 64, 66)
	c.ping()
	c.send(credit1(7, "3"), credit1(7, "4"))
	c.items(7, 66, 73)
	c.ping()
	for range 3 { // saturates
		c.send(credit1(7, "9007199254740991"))
	}
	c.items(7, 73, 100)
	c.ask(`{"jsonrpc":"2.0","id":7,"result":{"count":100}}`, "")
	c.send(credit1(7, "1")) // finished
	c.ping()
}

func waits(c *Call) time.Time {
	since, _ := c.Waiting()
	return since
}

func TestAHalfClosedHostsStreamsNeedNoCredit(t *testing.T) {
	s, h := serveStreams(t, Limits{})
	c := s.dial(t)
	c.send(stream(1, 1000, 0), stream(2, 20, 300<<10))
	call := <-h.came
	for waits(call).IsZero() {
		runtime.Gosched()
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	lines := 0
	for answers := 0; answers < 2; lines++ {
		if line := c.line(); !strings.Contains(line, `"$/progress"`) {
			if answers++; !strings.Contains(line, `"count"`) {
				t.Errorf("%.200s", line)
			}
		}
	}
	if lines != 1000+20+2 {
		t.Errorf("%d lines", lines)
	}
	c.eof()
}

func TestBytesOpenWithEachCreditAndWithWhatWasGivenInAdvance(t *testing.T) {
	s, _ := serveStreams(t, Limits{})
	h := s.dial(t)
	const size = 300 << 10
	take := func(n int) {
		t.Helper()
		for range n {
			if line := h.line(); !strings.Contains(line, `"$/progress"`) {
				t.Fatalf("%.200s", line)
			}
		}
	}
	h.send(stream(1, 11, size))
	take(3) // the fourth is over 1 MiB
	h.ping()
	h.send(credit1(1, "1"))
	take(3)
	h.ping()
	h.send(credit1(1, "10"))                                                       // more than have come
	take(5)                                                                        // and so all come, as they are read
	h.ask(`{"jsonrpc":"2.0","id":1,"result":{"count":11}}`, "")                    //
	h.send(stream(2, 100, size), credit1(2, "1000"))                               // long before they are read
	take(100)                                                                      //
	h.ask(`{"jsonrpc":"2.0","id":2,"result":{"count":100}}`, "")                   //
	h.send(strings.Replace(stream(3, 5, 0), `"stream":true`, `"stream":false`, 1)) // no stream
	h.ask(`{"jsonrpc":"2.0","id":3,"result":0}`, "")
}

func TestAHostThatDoesNotReadHoldsNoMoreThanItsBacklog(t *testing.T) {
	s, h := serveStreams(t, Limits{})
	c := s.dial(t)
	const n = 1000
	c.send(stream(1, n, 64<<10), credit1(1, "1000000"))
	call := <-h.came
	deadline := time.Now().Add(10 * time.Second)
	for waits(call).IsZero() && time.Now().Before(deadline) {
		runtime.Gosched()
	}
	if queued := call.Conn.out.Queued(); waits(call).IsZero() || queued > 3*StartBytes {
		t.Errorf("%d bytes wait for a host that does not read", queued)
	}
	for range n {
		c.line()
	}
	c.ask(`{"jsonrpc":"2.0","id":1,"result":{"count":1000}}`, "")
}

func TestAStreamNeedsAnIDAndALineOfItsOwn(t *testing.T) {
	s, h := serveStreams(t, Limits{})
	c := s.dial(t)
	c.askError("null", KindInvalidRequest, stream("null", 5, 0))
	c.send("[" + stream(1, 5, 0) + "," + request(2, "echo", "[3]") + "]")
	var answers []answer
	if err := json.Unmarshal([]byte(c.line()), &answers); err != nil || len(answers) != 2 {
		t.Fatal(err, answers)
	}
	for _, a := range answers {
		if string(a.ID) == "1" {
			c.wantError(a, "1", KindInvalidRequest)
		}
	}
	// Nobody can hear a notification's items: it runs as if none were wanted.
	c.send(`{"jsonrpc":"2.0","method":"note","params":[1],"meta":{"mine":1,"stream":true}}`)
	if call := <-h.came; call.Meta.Stream || string(call.RawMeta) != `{"mine":1}` {
		t.Errorf("a notification is handed on with the meta %s", call.RawMeta)
	}
	// An id in flight keeps its one answer.
	c.send(stream(9, 100, 0))
	c.items(9, 0, 64)
	c.send("[" + stream(9, 5, 0) + "]")
	if err := json.Unmarshal([]byte(c.line()), &answers); err != nil || string(answers[0].ID) != "null" {
		t.Error(err, answers)
	}
}

func TestAStreamThatIsCancelledSaysNoMore(t *testing.T) {
	s, _ := serveStreams(t, Limits{})
	h := s.dial(t)
	h.send(stream(7, 1_000_000, 0), credit1(7, "1000000"))
	h.items(7, 0, 10)
	h.send(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":7}}`)
	for i := 10; ; i++ {
		line := h.line()
		if line == itemLine(7, i) {
			continue
		}
		var a answer
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatal(err)
		}
		h.wantError(a, "7", KindRequestCancelled)
		break
	}
	h.ping()
}

func TestAnItemOverTheLimitFailsTheCall(t *testing.T) {
	s, _ := serveStreams(t, Limits{MaxMessage: 4096})
	h := s.dial(t)
	h.askError("1", KindTooLarge, stream(1, 3, 4090))
}

func TestReportsOfProgressComeWhereTheyAreAskedFor(t *testing.T) {
	s, _ := serveStreams(t, Limits{})
	h := s.dial(t)
	h.ask(`{"jsonrpc":"2.0","id":1,"result":null}`, request(1, "work", ""))
	h.ask(`{"jsonrpc":"2.0","method":"$/progress","params":{"token":2,"value":{"kind":"report","percentage":50,"message":"half <done>"}}}`,
		`{"jsonrpc":"2.0","id":2,"method":"work","meta":{"progress":true}}`)
	h.ask(`{"jsonrpc":"2.0","method":"$/progress","params":{"token":2,"value":{"kind":"report","message":"who knows"}}}`, "")
	h.ask(`{"jsonrpc":"2.0","id":2,"result":null}`, "")
}

func TestCallsMadeInProcessSpeakToTheirListener(t *testing.T) {
	h := newStreamer(t)
	var got []string
	done := make(chan struct{})
	c := NewCall("count", []byte("[100,0]"), nil)
	c.Meta.Stream, c.RawMeta = true, []byte(`{"stream":true}`)
	if err := c.Check(1 << 20); err == nil || err.Kind() != KindInvalidRequest {
		t.Error("a stream that nobody hears is taken:", err)
	}
	c.answer = &listening{
		items: func(_ uint64, items []byte) {
			got = append(got, string(items))
			c.Grant(1)
		},
		answer: func(result []byte) { got = append(got, string(result)); close(done) },
	}
	if err := c.Check(1 << 20); err != nil {
		t.Fatal(err)
	}
	h.Handle(c)
	within(t, "the end of the stream", done)
	if len(got) != 101 || got[99] != `["99"]` || got[100] != `{"count":100}` {
		t.Errorf("%d: %v", len(got), got)
	}
}

type listening struct {
	items  func(uint64, []byte)
	answer func([]byte)
}

func (l *listening) AnswerCall(_ *Call, result []byte, _ *Error) { l.answer(result) }
func (l *listening) CallItems(_ *Call, seq uint64, items []byte) { l.items(seq, items) }
func (l *listening) CallReport(*Call, Report)                    {}

func TestItemsAreCounted(t *testing.T) {
	for raw, want := range map[string]int{
		`[]`: 0, ` [ ] `: 0, `[1]`: 1, `[[1,2],{"a":[3]},"],["]`: 3, `[1`: -1, `{}`: -1, `1`: -1, ``: -1, `[1],[2]`: -1, `[1,]`: -1,
	} {
		n, ok := CountItems([]byte(raw))
		if !ok {
			n = 0
		}
		if ok != (want >= 0) || ok && int(n) != want {
			t.Errorf("%s: %d %v, want %d", raw, n, ok, want)
		}
	}
}

// A stream's lines cost no allocation each.
func BenchmarkItems(b *testing.B) {
	server, err := NewServer(HandlerFunc(func(*Call) {}), Limits{})
	if err != nil {
		b.Fatal(err)
	}
	c := &Conn{server: server, out: NewSender(nothing{}, 0, 0, nil)}
	call := &Call{Conn: c, id: []byte("17"), Meta: Meta{Stream: true}}
	if err := call.prepare(false); err != nil {
		b.Fatal(err)
	}
	rest := []byte(`"seq":123,"items":[{"name":"one item","n":1}]`)
	b.ReportAllocs()
	for b.Loop() {
		call.Items(nil, rest, rest[len(`"seq":123,"items":`):], 123, 1)
	}
}

type nothing struct{ io.WriteCloser }

func (nothing) Write(b []byte) (int, error) { return len(b), nil }
func (nothing) Close() error                { return nil }
