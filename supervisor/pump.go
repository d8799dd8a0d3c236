package supervisor

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync"
	"time"
)

const (
	// logLine is how much of a line is shown; the rest is counted. A reader
	// with a longest line of its own that stops there (bufio's) would stop the
	// worker too, as soon as its pipe is full.
	logLine = 16 << 10
	// logRead is one read of a log pipe. It is per stream and per worker, and
	// most workers never print.
	logRead = 8 << 10
	// logIdle is how long an unfinished traceback, or the last line of a flood,
	// is held for more to come.
	logIdle = 100 * time.Millisecond
)

// logSource is a log pipe: an *os.File, or a net.Conn under a test's clock.
type logSource interface {
	io.Reader
	SetReadDeadline(t time.Time) error
}

// pump reads one stream of a worker until it ends, whatever comes.
type pump struct {
	stream string
	source logSource
	log    *journal
	join   joiner

	line []byte // an unfinished line, up to logLine of it
	over int    // bytes of it beyond that

	armed bool // a read deadline is set for logIdle
	mu    sync.Mutex
	final time.Time // the deadline that nothing may push back
}

// run pumps until end-of-file or the final deadline.
func (p *pump) run() {
	buf := make([]byte, logRead)
	for {
		n, err := p.source.Read(buf)
		if n > 0 {
			p.feed(buf[:n])
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded) && !p.finished():
			p.idle()
		case err != nil:
			p.end()
			return
		}
		p.arm()
	}
}

// feed cuts what was read into lines.
func (p *pump) feed(b []byte) {
	now := time.Now()
	for len(b) > 0 {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			p.hold(b)
			return
		}
		if len(p.line) == 0 && p.over == 0 && i <= logLine {
			p.take(b[:i], 0, now) // most lines are whole: no copy
		} else {
			p.hold(b[:i])
			p.release(now)
		}
		b = b[i+1:]
	}
}

// hold keeps the beginning of a line that is not whole yet.
func (p *pump) hold(b []byte) {
	room := min(logLine-len(p.line), len(b))
	p.line = append(p.line, b[:room]...)
	p.over += len(b) - room
}

func (p *pump) release(now time.Time) {
	p.take(p.line, p.over, now)
	p.line, p.over = p.line[:0], 0
}

// take handles one line: what it belongs to, whether it may pass, and what it
// says, in this order, so that a flood costs little more than its copying.
func (p *pump) take(raw []byte, over int, now time.Time) {
	raw = bytes.TrimSuffix(raw, []byte{'\r'})
	l := logEntry{stream: p.stream, raw: raw, over: over, at: now}
	if p.stream == "stderr" {
		p.log.remember(l)
	}
	if len(raw) == 0 && !p.join.active() {
		return
	}
	if p.join.active() {
		if p.join.takes(&l) {
			return
		}
		p.flush()
	}
	if len(raw) == 0 || !p.log.admit(l) {
		return
	}
	if p.join.begins(&l) {
		p.log.attribute(&p.join.entry)
		return
	}
	p.log.deliver(l.parse())
}

func (p *pump) flush() {
	if e, ok := p.join.flush(); ok {
		p.log.deliver(e)
	}
}

// idle is a pause in the stream: nothing that could be joined is coming.
func (p *pump) idle() {
	p.flush()
	p.log.settle()
}

// end gives out what is left.
func (p *pump) end() {
	if len(p.line) > 0 || p.over > 0 {
		p.release(time.Now())
	}
	p.flush()
}

// arm sets the idle deadline while there is something to give out by then.
func (p *pump) arm() {
	want := p.join.active() || p.log.owes()
	if !want && !p.armed {
		return
	}
	p.armed = want
	var at time.Time
	if want {
		at = time.Now().Add(logIdle)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.final.IsZero() && (at.IsZero() || at.After(p.final)) {
		at = p.final
	}
	_ = p.source.SetReadDeadline(at) // a closed pipe needs none
}

// finishBy ends the pump at a time, be there end-of-file or not.
func (p *pump) finishBy(t time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.final = t
	_ = p.source.SetReadDeadline(t)
}

func (p *pump) finished() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.final.IsZero() && !time.Now().Before(p.final)
}

// pumps are the two of a worker.
type pumps struct {
	each []*pump
	log  *journal
	wg   sync.WaitGroup
}

// finishBy bounds how long the pumps go on; see drainGrace.
func (ps *pumps) finishBy(t time.Time) {
	for _, p := range ps.each {
		p.finishBy(t)
	}
}

// wait returns when both have ended and everything is told.
func (ps *pumps) wait() {
	ps.wg.Wait()
	ps.log.settle()
}
