package selftest

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
)

// Row is one promise and how it was kept.
type Row struct {
	Promise  string
	Counts   string
	OK       bool
	Evidence []string // the first few times it was broken
}

// Report is what a self-test found.
type Report struct {
	Rows   []Row
	Did    []string // what the chaos did, with counts
	Seed   uint64
	Took   time.Duration
	faults map[string]*fault
}

// OK says whether every promise was kept.
func (r *Report) OK() bool {
	return !slices.ContainsFunc(r.Rows, func(row Row) bool { return !row.OK })
}

// row adds a promise: it is kept when nobody was blamed and holds is true.
func (r *Report) row(promise string, holds bool, counts string, args ...any) {
	row := Row{Promise: promise, Counts: fmt.Sprintf(counts, args...), OK: holds}
	if f := r.faults[promise]; f != nil {
		row.OK = false
		row.Counts += fmt.Sprintf("; broken %d times", f.count)
		row.Evidence = f.evidence
	}
	r.Rows = append(r.Rows, row)
}

// Print writes the table, and below it what was broken.
func (r *Report) Print(out io.Writer) error {
	fmt.Fprintln(out, "what was done:", strings.Join(r.Did, ", "))
	fmt.Fprintln(out)
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range r.Rows {
		word := "ok"
		if !row.OK {
			word = "FAIL"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", word, row.Promise, row.Counts)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, row := range r.Rows {
		if row.OK {
			continue
		}
		fmt.Fprintf(out, "\nFAIL %s: %s\n", row.Promise, row.Counts)
		for _, e := range row.Evidence {
			fmt.Fprintf(out, "  %s\n", e)
		}
	}
	return nil
}

const (
	fdSlack     = 4        // descriptors that a runtime may have opened since for itself
	threadSlack = 64       // the Go runtime keeps its threads
	rssSlack    = 96 << 20 // a heap that has been used
	maxUnreaped = 16       // the daemon cannot know at once whose a dead process was
	driftFrom   = 10 * time.Minute
	drift       = 1.05 // F17, where a run is long enough to show one
)

// report settles the accounts.
func (r *run) report() (*Report, error) {
	r.book.mu.Lock()
	calls := len(r.book.calls)
	r.book.mu.Unlock()
	runs, err := runsOf(runsFile(r.subject.dir), calls)
	if err != nil {
		return nil, err
	}
	wills, err := willsOf(deathsFile(r.subject.dir))
	if err != nil {
		return nil, err
	}
	started, exits, dropped, alarms := r.subject.log.history()
	s := r.book.add(runs)
	deaths := map[string]int{}
	if !dropped {
		deaths = r.deaths(exits, wills)
	}
	out := &Report{Seed: r.options.Seed, Took: r.options.Chaos, faults: r.book.faults, Did: r.did()}
	out.row(promiseAnswered, r.missing == 0, "%s asked, %s answered (%s)", number10(s.asked), number10(s.answered), s.answers())
	out.row(promiseOnce, true, "%s answers", number10(s.answered))
	out.row(promiseOwn, true, "%s results carry their call's key", number10(s.outcomes[succeeded]))
	lines, unanswered := r.malformed()
	out.row(promiseLines, unanswered == 0, "%s lines, %d without an answer", number10(lines), unanswered)
	out.row(promiseStays, true, "%d hosts, %d Go clients", len(habits), 2)
	out.row(promiseKinds, true, "%s errors", number10(s.answered-s.outcomes[succeeded]))
	out.row(promiseFits, true, "%s outcomes", number10(s.answered))
	out.row(promiseAtMost, true, "%s runs of %s calls, %s of them notifications, %s abandoned, %s idempotent",
		number10(s.runs), number10(calls), number10(s.told), number10(s.left), number10(s.idempotent))
	out.row(promiseExactly, true, "%s calls", number10(s.results))
	out.row(promiseNever, true, "%s calls", number10(s.refused))
	out.row(promiseStarted, true, "%s lost (before their first line: %s)", number10(s.lost), tally(s.unseen))
	out.row(promiseCalm, s.calm > 0, "%s calls of pool %s, 0 errors, its one worker is the same", number10(s.calm), calm)
	if dropped {
		out.row(promiseDeaths, true, "not known: the daemon dropped log lines")
		out.row(promiseLives, true, "not known: the daemon dropped log lines")
	} else {
		out.row(promiseDeaths, true, "%s", tally(deaths))
		r.lives(out, started, exits)
	}
	out.row(promiseSums, r.counted > 0, "%s calls, before the last ones", number10(r.counted))
	out.row(promiseWhole, r.wholeAgain, "%s after the last fault", r.whole.Round(time.Millisecond))
	out.row(promiseStrays, len(r.left) == 0 && r.unreaped <= maxUnreaped, "%s, %d dead ones not reaped yet",
		describe(r.left, "processes beside the workers"), r.unreaped)
	r.holds(out)
	out.row(promiseEnds, r.endedItself && r.subject.status == nil, "in %s, status %s", r.stopped.Round(time.Millisecond), statusWord(r.subject.status))
	out.row(promiseNothing, len(r.processesAfter) == 0 && len(r.filesAfter) == 0, "%s, files %v",
		describe(r.processesAfter, "processes"), r.filesAfter)
	out.row(promiseSound, len(alarms) == 0, "%d alarms %s", len(alarms), strings.Join(alarms, "; "))
	return out, nil
}

// lives: what was started is what has ended, once each.
func (r *run) lives(out *Report, started map[string]int, exits []exit) {
	ended := map[string]int{}
	for _, e := range exits {
		ended[e.incarnation()]++
	}
	for who, n := range started {
		if n != 1 || ended[who] != 1 {
			r.book.blame(promiseLives, "%s was started %d times and ended %d times", who, n, ended[who])
		}
	}
	out.row(promiseLives, len(started) == len(ended), "%d started, %d ended", len(started), len(ended))
}

// holds compares what the daemon holds at rest with what it held before.
func (r *run) holds(out *Report) {
	b, a := r.base, r.after
	if !b.ok || !a.ok {
		out.row(promiseHolds, true, "not known here: no /proc")
		return
	}
	most := 0
	for _, m := range r.memory {
		most = max(most, m)
	}
	text := fmt.Sprintf("descriptors %d → %d, threads %d → %d, RSS %s → %s (at most %s)", b.fds, a.fds, b.threads, a.threads,
		bytesWord(b.rss), bytesWord(a.rss), bytesWord(most))
	ok := a.fds <= b.fds+fdSlack && a.threads <= b.threads+threadSlack && a.rss <= b.rss+rssSlack
	if r.options.Chaos >= driftFrom {
		early, lately := median(r.memory[len(r.memory)/4:len(r.memory)/2]), median(r.memory[3*len(r.memory)/4:])
		ok = ok && float64(lately) <= drift*float64(early)
		text += fmt.Sprintf(", drift %+.1f %%", 100*(float64(lately)/float64(early)-1))
	}
	out.row(promiseHolds, ok, "%s", text)
}

// did lists the acts.
func (r *run) did() []string {
	var all []string
	for _, a := range actors {
		all = append(all, fmt.Sprintf("%s %d", a.name, r.chaos.done[a.name].Load()))
	}
	return all
}

// malformed counts the lines that were no requests, and those of them that are
// still owed an answer.
func (r *run) malformed() (lines, unanswered int) {
	for _, h := range r.hosts {
		h.mu.Lock()
		lines += h.lines
		unanswered += h.nulls
		h.mu.Unlock()
	}
	return lines, unanswered
}

// answers says how the answers were spread.
func (s *sums) answers() string {
	var words []string
	for o, n := range s.outcomes {
		if n > 0 && outcome(o) != unanswered { //nolint:gosec // an index of a short array
			words = append(words, fmt.Sprintf("%s %s", outcomeWord[o], number10(n)))
		}
	}
	return strings.Join(words, ", ")
}

func tally(counts map[string]int) string {
	if len(counts) == 0 {
		return "none"
	}
	var words []string
	for _, reason := range slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return cmp.Compare(counts[b], counts[a]) }) {
		words = append(words, fmt.Sprintf("%s %d", reason, counts[reason]))
	}
	return strings.Join(words, ", ")
}

func describe(all []process, noun string) string {
	if len(all) == 0 {
		return "0 " + noun
	}
	var words []string
	for _, p := range all[:min(len(all), maxEvidence)] {
		words = append(words, fmt.Sprintf("%s pid %d of %d (%s)", p.name, p.pid, p.parent, p.state))
	}
	return fmt.Sprintf("%d %s: %s", len(all), noun, strings.Join(words, ", "))
}

func median(of []int) int {
	sorted := slices.Sorted(slices.Values(of))
	if len(sorted) == 0 {
		return 1
	}
	return sorted[len(sorted)/2]
}

func statusWord(err error) string {
	if err == nil {
		return "0"
	}
	return err.Error()
}

func number10(n int) string { return humanize.Comma(int64(n)) }

func bytesWord(n int) string { return humanize.IBytes(uint64(max(n, 0))) } //nolint:gosec // not negative
