package supervisor

import (
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
)

// longGrace is one that no test waits out.
const longGrace = time.Minute

// sendCall is send for a test that needs the call itself.
func sendCall(t testing.TB, w *Worker, lane Lane, method string, params any) (*rpc.Call, <-chan answer) {
	t.Helper()
	c, a := newCall(t, method, params)
	if !w.Send(c, lane, nil) {
		t.Fatalf("the worker refused %s", method)
	}
	return c, a
}

// awaitStarted waits for what only the scoreboard tells.
func awaitStarted(t testing.TB, w *Worker, calls ...*rpc.Call) {
	t.Helper()
	eventually(t, "the calls have started", patience, func() bool {
		started := 0
		for _, o := range w.Outstanding() {
			for _, c := range calls {
				if o.Call == c && o.Started {
					started++
				}
			}
		}
		return started == len(calls)
	})
}

func interrupt(t testing.TB, w *Worker, c *rpc.Call, reason Reason, grace time.Duration) {
	t.Helper()
	if !w.Interrupt(c, Interruption{reason, grace}) {
		t.Fatalf("%s is not on the worker", c.Function)
	}
}

// wantCancelled checks the worker's own answer to an interruption.
func wantCancelled(t testing.TB, a answer, started bool) {
	t.Helper()
	if a.err.Kind() != rpc.KindRequestCancelled || dataOf(t, a.err)["started"] != started {
		t.Errorf("answered %+v; want a cancelled call, started %v", a, started)
	}
}

func TestInterruptedCallAnswersAndItsWorkerLives(t *testing.T) {
	w, _ := readyMini(t)
	pid := w.ID().PID
	for i, lane := range []Lane{LaneMain, LaneLoop} {
		c, a := sendCall(t, w, lane, []string{"sleep", "await"}[i], []any{60})
		awaitStarted(t, w, c)
		at := time.Now()
		interrupt(t, w, c, ReasonCancel, longGrace)
		wantCancelled(t, await(t, a, "the answer"), true)
		t.Logf("lane %d: answered %v after the interruption", lane, time.Since(at))
		if w.Interrupt(c, Interruption{ReasonCancel, longGrace}) {
			t.Error("an answered call was interrupted")
		}
	}
	never, _ := newCall(t, "echo", nil)
	if w.Interrupt(never, Interruption{ReasonCancel, longGrace}) {
		t.Error("a call that was never sent was interrupted")
	}
	if a := ask1(t, w, "pid", nil); a.result != strconv.Itoa(pid) {
		t.Errorf("the process is %+v and was %d", a, pid)
	}
}

func TestInterruptedCallInThePipeNeverStarts(t *testing.T) {
	w, _ := readyMini(t)
	book := filepath.Join(t.TempDir(), "book")
	before, a := sendCall(t, w, LaneMain, "sleep", []any{60})
	awaitStarted(t, w, before)
	waiting, b := sendCall(t, w, LaneMain, "count", []any{book, 1, 0})
	last := send(t, w, LaneMain, "count", []any{book, 2, 0})
	interrupt(t, w, waiting, ReasonDeadline, longGrace)
	interrupt(t, w, before, ReasonCancel, longGrace)
	wantCancelled(t, await(t, a, "the one before"), true)
	wantCancelled(t, await(t, b, "the one in the pipe"), false)
	await(t, last, "the last one")
	if ran := readBook(t, book); ran[1] != 0 || ran[2] != 1 {
		t.Errorf("the calls' own book: %v", ran)
	}
}

func TestSecondShotEndsACleanupAndARealResultStands(t *testing.T) {
	w, _ := readyMini(t)
	c, a := sendCall(t, w, LaneMain, "stubborn", nil)
	awaitStarted(t, w, c)
	interrupt(t, w, c, ReasonCancel, 2*time.Second)
	interrupt(t, w, c, ReasonDeadline, 0) // changes nothing
	wantCancelled(t, await(t, a, "the answer"), true)

	c, a = sendCall(t, w, LaneMain, "swallow", nil)
	awaitStarted(t, w, c)
	interrupt(t, w, c, ReasonCancel, longGrace)
	if r := await(t, a, "the answer"); r.result != `"swallowed"` {
		t.Errorf("answered %+v", r)
	}
}

func TestManyCoroutinesAreInterruptedAtOnce(t *testing.T) {
	const many = 64
	o := newWitness()
	cfg := miniConfig(t, "mini", o)
	cfg.LoopSeats = many
	w := startMini(t, cfg, o)
	awaitReady(t, w)
	var calls []*rpc.Call
	var answers []<-chan answer
	for range many {
		c, a := sendCall(t, w, LaneLoop, "await", nil)
		calls, answers = append(calls, c), append(answers, a)
	}
	awaitStarted(t, w, calls...)
	at := time.Now()
	for _, c := range calls {
		interrupt(t, w, c, ReasonCancel, longGrace)
	}
	for _, a := range answers {
		wantCancelled(t, await(t, a, "an answer"), true)
	}
	t.Logf("%d answered after %v", many, time.Since(at))
}

// orphanOf finds a call among those that died with the worker.
func orphanOf(t testing.TB, o *witness, c *rpc.Call) Orphan {
	t.Helper()
	await(t, o.gone, "the end")
	for _, l := range o.left {
		if l.Call == c {
			return l
		}
	}
	t.Fatalf("%s did not die with the worker", c.Function)
	return Orphan{}
}

// TestUnstartedCallWaitsForNoOtherAndCostsNone: it is given up while the call
// in front goes on, and its seat is free when its line has been skipped.
func TestUnstartedCallWaitsForNoOtherAndCostsNone(t *testing.T) {
	w, o := readyMini(t)
	free := make(chan struct{}, 1)
	o.onFree = func() { free <- struct{}{} }
	book := filepath.Join(t.TempDir(), "book")
	long, a := sendCall(t, w, LaneMain, "in_c_for", []any{100_000_000})
	awaitStarted(t, w, long)
	waiting, b := sendCall(t, w, LaneMain, "count", []any{book, 1, 0})
	interrupt(t, w, waiting, ReasonDeadline, 20*time.Millisecond)
	r := await(t, b, "the call in the pipe")
	wantCancelled(t, r, false)
	select {
	case <-a:
		t.Error("the call in the pipe waited for the one in front")
	default:
	}
	if dataOf(t, r.err)["void"] != true || w.Stat().Seated != 2 {
		t.Errorf("answered %+v, with %d calls seated", r.err, w.Stat().Seated)
	}
	if r := await(t, a, "the long call"); r.result != "100000000" {
		t.Errorf("the call in front was answered %+v", r)
	}
	await(t, free, "its seat")
	if ran := readBook(t, book); len(ran) != 0 || w.Stat().Seated != 0 {
		t.Errorf("the calls' own book: %v; %d seated", ran, w.Stat().Seated)
	}
	if a := ask1(t, w, "echo", []any{1}); a.result != "[1]" {
		t.Errorf("%+v", a)
	}
}

func TestVoidCallIsNoOrphan(t *testing.T) {
	w, o := readyMini(t)
	long, a := sendCall(t, w, LaneMain, "in_c", nil)
	awaitStarted(t, w, long)
	waiting, b := sendCall(t, w, LaneMain, "echo", nil)
	interrupt(t, w, waiting, ReasonDeadline, 0)
	wantCancelled(t, await(t, b, "the call in the pipe"), false)
	w.Kill(ReasonOperator)
	await(t, a, "the end of the call in front")
	await(t, o.gone, "the end")
	if len(o.left) != 1 || o.left[0].Call != long {
		t.Errorf("orphans: %+v", o.left)
	}
}

// TestInterruptRacesTheReplyAndNeverHitsTheNextCall interrupts at random
// moments around the answer, and looks at what the call behind it says.
func TestInterruptRacesTheReplyAndNeverHitsTheNextCall(t *testing.T) {
	rounds := 3000
	if raceEnabled {
		rounds = 500
	}
	w, o := readyMini(t)
	var cancelled, missed int
	for i := range rounds {
		c, a := sendCall(t, w, LaneMain, "sleep", []any{0.0001})
		next := send(t, w, LaneMain, "echo", []any{i})
		pause := time.Duration(rand.IntN(400)) * time.Microsecond
		// A timer is too coarse for this.
		for at := time.Now(); time.Since(at) < pause; {
		}
		hit := w.Interrupt(c, Interruption{ReasonCancel, longGrace})
		r := await(t, a, "the answer")
		switch {
		case r.err.Kind() == rpc.KindRequestCancelled:
			cancelled++
		case r.err != nil || r.result != "null":
			t.Fatalf("round %d: %+v", i, r)
		case !hit:
			missed++
		}
		if r := await(t, next, "the next call"); r.result != "["+strconv.Itoa(i)+"]" {
			t.Fatalf("round %d hit the next call: %+v", i, r)
		}
	}
	t.Logf("of %d calls %d were cancelled, %d had been answered before", rounds, cancelled, missed)
	if cancelled == 0 || missed == 0 {
		t.Error("the race was not run: all fell on one side")
	}
	w.Stop(ReasonScale)
	await(t, o.gone, "the end")
	if o.exit.Reason != ReasonScale || o.exit.Status.ExitCode != 0 {
		t.Errorf("exit: %+v", o.exit)
	}
}

func TestInterruptRacesDeath(t *testing.T) {
	for range 30 {
		w, o := readyMini(t)
		c, a := sendCall(t, w, LaneMain, "stubborn", nil)
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			<-time.After(time.Duration(rand.IntN(2000)) * time.Microsecond)
			_ = syscall.Kill(w.ID().PID, syscall.SIGKILL)
		}()
		for w.Interrupt(c, Interruption{ReasonCancel, longGrace}) {
			select {
			case <-o.gone:
			default:
			}
		}
		await(t, a, "the answer")
		await(t, o.gone, "the end")
		<-gone
		// The ladder did not end it, so the orphan is a plain one.
		if len(o.left) == 1 && o.left[0].Interrupted || o.exit.Reason != ReasonSignal {
			t.Errorf("%+v, %s", o.left, o.exit.Reason)
		}
		if w.Outstanding() != nil {
			t.Error("the dead have nothing outstanding")
		}
	}
}

func TestDrainingWorkersCallsAreInterruptedToo(t *testing.T) {
	w, _ := readyMini(t)
	c, a := sendCall(t, w, LaneMain, "sleep", []any{60})
	awaitStarted(t, w, c)
	w.Drain()
	interrupt(t, w, c, ReasonDeadline, longGrace)
	wantCancelled(t, await(t, a, "the answer"), true)
	await(t, w.Idle(), "idle")
}

func TestEndThatIsMeantKeepsItsReasonUnderALadder(t *testing.T) {
	for _, c := range []struct {
		name        string
		grace       time.Duration
		end         func(*Worker)
		reason      Reason
		interrupted bool
	}{
		{"a polite stop, and the ladder is sooner", 50 * time.Millisecond, func(w *Worker) { w.Stop(ReasonRestart) }, ReasonRestart, true},
		{"a polite stop that is sooner", longGrace, func(w *Worker) { w.Stop(ReasonRestart) }, ReasonRestart, false},
		{"a kill", longGrace, func(w *Worker) { w.Kill(ReasonOperator) }, ReasonOperator, false},
		{"a kill while the stacks are waited for", 0, func(w *Worker) { w.Kill(ReasonOperator) }, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := newWitness()
			cfg := miniConfig(t, "mini", o)
			cfg.StopTimeout = 100 * time.Millisecond
			w := startMini(t, cfg, o)
			awaitReady(t, w)
			call, _ := sendCall(t, w, LaneMain, "in_c", nil)
			awaitStarted(t, w, call)
			interrupt(t, w, call, ReasonCancel, c.grace)
			c.end(w)
			got := orphanOf(t, o, call)
			switch {
			case c.reason == "": // whichever came first, and it is told as one story
				if got.Interrupted != (o.exit.Reason == ReasonCancel) {
					t.Errorf("%+v, %s", got, o.exit.Reason)
				}
			case o.exit.Reason != c.reason || got.Interrupted != c.interrupted:
				t.Errorf("%+v, %s", got, o.exit.Reason)
			}
		})
	}
}

func TestFullControlPipeBlocksNobody(t *testing.T) {
	ours, theirs, err := newPipe(daemonWrites)
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	defer theirs.Close()
	w := &wire{control: ours}
	shots := 0
	for w.shoot(uint64(shots + 1)) {
		if shots++; shots > pipeSize {
			t.Fatal("the pipe has no end")
		}
	}
	var b [4096]byte
	if _, err := theirs.Read(b[:]); err != nil {
		t.Fatal(err)
	}
	if b[0] != 1 || b[7] != 0 || b[8] != 2 {
		t.Errorf("the shots are % x", b[:16])
	}
	if !w.shoot(1) {
		t.Error("there is room again, and it was not used")
	}
	theirs.Close()
	if !w.shoot(1) {
		t.Error("a pipe that nobody reads is to be tried again")
	}
}

func TestOutstandingTellsWhatHasStartedAndWhere(t *testing.T) {
	w, _ := readyMini(t)
	if out := w.Outstanding(); out != nil {
		t.Errorf("nothing was sent: %+v", out)
	}
	first, _ := sendCall(t, w, LaneMain, "sleep", []any{60})
	second, _ := sendCall(t, w, LaneMain, "sleep", []any{60})
	third, _ := sendCall(t, w, LaneLoop, "sleep", []any{60})
	awaitStarted(t, w, first, third)
	want := map[*rpc.Call]Outstanding{
		first: {first, LaneMain, true}, second: {second, LaneMain, false}, third: {third, LaneLoop, true},
	}
	out := w.Outstanding()
	for _, o := range out {
		if o != want[o.Call] {
			t.Errorf("%+v", o)
		}
	}
	if len(out) != len(want) {
		t.Errorf("%d calls are out", len(out))
	}
}
