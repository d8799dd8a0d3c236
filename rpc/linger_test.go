package rpc

import (
	"os"
	"testing"
	"time"
)

// TestTheWindowFollowsWhatComes: it opens while what comes next comes soon and
// closes when nobody is in a hurry.
func TestTheWindowFollowsWhatComes(t *testing.T) {
	const us = time.Microsecond
	var w window
	at := time.Now()
	for i, step := range []struct {
		waited, want time.Duration
	}{
		{5 * us, 10 * us},
		{30 * us, 20 * us},
		{50 * us, 40 * us},
		{20 * us, 50 * us},
		{20 * us, 50 * us},        // as wide as it gets
		{60 * us, 25 * us},        // one wait that is too long
		{20 * us, 50 * us},        //
		{60 * us, 25 * us},        //
		{60 * us, 0},              // two in a row
		{time.Hour, 0},            //
		{1 * us, 10 * us},         //
		{999 * us, 5 * us},        // just not too long
		{2 * time.Millisecond, 0}, // the burst is over
	} {
		w.waited(step.waited)
		if got := w.now(at); got != step.want {
			t.Fatalf("after wait %d of %v the window is %v, want %v", i, step.waited, got, step.want)
		}
	}
}

func TestARobbedWindowStaysClosedForAWhileTwiceAsLongEachTime(t *testing.T) {
	w := window{length: lingerLongest}
	at := time.Now()
	for _, ms := range []int{100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000} {
		pause := time.Duration(ms) * time.Millisecond
		w.robbed(at)
		if w.now(at.Add(pause-1)) != 0 {
			t.Errorf("it is open before %v is over", pause)
		}
		at = at.Add(pause)
		if w.now(at) != lingerLongest {
			t.Errorf("it is closed when %v is over", pause)
		}
	}
	at = at.Add(time.Minute)
	w.robbed(at)
	if w.now(at.Add(lingerPause)) == 0 {
		t.Error("a minute without trouble is not forgiven")
	}
}

// readerOf is a lingering reader of a pipe that has just read something.
func readerOf(t *testing.T, worker bool, expects Expects) (*FrameReader, *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	f := NewFrameReader(r, 0)
	f.Linger(worker, expects)
	f.lingers = true // also on one core
	f.burst.at = time.Now()
	t.Cleanup(func() { f.Close(); r.Close(); w.Close() })
	return f, w
}

// conversation empties the table and opens the window.
func conversation(t *testing.T) {
	t.Helper()
	reset := func() {
		loiter.mu.Lock()
		defer loiter.mu.Unlock()
		loiter.places = [lingerPlaces]place{}
		loiter.window, loiter.crowded, loiter.idle = window{}, time.Time{}, time.Time{}
	}
	reset()
	loiter.window.length = lingerLongest
	t.Cleanup(reset)
}

func TestAReaderThatIsClosedHasLeftTheConversation(t *testing.T) {
	conversation(t)
	f, _ := readerOf(t, false, nil)
	f.linger(0)
	f.Close()
	for i, p := range loiter.places {
		if p.reader != nil {
			t.Errorf("place %d is still taken", i)
		}
	}
}

// TestMoreReadersThanPlacesAreNoConversation: with so many, something is always
// there to be read, and nobody looks.
func TestMoreReadersThanPlacesAreNoConversation(t *testing.T) {
	conversation(t)
	for range lingerPlaces {
		f, _ := readerOf(t, true, nil)
		f.linger(0)
	}
	if !loiter.crowded.IsZero() {
		t.Fatal("as many readers as places are a crowd already")
	}
	f, _ := readerOf(t, true, nil)
	f.burst.at = time.Now()
	f.linger(0)
	if loiter.crowded.IsZero() {
		t.Error("one more reader than places is no crowd")
	}
}

// TestALingeringReaderSeesWhatComesForAnother: the one that looks has the
// processor that the other one needs.
func TestALingeringReaderSeesWhatComesForAnother(t *testing.T) {
	conversation(t)
	worker, answers := readerOf(t, true, nil)
	fd := int(worker.r.(*os.File).Fd())
	if _, err := answers.WriteString("x\n"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if _, robbed := lookAt([]int{fd}, began, time.Hour); robbed {
		t.Skip("the machine is too busy: one look took longer than a look may")
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("it looked for %v at what was there", took)
	}
}

func TestNobodyLingersForAWorkerThatOwesNothing(t *testing.T) {
	conversation(t)
	asked := 0
	f, _ := readerOf(t, true, func() bool { asked++; return false })
	began := time.Now()
	loiter.window.length = time.Hour // it would not come back
	f.linger(0)
	if asked != 1 || time.Since(began) > time.Minute {
		t.Errorf("asked %d times, lingered %v", asked, time.Since(began))
	}
}
