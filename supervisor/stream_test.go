package supervisor

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
)

// listening hears all that a call says.
type listening struct {
	items   chan string
	reports chan rpc.Report
	asked   chan func([]byte, *rpc.Error)
	answer  chan answer
}

func (l *listening) AnswerCall(_ *rpc.Call, result []byte, err *rpc.Error) {
	l.answer <- answer{string(result), err}
}

func (l *listening) CallItems(_ *rpc.Call, seq uint64, items []byte) {
	l.items <- fmt.Sprintf("%d%s", seq, items)
}
func (l *listening) CallReport(_ *rpc.Call, r rpc.Report) { l.reports <- r }
func (l *listening) CallBack(_ *rpc.Call, cb rpc.Callback, answer rpc.Answered) {
	l.items <- fmt.Sprintf("%s%s%s", cb.Name, cb.Args, cb.Kwargs)
	l.asked <- answer
}

// sendStream sends a call whose words are heard.
func sendStream(t *testing.T, w *Worker, lane Lane, method, line string) (*rpc.Call, *listening) {
	t.Helper()
	l := &listening{make(chan string, 100), make(chan rpc.Report, 100), make(chan func([]byte, *rpc.Error), 100), make(chan answer, 1)}
	text, _ := newCall(t, method, []any{line + "\n"})
	c := rpc.NewCall(method, text.Params, l)
	c.Meta = rpc.Meta{Stream: true, Progress: true}
	if err := c.Check(1 << 20); err != nil {
		t.Fatal(err)
	}
	if !w.Send(c, lane, nil) {
		t.Fatal("the worker refused the call")
	}
	return c, l
}

func note(method, params string) string {
	return `{"jsonrpc":"2.0","method":"mochi.` + method + `","params":` + params + `}`
}

func TestWhatACallSaysIsHeardBeforeItsAnswer(t *testing.T) {
	w, _ := readyMini(t)
	for _, lane := range []Lane{LaneMain, LaneLoop} {
		_, l := sendStream(t, w, lane, "say", strings.Join([]string{
			note("items", `{"id":ID,"seq":0,"items":[1,{"a":2}]}`),
			note("items", `{ "seq" : 2, "items": [ ] , "id":ID}`),
			note("items", `{"id":ID,"seq":2,"items":["x"],"more":1}`),
			note("report", `{"id":ID,"fraction":0.29,"message":"m"}`),
		}, "\n"))
		if a := await(t, l.answer, "the answer"); a.result != `"said"` {
			t.Fatal(a)
		}
		for _, want := range []string{`0[1,{"a":2}]`, `2[ ]`, `2["x"]`} {
			if got := <-l.items; got != want {
				t.Errorf("heard %s, want %s", got, want)
			}
		}
		if r := <-l.reports; *r.Percentage != 29 || r.Message != "m" {
			t.Errorf("%+v", r)
		}
	}
}

func TestCreditAndAnswersGoToTheThreadThatWaits(t *testing.T) {
	pauses := make(chan Pause, 100)
	o := newWitness()
	o.onPause = func(p Pause) { pauses <- p }
	w := startMini(t, miniConfig(t, "mini", o), o)
	awaitReady(t, w)
	for _, lane := range []Lane{LaneMain, LaneLoop} {
		c, l := sendStream(t, w, lane, "hear", note("waiting", `{"id":ID}`))
		if p := await(t, pauses, "the pause"); p != WaitsForCredit {
			t.Error(p)
		}
		c.Grant(5)
		if a := await(t, l.answer, "the answer"); !strings.Contains(a.result, `"mochi.credit"`) || !strings.Contains(a.result, `"n": 5}`) {
			t.Error(a)
		}
		if p := await(t, pauses, "the end of the pause"); p != GotCredit {
			t.Error(p)
		}
		_, l = sendStream(t, w, lane, "hear", note("callback", `{"id":ID,"n":7,"callback":"f","args":[1.0],"kwargs":{}}`))
		if p := await(t, pauses, "the pause"); p != WaitsForCallback {
			t.Error(p)
		}
		if got := <-l.items; got != `"f"[1.0]{}` {
			t.Error(got)
		}
		(<-l.asked)([]byte(`{"b":1}`), nil)
		if a := await(t, l.answer, "the answer"); !strings.Contains(a.result, `"mochi.called"`) || !strings.Contains(a.result, `"n": 7, "result": {"b": 1}`) {
			t.Error(a)
		}
		if p := await(t, pauses, "the end of the pause"); p != GotCallback {
			t.Error(p)
		}
	}
}

func TestTheLateWordsOfACallAreDropped(t *testing.T) {
	w, o := readyMini(t)
	first := ask1(t, w, "say", []any{""})
	if first.result != `"said"` {
		t.Fatal(first)
	}
	id := w.link.last * uint64(len(w.link.seats))
	for n := range uint64(len(w.link.seats)) { // whichever seat it was
		for _, line := range []string{
			note("items", fmt.Sprintf(`{"id":%d,"seq":0,"items":[1]}`, id+n)), note("waiting", fmt.Sprintf(`{"id":%d}`, id+n)),
			note("report", fmt.Sprintf(`{"id":%d,"fraction":null,"message":""}`, id+n)), note("callback", fmt.Sprintf(`{"id":%d,"n":1,"callback":"f"}`, id+n)),
		} {
			if a := ask1(t, w, "raw", []any{line + "\n"}); a.result != `"said"` {
				t.Fatal(line, a, o.life())
			}
		}
	}
}

func TestAStreamThatBreaksTheRulesEndsItsWorker(t *testing.T) {
	for name, lines := range map[string][]string{
		"never given":      {note("items", `{"id":987654,"seq":0,"items":[1]}`)},
		"item 1 of":        {note("items", `{"id":ID,"seq":1,"items":[1]}`)},
		"had credit for":   {note("items", `{"id":ID,"seq":0,"items":[1`+strings.Repeat(",1", rpc.StartItems+creditMargin)+`]}`)},
		"asked already":    {note("waiting", `{"id":ID}`), note("waiting", `{"id":ID}`)},
		"open already":     {note("callback", `{"id":ID,"n":1,"callback":"f"}`), note("callback", `{"id":ID,"n":1,"callback":"f"}`)},
		"without a name":   {note("callback", `{"id":ID,"n":1}`)},
		"are no array":     {note("items", `{"id":ID,"seq":0,"items":{}}`)},
		"no id or no seq":  {note("items", `{"id":ID,"items":[]}`)},
		"waiting cannot":   {note("waiting", `[]`)},
		"report cannot":    {note("report", `{"id":ID,"fraction":"half"}`)},
		"callback cannot":  {note("callback", `7`)},
		"which is no stre": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, o := readyMini(t)
			var ended <-chan answer
			if lines == nil {
				ended = send(t, w, LaneMain, "say", []any{note("items", `{"id":ID,"seq":0,"items":[1]}`) + "\n"})
			} else {
				_, l := sendStream(t, w, LaneMain, "hear", strings.Join(lines, "\n"))
				ended = l.answer
			}
			await(t, ended, "the call's end")
			await(t, o.gone, "the worker's end")
			if o.exit.Reason != ReasonProtocol || !strings.Contains(o.exit.Detail, name) {
				t.Errorf("it ended with %s: %s", o.exit.Reason, o.exit.Detail)
			}
		})
	}
}

func TestALineSaysWhatIsLeftAndWhoseItIsOnlyWhereThatIsNeeded(t *testing.T) {
	now := time.Now()
	plain := func() *rpc.Call {
		c := rpc.NewCall("f", nil, nil)
		c.Arrived, c.Deadline = now, now.Add(1500*time.Millisecond)
		return c
	}
	late, owned, endless := plain(), plain(), plain()
	late.Arrived = now.Add(-2 * time.Millisecond)
	owned.RawMeta, owned.Conn = []byte(`{"a":1}`), &rpc.Conn{Number: 9}
	endless.Deadline, endless.Arrived = time.Time{}, now.Add(-time.Hour)
	for _, c := range []struct {
		call *rpc.Call
		want string
	}{
		{plain(), ""}, {endless, ""}, {late, `,"left":1500.000`}, {owned, `,"meta":{"a":1},"left":1500.000,"conn":9`},
	} {
		var r requestLine
		r.write(nil, 1, "f", nil, c.call.RawMeta, c.call, now)
		if want := `{"jsonrpc":"2.0","id":1,"method":"f"` + c.want + "}\n"; string(r.head) != want {
			t.Errorf("%swant %s", r.head, want)
		}
	}
}

func (o *crowd) CallPaused(*Worker, *rpc.Call, Lane, Pause) {}
