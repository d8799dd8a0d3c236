package selftest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// The promises, as the table names them. Those that are not checked while the
// chaos goes on are checked here.
const (
	promiseAnswered = "every request is answered"
	promiseOnce     = "no request is answered twice"
	promiseOwn      = "no answer is another call's"
	promiseLines    = "each malformed line costs one answer"
	promiseStays    = "hosts that behave are never cut"
	promiseKinds    = "each error is a row of ERRORS.md, none is our bug"
	promiseFits     = "each outcome has a reason"
	promiseAtMost   = "no call runs twice (idempotent ones may)"
	promiseExactly  = "a call with a result ran exactly once"
	promiseNever    = "a call refused as not started never ran"
	promiseStarted  = "only started calls are lost with a worker"
	promiseCalm     = "another pool's trouble is not seen"
	promiseDeaths   = "each death is reported, with its reason"
	promiseLives    = "each worker started has ended once"
	promiseSums     = "the metrics add up to what happened"
	promiseWhole    = "the pools are whole again"
	promiseStrays   = "forks go with their worker"
	promiseHolds    = "descriptors, threads, memory as before"
	promiseEnds     = "SIGTERM ends it, with every answer"
	promiseNothing  = "no process, socket, temporary file is left"
	promiseSound    = "no data race, no panic"
)

// runsOf reads how often each call ran: one key a line.
func runsOf(file string, calls int) ([]uint8, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	runs := make([]uint8, calls)
	in := bufio.NewReader(f)
	for {
		line, err := in.ReadString('\n')
		if errors.Is(err, io.EOF) && line == "" {
			return runs, nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		key, bad := strconv.Atoi(strings.TrimSuffix(line, "\n"))
		if bad != nil || key < 0 || key >= calls {
			return nil, fmt.Errorf("%s holds %q, which is no call's key", file, line)
		}
		if runs[key] < 255 {
			runs[key]++
		}
	}
}

// sums are what the calls add up to.
type sums struct {
	asked, answered, told, left  int
	runs, ranOnce, idempotent    int
	results, refused, lost, calm int
	unseen                       map[string]int // lost as started, before they could count themselves, by function
	outcomes                     [len(outcomeWord)]int
}

// add settles every call against its runs.
func (l *ledger) add(runs []uint8) sums {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := sums{unseen: make(map[string]int)}
	for key := range l.calls {
		e, n := &l.calls[key], runs[key]
		l.one(&s, uint32(key), e, n) //nolint:gosec // as many as open gave
	}
	return s
}

func (l *ledger) one(s *sums, key uint32, e *entry, n uint8) {
	s.runs += int(n)
	switch e.how {
	case asked:
		s.asked++
		if e.answers > 0 {
			s.answered++
		} else {
			l.blameLocked(promiseAnswered, "%s was never answered; it ran %d times", e.name(key), n)
		}
	case told:
		s.told++
	case left:
		s.left++
	}
	s.outcomes[e.outcome]++
	most := uint8(1)
	if e.idempotent {
		most += maxRetries
		s.idempotent++
	}
	if n > most {
		l.blameLocked(promiseAtMost, "%s ran %d times, and was answered with %s", e.name(key), n, e.outcome)
	}
	if n == 1 {
		s.ranOnce++
	}
	ended := e.outcome == e.what.ends && e.outcome != lost
	switch {
	case ended && e.what.runs == 1:
		s.results++
		if n == 0 || n > most {
			l.blameLocked(promiseExactly, "%s got %s and ran %d times", e.name(key), e.outcome, n)
		}
	case e.idempotent && !ended: // it may have run before it was refused
	case ended || e.outcome.neverRan(e.started):
		s.refused++
		if n > 0 {
			l.blameLocked(promiseNever, "%s got %s (started: %s) and ran %d times", e.name(key), e.outcome, e.started, n)
		}
	}
	if e.outcome == lost {
		s.lost++
		if e.started != saidYes {
			l.blameLocked(promiseStarted, "%s was lost, and its error says started: %s; it ran %d times", e.name(key), e.started, n)
		} else if n == 0 {
			s.unseen[e.what.name]++
		}
	}
	if e.pool == calm {
		s.calm++
		// Its notifications run too: nobody there loses anything.
		if n != 1 {
			l.blameLocked(promiseCalm, "%s ran %d times, and was answered with %s", e.name(key), n, e.outcome)
		}
	}
}

// wills are the deaths that functions caused, by pid, in order: in a long run
// the system gives a pid to more than one worker.
type wills map[int][]string

func willsOf(file string) (wills, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	all := make(wills)
	for line := range strings.Lines(string(text)) {
		pid, how, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, err := strconv.Atoi(pid)
		if err != nil {
			return nil, fmt.Errorf("%s holds %q, which is no pid and death", file, line)
		}
		all[n] = append(all[n], how)
	}
	return all, nil
}

// deaths settles what the daemon reports about its workers' ends against what
// was done to them, both ways.
func (r *run) deaths(exits []exit, left wills) (counts map[string]int) {
	counts = make(map[string]int)
	seen := make(map[int]bool)
	for _, e := range exits {
		seen[e.PID] = true
		how := e.Signal
		if how == "" {
			how = "exit"
		}
		killed := r.chaos.killed(e.PID) && e.Signal == "SIGKILL"
		own := (e.Signal != "" || e.ExitCode == 7) && slices.Contains(left[e.PID], how)
		switch {
		case asksFor(e.Reason):
			counts[e.Reason]++
		case killed:
			counts["SIGKILL"]++
			if e.Reason != "signal" && !strings.HasPrefix(e.Reason, "start.") {
				r.book.blame(promiseDeaths, "%s; it was killed by us", e)
			}
		case own:
			counts[how]++
			left[e.PID] = slices.Delete(left[e.PID], 0, slices.Index(left[e.PID], how)+1)
		default:
			r.book.blame(promiseDeaths, "%s; nobody did that (killed by us: %t, last will: %q)", e, r.chaos.killed(e.PID), left[e.PID])
		}
	}
	for pid, hows := range left {
		if !seen[pid] {
			r.book.blame(promiseDeaths, "pid %d ended itself (%s) and no exit was reported", pid, strings.Join(hows, ", "))
		}
	}
	for pid := range r.chaos.kills {
		if !seen[pid] {
			r.book.blame(promiseDeaths, "pid %d was killed by us and no exit was reported", pid)
		}
	}
	return counts
}

func (s started) String() string { return [...]string{"unsaid", "false", "true"}[s] }
