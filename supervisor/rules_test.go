package supervisor

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
)

func TestBrokenRulesEndTheWorkerAndNotTheOtherCalls(t *testing.T) {
	for _, c := range []struct {
		name   string
		method string
		params any
		says   string
		answer string // of the call itself, when it is answered all the same
	}{
		{"an id never issued", "raw", []any{`{"jsonrpc":"2.0","id":987654,"result":1}` + "\n"}, "id 987654", ""},
		{"an id of another call's seat", "raw", []any{`{"jsonrpc":"2.0","id":2,"result":1}` + "\n"}, "id 2", ""},
		{"an id that is no number", "raw", []any{`{"jsonrpc":"2.0","id":"7","result":1}` + "\n"}, "never given", ""},
		{"two replies", "twice", nil, "answered before", "1"},
		{"garbage", "raw", []any{"Traceback, or whatever\n"}, "no message", ""},
		{"a request", "raw", []any{`{"jsonrpc":"2.0","id":1,"method":"x"}` + "\n"}, "a request", ""},
		{"an unknown notification", "raw", []any{`{"jsonrpc":"2.0","method":"mochi.fun"}` + "\n"}, "mochi.fun", ""},
		{"ready twice", "raw", []any{`{"jsonrpc":"2.0","method":"mochi.ready","params":{"protocol":1}}` + "\n"}, "twice", ""},
		{"failed when ready", "raw", []any{`{"jsonrpc":"2.0","method":"mochi.failed","params":{}}` + "\n"}, "after mochi.ready", ""},
		{"a move of nothing", "raw", []any{`{"jsonrpc":"2.0","method":"mochi.moved","params":{"id":3}}` + "\n"}, "moved call 3", ""},
		{"an error that is none", "raw", []any{`{"jsonrpc":"2.0","id":1,"error":7}` + "\n"}, "an error that is none", ""},
		{"an over-long line", "large", []any{3 << 20}, "max-message", ""},
		{"its reply pipe closed", "close_out", nil, "closed its reply pipe", ""},
		{"every descriptor closed", "close_all", nil, "pipe", ""}, // which of them is seen first is chance
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := newWitness()
			cfg := miniConfig(t, "mini", o)
			cfg.MaxMessage = 1 << 20
			w := startMini(t, cfg, o)
			awaitReady(t, w)
			other := send(t, w, LaneLoop, "sleep", []any{60})
			bad := send(t, w, LaneMain, c.method, c.params)
			waiting := []<-chan answer{other}
			// It may be dead by now, and refuse.
			if behind, answers := newCall(t, "sleep", []any{60}); w.Send(behind, LaneMain, nil) {
				waiting = append(waiting, answers)
			}
			a := await(t, bad, "the bad call")
			if c.answer != "" {
				if a.result != c.answer {
					t.Errorf("the call was answered %+v", a)
				}
			} else if a.err.Kind() != rpc.KindWorkerLost && a.result != `"said"` {
				t.Errorf("the call was answered %+v", a)
			}
			for _, ch := range waiting {
				if a := await(t, ch, "another call"); a.err.Kind() != rpc.KindWorkerLost {
					t.Errorf("another call was answered %+v", a)
				}
			}
			await(t, o.gone, "the end")
			if o.exit.Reason != ReasonProtocol || !strings.Contains(o.exit.Detail, c.says) {
				t.Errorf("%s: %s; want %q", o.exit.Reason, o.exit.Detail, c.says)
			}
		})
	}
}

func TestHalfALineIsNoAnswerAndAWholeOneIs(t *testing.T) {
	for method, whole := range map[string]bool{"half": false, "whole": true} {
		w, o := readyMini(t)
		a := await(t, send(t, w, LaneMain, method, nil), "the answer")
		if whole && a.result != `"whole"` || !whole && a.err.Kind() != rpc.KindWorkerLost {
			t.Errorf("%s: %+v", method, a)
		}
		await(t, o.gone, "the end")
		if o.exit.Reason != ReasonExit || o.exit.Status.ExitCode != 9 {
			t.Errorf("%s: %+v", method, o.exit)
		}
	}
}

func TestMovedCallKeepsItsSeatAndEndsOnTheLoop(t *testing.T) {
	o := newWitness()
	lanes := make(chan Lane, 2)
	w := startMini(t, func() WorkerConfig {
		cfg := miniConfig(t, "mini", nil)
		cfg.Owner = laneSpy{o, lanes}
		return cfg
	}(), o)
	awaitReady(t, w)
	// The call's own id is the first of seat 0: seats 0…4 are main's.
	id := len(w.link.seats)
	moved := fmt.Sprintf(`{"jsonrpc":"2.0","method":"mochi.moved","params":{"id":%d,"name":"raw","kind":"coroutine"}}`, id)
	if a := ask1(t, w, "raw", []any{moved + "\n"}); a.result != `"said"` {
		t.Errorf("%+v", a)
	}
	if l := await(t, lanes, "the lane"); l != LaneLoop {
		t.Errorf("it ended on lane %d", l)
	}
	ask1(t, w, "echo", []any{1})
	if l := await(t, lanes, "the lane"); l != LaneMain {
		t.Errorf("it ended on lane %d", l)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.moved) != 1 || o.moved[0] != "raw coroutine" {
		t.Errorf("moved: %v", o.moved)
	}
}

type laneSpy struct {
	*witness
	lanes chan Lane
}

func (s laneSpy) CallDone(w *Worker, c *rpc.Call, a Answer) {
	s.lanes <- a.Lane
	s.witness.CallDone(w, c, a)
}

func TestSeatsBoundWhatIsSent(t *testing.T) {
	w, _ := readyMini(t)
	var answers []<-chan answer
	for range 4 {
		answers = append(answers, send(t, w, LaneMain, "sleep", []any{0.05}))
	}
	c, _ := newCall(t, "echo", nil)
	if w.Send(c, LaneMain, nil) {
		t.Error("a fifth call was taken on four seats")
	}
	for _, a := range answers {
		await(t, a, "an answer")
	}
	if a := ask1(t, w, "echo", nil); a.err != nil { // freed seats are used again
		t.Error(a.err)
	}
	w.Drain()
	if w.Send(c, LaneMain, nil) || w.Send(c, LaneLoop, nil) {
		t.Error("a draining worker took a call")
	}
	await(t, w.Idle(), "idle")
}

func TestServiceTimeLeavesTheWaitOut(t *testing.T) {
	l := newLink(4, 4)
	first, second := &rpc.Call{}, &rpc.Call{}
	sent := time.Now().Add(-time.Second)
	seats := len(l.seats)
	l.seats[0] = seat{id: uint64(seats), call: first, sent: sent}
	l.seats[1] = seat{id: uint64(seats + 1), call: second, sent: sent}
	_, _, service, _, _ := l.take(uint64(seats), time.Now())
	if service < time.Second {
		t.Errorf("the first took %v", service)
	}
	if _, _, service, _, _ = l.take(uint64(seats+1), time.Now()); service > time.Second/2 {
		t.Errorf("the second took %v, the wait behind the first included", service)
	}
}

func TestAskTakesNoSeatOfTheCalls(t *testing.T) {
	w, _ := readyMini(t)
	var answers []<-chan answer
	for range 4 {
		answers = append(answers, send(t, w, LaneMain, "sleep", []any{0.02}))
	}
	raw, err := w.Ask(t.Context(), "mochi.ping", nil)
	if err != nil || string(raw) != `"pong"` {
		t.Errorf("%s %v", raw, err)
	}
	for _, a := range answers {
		await(t, a, "an answer")
	}
	// A question given up leaves its seat taken until it is answered.
	slow := send(t, w, LaneMain, "sleep", []any{0.1})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := w.Ask(ctx, "mochi.ping", nil); err == nil {
		t.Error("it was answered before the call in front of it")
	}
	await(t, slow, "the slow call")
	if raw, err := w.Ask(t.Context(), "mochi.ping", nil); err != nil || string(raw) != `"pong"` {
		t.Errorf("%s %v", raw, err)
	}
	w.Kill(ReasonOperator)
	await(t, w.Done(), "its end")
	if _, err := w.Ask(t.Context(), "mochi.ping", nil); err == nil {
		t.Error("a dead worker answered")
	}
}

func TestLargeMessagesPassBothWays(t *testing.T) {
	w, _ := readyMini(t)
	big := strings.Repeat("ä", 2<<20)
	a := ask1(t, w, "echo", []any{big})
	if a.err != nil || len(a.result) < len(big) {
		t.Errorf("%d bytes came back, %v", len(a.result), a.err)
	}
	done := make(chan string, 1)
	multi := rpc.NewCall("echo", []byte("[1,\n 2]"), rpc.AnswerFunc(func(_ *rpc.Call, r []byte, _ *rpc.Error) { done <- string(r) }))
	if !w.Send(multi, LaneMain, nil) || await(t, done, "the answer") != "[1, 2]" {
		t.Error("a newline between tokens was not taken out")
	}
}

// TestKilledAtRandomEachCallEndsOnceAndStartedIsTrue kills a worker in the
// middle of its calls, fifty times, and asks the calls' own book afterwards.
func TestKilledAtRandomEachCallEndsOnceAndStartedIsTrue(t *testing.T) {
	const rounds, calls = 50, 12
	dir := t.TempDir()
	var started, unstarted, answeredCalls int
	for round := range rounds {
		book := filepath.Join(dir, strconv.Itoa(round))
		o := newWitness()
		cfg := miniConfig(t, "mini", o)
		cfg.MainSeats = calls
		w := startMini(t, cfg, o)
		awaitReady(t, w)
		var ends [calls]atomic.Int32
		var answers []<-chan answer
		for i := range calls {
			c, a := newCall(t, "count", []any{book, i, 0.001})
			counted := rpc.NewCall("count", c.Params, rpc.AnswerFunc(func(_ *rpc.Call, r []byte, e *rpc.Error) {
				ends[i].Add(1)
				if e != nil {
					c.Fail(e)
				} else {
					c.Reply(r)
				}
			}))
			if !w.Send(counted, LaneMain, nil) {
				t.Fatal("refused")
			}
			answers = append(answers, a)
		}
		timer := time.NewTimer(time.Duration(rand.IntN(16000)) * time.Microsecond)
		<-timer.C
		_ = syscall.Kill(w.ID().PID, syscall.SIGKILL)
		for _, a := range answers {
			await(t, a, "an answer")
		}
		await(t, o.gone, "the end")
		ran := readBook(t, book)
		for i, orphan := range o.left {
			var p [3]any
			if err := json.Unmarshal(orphan.Call.Params, &p); err != nil {
				t.Fatal(err)
			}
			n := int(p[1].(float64))
			if orphan.Started {
				started++
			} else {
				unstarted++
				if ran[n] != 0 {
					t.Errorf("round %d: call %d ran, and the scoreboard says it had not started", round, n)
				}
			}
			if i > 0 && orphan.Started {
				t.Errorf("round %d: call %d started behind one that had not ended", round, n)
			}
		}
		await(t, w.Done(), "its end")
		answeredCalls += calls - len(o.left)
		for i := range ends {
			if n := ends[i].Load(); n != 1 {
				t.Errorf("round %d: call %d ended %d times", round, i, n)
			}
			if ran[i] > 1 {
				t.Errorf("round %d: call %d ran %d times", round, i, ran[i])
			}
		}
	}
	t.Logf("%d answered, %d lost, %d given back unstarted", answeredCalls, started, unstarted)
}

// readBook counts how often each call says it ran.
func readBook(t *testing.T, path string) map[int]int {
	t.Helper()
	ran := map[int]int{}
	raw, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, line := range strings.Fields(string(raw)) {
		n, err := strconv.Atoi(line)
		if err != nil {
			t.Fatal(err)
		}
		ran[n]++
	}
	return ran
}
