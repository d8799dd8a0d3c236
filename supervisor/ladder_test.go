package supervisor

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// topTable is what becomes of a ladder whose time has come, cell by cell; "" is
// no change. A climbing one stands at its last rung.
var topTable = [phaseCount][sightCount]string{
	//              gone    behind  up
	phaseClimbing:  {"over", "held", "condemned"},
	phaseHeld:      {"over", "", "climbing"},
	phaseCondemned: {"over", "held", ""},
	phaseOver:      {"", "", ""},
}

// atTop is a ladder in a phase, and a moment when it is due.
func atTop(p phase) (*ladder, time.Time) {
	begin := time.Unix(1000, 0)
	l := newLadder(7, "f", Interruption{Grace: time.Second}, begin)
	l.phase, l.next = p, len(l.up)-1
	return l, begin.Add(time.Minute)
}

// next is the table of the code.
func (p phase) next(s sight) (phase, bool) {
	l, now := atTop(p)
	l.step(now, s)
	return l.phase, l.phase != p
}

func TestLadderTableHoldsForEveryPair(t *testing.T) {
	for p := range phaseCount {
		for s := range sightCount {
			want := topTable[p][s]
			to, ok := p.next(s)
			if ok != (want != "") || ok && to.String() != want {
				t.Errorf("%s, and the call is %s: %s; want %q", p, s, to, want)
			}
			// What is done: to condemn at the top, to begin again after a hold,
			// nothing else.
			wantDo := actNone
			switch {
			case p == phaseClimbing && s == sightUp:
				wantDo = actCondemn
			case p == phaseHeld && s == sightUp:
				wantDo = actShoot
			}
			l, now := atTop(p)
			if do := l.step(now, s); do != wantDo {
				t.Errorf("%s, and the call is %s: it wants %q; want %q", p, s, do, wantDo)
			}
			// Before its time nothing happens, but for an answer's end.
			if l, _ := atTop(p); p == phaseClimbing || p == phaseHeld {
				early := l.from.Add(-time.Nanosecond)
				if do := l.step(early, s); do != actNone || l.phase != p && s != sightGone {
					t.Errorf("%s, too early, and the call is %s: %q, %s", p, s, do, l.phase)
				}
			}
		}
	}
}

func TestLadderHasTheRungsOfItsGrace(t *testing.T) {
	for grace, want := range map[time.Duration]string{
		2 * time.Second:        "0s shoot, 5ms kick, 20ms kick, 80ms kick, 320ms kick, 1s shoot, 1.005s kick, 1.02s kick, 1.08s kick, 1.32s kick, 2s condemn",
		100 * time.Millisecond: "0s shoot, 5ms kick, 20ms kick, 50ms shoot, 55ms kick, 70ms kick, 100ms condemn",
		10 * time.Millisecond:  "0s shoot, 5ms shoot, 10ms condemn",
		0:                      "0s shoot, 0s condemn",
		1:                      "0s shoot, 0s shoot, 1ns condemn",
	} {
		var got []string
		for _, r := range rungs(grace) {
			got = append(got, fmt.Sprintf("%s %s", r.at, r.act))
		}
		if d := cmp.Diff(want, strings.Join(got, ", ")); d != "" {
			t.Errorf("a grace of %s: %s", grace, d)
		}
	}
}

// tower is a worker that writes down what is done to it, by the test's clock.
type tower struct {
	begin  time.Time
	sights map[uint64]sight
	full   int // shots that find the control pipe full
	lost   int // strikes that cannot be written
	mute   bool
	did    []string
}

func (w *tower) note(format string, args ...any) {
	w.did = append(w.did, time.Since(w.begin).String()+" "+fmt.Sprintf(format, args...))
}

func (w *tower) look() func(uint64) sight { return func(id uint64) sight { return w.sights[id] } }

func (w *tower) shoot(id uint64) bool {
	if w.full > 0 {
		w.full--
		w.note("full %d", id)
		return false
	}
	w.note("shoot %d", id)
	return true
}

func (w *tower) strike(uint64) bool {
	w.lost--
	return w.lost < 0
}

func (w *tower) void(id uint64) { w.note("void %d", id) }
func (w *tower) kick()          { w.note("kick") }
func (w *tower) dump() bool     { w.note("dump"); return !w.mute }
func (w *tower) spare()         { w.note("spare") }
func (w *tower) fell(l *ladder) { w.note("fell %s by %d", l.reason, l.id) }

// climbing plays a worker's run in a bubble of its own clock: at its moments the
// script acts, and all that was done comes back.
func climbing(t *testing.T, w *tower, until time.Duration, script map[time.Duration]func(*climb)) []string {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w.begin = time.Now()
		c := &climb{on: w}
		defer c.stop()
		events := make(chan func(*climb))
		for at, do := range script {
			go func() {
				<-time.After(at)
				events <- do
			}()
		}
		end := time.After(until)
		for {
			select {
			case do := <-events:
				do(c)
			case <-c.C:
				c.tick(time.Now())
			case <-end:
				return
			}
		}
	})
	return w.did
}

func put(ids ...uint64) func(*climb) { return putFor(time.Second, ids...) }

func putFor(grace time.Duration, ids ...uint64) func(*climb) {
	return func(c *climb) {
		var ls []*ladder
		for _, id := range ids {
			ls = append(ls, newLadder(id, "f", Interruption{ReasonCancel, grace}, time.Now()))
		}
		c.add(ls, time.Now())
	}
}

func TestClimbKeepsItsTimes(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name   string
		tower  tower
		script func(*tower) map[time.Duration]func(*climb)
		want   []string
	}{
		{
			"a call that never answers, and a worker that shows nothing",
			tower{sights: map[uint64]sight{1: sightUp}},
			func(*tower) map[time.Duration]func(*climb) { return map[time.Duration]func(*climb){0: put(1)} },
			[]string{
				"0s shoot 1", "0s kick", "5ms kick", "20ms kick", "80ms kick", "320ms kick",
				"500ms shoot 1", "500ms kick", "505ms kick", "520ms kick", "580ms kick", "820ms kick",
				"1s dump", "1.2s fell cancel by 1",
			},
		},
		{
			"no way to ask for the stacks",
			tower{sights: map[uint64]sight{1: sightUp}, mute: true},
			func(*tower) map[time.Duration]func(*climb) {
				return map[time.Duration]func(*climb){0: putFor(2*ms, 1)}
			},
			[]string{"0s shoot 1", "0s kick", "1ms shoot 1", "1ms kick", "2ms dump", "2ms fell cancel by 1"},
		},
		{
			"a dump that has been quiet for a while is whole",
			tower{sights: map[uint64]sight{1: sightUp}},
			func(*tower) map[time.Duration]func(*climb) {
				heard := func(c *climb) { c.heard(time.Now()) }
				return map[time.Duration]func(*climb){0: putFor(2*ms, 1), 1: heard, 3 * ms: heard, 10 * ms: heard}
			},
			[]string{"0s shoot 1", "0s kick", "1ms shoot 1", "1ms kick", "2ms dump", "60ms fell cancel by 1"},
		},
		{
			"a dump that does not end is not waited for",
			tower{sights: map[uint64]sight{1: sightUp}},
			func(*tower) map[time.Duration]func(*climb) {
				script := map[time.Duration]func(*climb){0: putFor(0, 1)}
				for at := ms; at < time.Second; at += 7 * ms {
					script[at] = func(c *climb) { c.heard(time.Now()) }
				}
				return script
			},
			[]string{"0s shoot 1", "0s kick", "0s dump", "200ms fell cancel by 1"},
		},
		{
			"an answer ends it, and nothing is done after it",
			tower{sights: map[uint64]sight{1: sightUp}},
			func(w *tower) map[time.Duration]func(*climb) {
				return map[time.Duration]func(*climb){0: put(1), 6 * ms: func(*climb) { w.sights[1] = sightGone }}
			},
			[]string{"0s shoot 1", "0s kick", "5ms kick"},
		},
		{
			"an answer while the stacks are waited for spares the worker",
			tower{sights: map[uint64]sight{1: sightUp}},
			func(w *tower) map[time.Duration]func(*climb) {
				return map[time.Duration]func(*climb){
					0: putFor(0, 1), 10 * ms: func(*climb) { w.sights[1] = sightGone },
					time.Second: func(c *climb) { w.sights[2] = sightUp; putFor(0, 2)(c) },
				}
			},
			[]string{
				"0s shoot 1", "0s kick", "0s dump", "200ms spare",
				"1s shoot 2", "1s kick", "1s dump", "1.2s fell cancel by 2",
			},
		},
		{
			"calls that are cancelled together share their kicks and the dump",
			tower{sights: map[uint64]sight{1: sightUp, 2: sightUp, 3: sightUp}},
			func(*tower) map[time.Duration]func(*climb) {
				return map[time.Duration]func(*climb){0: putFor(10*ms, 1, 2), 2 * ms: putFor(10*ms, 3)}
			},
			[]string{
				"0s shoot 1", "0s shoot 2", "0s kick", "2ms shoot 3", "2ms kick",
				"5ms shoot 1", "5ms shoot 2", "5ms kick", "7ms shoot 3", "7ms kick",
				"10ms dump", "210ms fell cancel by 1",
			},
		},
		{
			"one that is answered leaves another that came to its end the same dump",
			tower{sights: map[uint64]sight{1: sightUp, 2: sightUp}},
			func(w *tower) map[time.Duration]func(*climb) {
				return map[time.Duration]func(*climb){
					0: putFor(0, 1), 50 * ms: func(c *climb) { w.sights[1] = sightGone; putFor(0, 2)(c) },
				}
			},
			[]string{"0s shoot 1", "0s kick", "0s dump", "50ms shoot 2", "50ms kick", "200ms fell cancel by 2"},
		},
		{
			"a full pipe is tried again at the next kick",
			tower{sights: map[uint64]sight{1: sightUp}, full: 2},
			func(w *tower) map[time.Duration]func(*climb) {
				return map[time.Duration]func(*climb){0: put(1), 100 * ms: func(*climb) { w.sights[1] = sightGone }}
			},
			[]string{"0s full 1", "0s kick", "5ms full 1", "5ms kick", "20ms shoot 1", "20ms kick", "80ms kick"},
		},
		{
			"a call behind another waits, and begins again when nothing is before it",
			tower{sights: map[uint64]sight{1: sightBehind}},
			func(w *tower) map[time.Duration]func(*climb) {
				return map[time.Duration]func(*climb){
					0: putFor(2*ms, 1), 150 * ms: func(*climb) { w.sights[1] = sightUp },
				}
			},
			[]string{
				"0s shoot 1", "0s kick", "1ms void 1", "1ms shoot 1", "1ms kick",
				"202ms shoot 1", "202ms kick", "203ms shoot 1", "203ms kick", "204ms dump", "404ms fell cancel by 1",
			},
		},
		{
			"what stands behind another from the beginning is given up once, as soon as the strike has settled",
			tower{sights: map[uint64]sight{1: sightBehind, 2: sightBehind}},
			func(w *tower) map[time.Duration]func(*climb) {
				return map[time.Duration]func(*climb){
					0: put(1), ms / 2: put(2), 30 * ms: func(*climb) { w.sights[1], w.sights[2] = sightGone, sightGone },
				}
			},
			[]string{
				"0s shoot 1", "0s kick", "500µs shoot 2", "500µs kick",
				"5ms void 1", "5ms void 2", "5ms kick", "5.5ms kick", "20ms kick", "20.5ms kick",
			},
		},
		{
			"what cannot be struck out is not given up before it can",
			tower{sights: map[uint64]sight{1: sightBehind}, lost: 2},
			func(w *tower) map[time.Duration]func(*climb) {
				return map[time.Duration]func(*climb){0: put(1), 100 * ms: func(*climb) { w.sights[1] = sightGone }}
			},
			[]string{"0s shoot 1", "0s kick", "5ms kick", "20ms kick", "80ms void 1", "80ms kick"},
		},
		{
			"nor is one that runs, or that nothing keeps from running",
			tower{sights: map[uint64]sight{1: sightUp}},
			func(w *tower) map[time.Duration]func(*climb) {
				return map[time.Duration]func(*climb){0: put(1), 6 * ms: func(*climb) { w.sights[1] = sightGone }}
			},
			[]string{"0s shoot 1", "0s kick", "5ms kick"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := climbing(t, &c.tower, time.Minute, c.script(&c.tower))
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestDeathByTheQuestionIsTheLaddersAndAnyOtherIsNot(t *testing.T) {
	for _, c := range []struct {
		status    WaitStatus
		condemned bool
		ours      bool
	}{
		{WaitStatus{Signal: DumpSignal}, true, DumpSignal != 0},
		{WaitStatus{Signal: DumpSignal}, false, false},
		{WaitStatus{Signal: 11}, true, false},
		{WaitStatus{ExitCode: 3}, true, false},
	} {
		up := climb{on: &tower{sights: map[uint64]sight{1: sightUp}}}
		grace := time.Hour
		if c.condemned {
			grace = 0
		}
		putFor(grace, 1)(&up)
		if got := up.died(c.status) != nil; got != c.ours {
			t.Errorf("%+v, condemned %v: %v", c.status, c.condemned, got)
		}
		up.stop()
	}
}
