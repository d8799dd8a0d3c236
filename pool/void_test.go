package pool_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/pool"
	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// startedOf is an error's data.started, which must be there.
func startedOf(t *testing.T, err *rpc.Error) bool {
	t.Helper()
	var data struct{ Started *bool }
	if err == nil || json.Unmarshal(err.Data, &data) != nil || data.Started == nil {
		t.Errorf("%v does not say whether the call had started", err)
		return false
	}
	return *data.Started
}

// notes counts what guinea.note wrote, by key.
func notes(t *testing.T, path string) map[string]int {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	ran := make(map[string]int)
	for key := range strings.Lines(string(raw)) {
		ran[strings.TrimSpace(key)]++
	}
	return ran
}

// TestACallInThePipeOfAHeldWorkerKeepsItsDeadline: what stands behind a call
// that holds the interpreter's lock in C is answered in time, never runs, and
// harms neither that call nor the worker.
func TestACallInThePipeOfAHeldWorkerKeepsItsDeadline(t *testing.T) {
	const (
		held     = 2 * time.Second
		deadline = 300 * time.Millisecond
	)
	for _, c := range []struct {
		function string
		cancel   bool
		kind     rpc.Kind
	}{
		{"note", false, rpc.KindDeadlineExceeded},
		{"note", true, rpc.KindRequestCancelled},
		{"note_later", false, rpc.KindDeadlineExceeded}, // by the loop's lane
	} {
		t.Run(fmt.Sprint(c.function, c.kind), func(t *testing.T) {
			book := filepath.Join(t.TempDir(), "book")
			s := serve(t, pool.Config{Workers: 1})
			s.want(s.call("grip", 0.001), "0.001")
			for range 20 {
				s.want(s.call(c.function, book, "quick"), `"quick"`)
			}
			before := s.start("grip", held.Seconds())
			if c.function == "note_later" {
				s.running("grip") // else the loop is quicker; the main thread's pipe takes no call by then
			}
			timeout := deadline
			if c.cancel {
				timeout = 0
			}
			params := fmt.Sprintf("[%q, %q]", book, "late")
			call, late := s.begin(timeout, c.function, params)
			var others []<-chan reply
			for range 3 {
				others = append(others, s.start(c.function, book, "other"))
			}
			if c.cancel {
				<-time.After(deadline)
				call.Cancel(unwanted())
			}
			got := s.get(late)
			if got.err.Kind() != c.kind || startedOf(t, got.err) || got.took < deadline || got.took > deadline+time.Second {
				t.Errorf("answered %s %v after %s", got.result, got.err, got.took)
			}
			select {
			case r := <-before:
				t.Errorf("the call in front has ended (%v), so this shows nothing", r.err)
			default:
			}
			if s.Stat().Busy < 2 {
				t.Log("the machine was so slow that the call waited in the queue")
			}
			s.want(s.get(before), "2")
			for _, other := range others {
				s.want(s.get(other), `"other"`)
			}
			s.want(s.call("add", 1, 2), "3")
			if ran := notes(t, book); ran["late"] != 0 || ran["other"] != 3 {
				t.Errorf("the functions' own book: %v", ran)
			}
			if exits := of[supervisor.Exited](s.events); len(exits) > 0 {
				t.Errorf("a worker ended of it: %+v", exits)
			}
			t.Logf("answered %s after its deadline", got.took-deadline)
		})
	}
}

// TestWhatIsAnsweredAsNotStartedHasNeverRun gives calls up at random moments
// around the one when a held worker gets to them, and asks the functions.
func TestWhatIsAnsweredAsNotStartedHasNeverRun(t *testing.T) {
	const (
		rounds = 250
		each   = 8
		most   = 12 // milliseconds
	)
	book := filepath.Join(t.TempDir(), "book")
	s := serve(t, pool.Config{Workers: 1, CancelGrace: 20 * time.Second})
	functions := [...]string{"note", "note_later"}
	for i := range 40 {
		s.want(s.call(functions[i%2], book, "quick"), `"quick"`)
	}
	answers := make(map[string]reply)
	early, before := 0, 0
	for round := range rounds {
		front := s.start("grip", float64(1+rand.IntN(most))/1000)
		behind := make(map[string]<-chan reply)
		for i := range each {
			key := fmt.Sprintf("%d.%d", round, i)
			timeout := time.Duration(rand.IntN(most*1000)+1) * time.Microsecond
			_, behind[key] = s.begin(timeout, functions[i%2], fmt.Sprintf("[%q, %q]", book, key))
		}
		r := s.get(front)
		s.want(r, r.result)
		for key, c := range behind {
			if len(c) > 0 {
				before++ // answered while the one in front held the worker, or just after
			}
			answers[key] = s.get(c)
		}
	}
	ran := notes(t, book)
	for key, r := range answers {
		switch times := ran[key]; {
		case times > 1:
			t.Errorf("%s ran %d times", key, times)
		case r.err == nil && times != 1:
			t.Errorf("%s has a result and did not run", key)
		case r.err == nil:
		case r.err.Kind() != rpc.KindDeadlineExceeded:
			t.Errorf("%s: %v", key, r.err)
		case startedOf(t, r.err):
		default:
			early++
			if times != 0 {
				t.Errorf("%s was answered as not started, and ran", key)
			}
		}
	}
	t.Logf("of %d calls %d never started, %d were answered before the one in front", len(answers), early, before)
	if early == 0 || early == len(answers) {
		t.Error("the race was not run: all fell on one side")
	}
	if exits := of[supervisor.Exited](s.events); len(exits) > 0 {
		t.Errorf("a worker ended of it: %+v", exits)
	}
}

func TestParamsThatAreNoJSONReachNoWorker(t *testing.T) {
	s := serve(t, pool.Config{Workers: 1, MaxMessage: 1 << 16})
	s.want(s.call("add", 1, 2), "3")
	for params, kind := range map[string]rpc.Kind{
		"[1,2":                                   rpc.KindInvalidRequest,
		"[1,2]\n[3]":                             rpc.KindInvalidRequest,
		`[1,2],"method":"pid"`:                   rpc.KindInvalidRequest,
		"[\"\xff\"]":                             rpc.KindInvalidRequest,
		"3":                                      rpc.KindInvalidRequest,
		"null":                                   rpc.KindInvalidRequest,
		"[NaN]":                                  rpc.KindInvalidRequest,
		" ":                                      rpc.KindInvalidRequest,
		`["` + strings.Repeat("x", 1<<16) + `"]`: rpc.KindTooLarge,
	} {
		_, r := s.begin(0, "add", params)
		if got := s.get(r); got.err.Kind() != kind {
			t.Errorf("%.40q: answered %s %v, want %s", params, got.result, got.err, kind)
		}
	}
	_, r := s.begin(0, "add", " [1,\n2] ")
	s.want(s.get(r), "3")
	if exits := of[supervisor.Exited](s.events); len(exits) > 0 {
		t.Errorf("a worker ended of it: %+v", exits)
	}
}
