package supervisor

import (
	"math"
	"sync"
	"time"
)

// DefaultLogRate is how many lines a second a worker may log when its
// configuration does not say (log-rate). As many at once are let through.
const DefaultLogRate = 1000

// journal is what a worker says: both streams' records in one order, under one
// rate limit, and its last words.
type journal struct {
	whose func(id uint64) author
	emit  func(LogRecord)

	mu      sync.Mutex
	bucket  bucket
	dropped int      // lines since the last record
	latest  logEntry // the last of them, its bytes copied
	tail    tail
	stack   stackCapture

	heard chan struct{} // a line of the dump that was asked for came
}

func newJournal(rate int, whose func(uint64) author, emit func(LogRecord)) *journal {
	return &journal{whose: whose, emit: emit, bucket: newBucket(rate), heard: make(chan struct{}, 1)}
}

// newBucket is the bucket of a log-rate.
func newBucket(rate int) bucket {
	switch {
	case rate == 0:
		rate = DefaultLogRate
	case rate < 0:
		rate = math.MaxInt32 // no limit, and still a number to count with
	}
	return bucket{rate: float64(rate), burst: float64(rate)}
}

// retune changes the log-rate; a full bucket is the least surprise.
func (j *journal) retune(rate int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if next := newBucket(rate); next.rate != j.bucket.rate {
		j.bucket = next
	}
}

// pump starts reading both streams.
func (j *journal) pump(stdout, stderr logSource) *pumps {
	ps := &pumps{log: j, each: []*pump{
		{stream: "stdout", source: stdout, log: j},
		{stream: "stderr", source: stderr, log: j},
	}}
	for _, p := range ps.each {
		ps.wg.Go(p.run)
	}
	return ps
}

// remember keeps a line for the errors of calls that die with the worker,
// whether or not it is let through as a record.
func (j *journal) remember(l logEntry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.stack.take(l.raw) && j.stack.asked {
		select {
		case j.heard <- struct{}{}:
		default: // nobody has looked since the line before
		}
		return // the last lines of stderr are what the worker had to say itself
	}
	j.tail.add(l.raw)
}

// listen takes the reports that come from now on for the dump that is asked
// for.
func (j *journal) listen() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stack = stackCapture{asked: true}
	select {
	case <-j.heard: // of a dump before this one
	default:
	}
}

// unlisten forgets the dump: its worker lives on, and may yet die of something
// else.
func (j *journal) unlisten() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stack = stackCapture{}
}

// admit asks for a record's place under the rate limit.
func (j *journal) admit(l logEntry) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.bucket.take(l.at) {
		return true
	}
	j.dropped++
	l.raw = append(j.latest.raw[:0], l.raw...)
	j.latest = l
	return false
}

// deliver hands a record on, with how many were dropped before it.
func (j *journal) deliver(e parsedEntry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.hand(e, j.dropped)
}

// hand is deliver with mu held.
func (j *journal) hand(e parsedEntry, dropped int) {
	j.attribute(&e)
	r := e.record
	r.Dropped = dropped
	j.dropped = 0
	j.emit(r)
}

// attribute names the call that wrote a record, once. A traceback that waits for
// its end is attributed before that: by its end the call may have been answered
// for long, and forgotten.
func (j *journal) attribute(e *parsedEntry) {
	if e.call == 0 || e.attributed {
		return
	}
	e.attributed = true
	by := j.whose(e.call)
	e.record.RequestID, e.record.Function = by.requestID, by.function
	if e.record.TraceID == "" {
		e.record.TraceID = by.traceID
	}
}

// owes says that lines were dropped that no record has told of.
func (j *journal) owes() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.dropped > 0
}

// settle ends a flood: its last line is told after all, with the count of
// those before it. The last line of a dying worker is the one that matters.
func (j *journal) settle() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.dropped > 0 {
		j.hand(j.latest.parse(), j.dropped-1)
	}
}

// lastWords gives the last lines of stderr and what faulthandler left there.
func (j *journal) lastWords() (tail []string, stack string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.tail.lines(), j.stack.text()
}

// bucket is a token bucket: rate a second, burst at once.
type bucket struct {
	rate, burst float64
	tokens      float64
	last        time.Time
}

func (b *bucket) take(now time.Time) bool {
	if b.last.IsZero() {
		b.tokens = b.burst
	} else if d := now.Sub(b.last); d > 0 {
		b.tokens = min(b.burst, b.tokens+d.Seconds()*b.rate)
	}
	b.last = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
