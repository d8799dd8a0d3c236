package rpc

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
)

// Bounds of a Sender when none are given.
const (
	DefaultMaxOutbound  = 64 << 20
	DefaultWriteTimeout = 30 * time.Second
)

// Why a Sender is dead.
var (
	ErrSenderClosed = errors.New("rpc: closed")
	ErrSlowPeer     = errors.New("rpc: the peer does not read what it is sent")
)

const (
	// writeChunk is what one write of the queue may hold: the write deadline is
	// per chunk, so that a slow peer that does read is not cut.
	writeChunk = 256 << 10
)

// Sender writes lines to one descriptor and never blocks who sends. It is the
// outbound half of a host's connection and of a worker's request pipe.
//
// A line is tried at once, without blocking, on the sender's own goroutine:
// that is the whole cost in the common case, with no hand-off to a writer and
// so no wake-up. What does not fit waits in a queue that bound limits, and a
// goroutine that lives only while the queue does writes it out. Once anything
// is queued everything is, so lines keep the order of their Send calls and are
// never torn. A line of a burst is queued first and tried when the burst ends,
// with all others of it.
//
// A peer that lets the queue pass its bound, or takes nothing for the timeout,
// is cut: the descriptor is closed and onDead is told why, once, on a goroutine
// of its own (Send may be called under its owner's locks).
//
// A writer that has no non-blocking descriptor (an io.Pipe, a blocking file)
// gets the same promises through the queue alone. Its Close must release a
// blocked Write, or Done comes only when that Write returns.
type Sender struct {
	w       io.WriteCloser
	raw     syscall.RawConn
	bound   int
	timeout time.Duration
	onDead  func(error)
	done    chan struct{}

	mu       sync.Mutex
	queue    outbox   // waits; the writer goroutine takes it whole
	burst    *Burst   // has promised to flush the queue; nil: none, or the writer goroutine does
	inHand   int      // bytes the writer goroutine holds
	chunks   uint64   // writes of the queue that have ended
	writing  bool     // the writer goroutine lives
	finished bool     // close when everything is written
	dead     error    // why nothing is sent any more
	takers   []func() // told when the queue is empty (taken.go)

	// try is the one non-blocking write of a line, kept here because a closure
	// made for each line would be an allocation for each line.
	try     func(fd uintptr) bool
	tryLine []byte
	tryN    int
	tryErr  error
}

// NewSender makes a Sender that owns w. bound limits the queue in bytes and
// timeout one write of it (0: the defaults); a single line may pass the bound
// when nothing else waits. onDead may be nil.
func NewSender(w io.WriteCloser, bound int, timeout time.Duration, onDead func(error)) *Sender {
	if bound <= 0 {
		bound = DefaultMaxOutbound
	}
	if timeout <= 0 {
		timeout = DefaultWriteTimeout
	}
	s := &Sender{w: w, raw: pollable(w), bound: bound, timeout: timeout, onDead: onDead, done: make(chan struct{})}
	s.try = func(fd uintptr) bool {
		s.tryN, s.tryErr = tryWrite(fd, s.tryLine)
		return true // done, whatever came of it: never wait here
	}
	return s
}

// Send writes line, which must end in a newline; the slice may be reused once
// Send has returned. nil means written or queued, not received. The error is
// why the sender is dead; the line is then lost.
func (s *Sender) Send(line []byte) error { return s.SendIn(nil, line, nil, nil) }

// SendIn sends the line head+body+tail as part of a burst: it is written when
// the burst ends, or before. body is not copied when it is long, so it must
// never be written to again; head and tail may be reused at once.
func (s *Sender) SendIn(b *Burst, head, body, tail []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead != nil {
		return s.dead
	}
	if s.finished {
		return ErrSenderClosed
	}
	size := len(head) + len(body) + len(tail)
	if size > burstBytes {
		b = nil
	}
	if b == nil && !s.writing && s.queue.size == 0 {
		for _, part := range [...]*[]byte{&head, &body, &tail} {
			n, err := s.tryOnce(*part)
			if err != nil {
				s.die(err)
				return s.dead
			}
			size -= n
			if *part = (*part)[n:]; len(*part) > 0 {
				break
			}
		}
		if size == 0 {
			return nil
		}
	}
	if s.queue.size > 0 && !s.writing && s.queue.size+size > s.bound {
		s.flush() // it waits for a burst only, and not for the peer
	}
	if s.dead != nil {
		return s.dead
	}
	if waiting := s.inHand + s.queue.size; waiting > 0 && waiting+size > s.bound {
		s.die(fmt.Errorf("%w: %d bytes wait, the bound is %d", ErrSlowPeer, waiting+size, s.bound))
		return s.dead
	}
	s.queue.add(head)
	s.queue.refer(body)
	s.queue.add(tail)
	switch {
	case s.writing:
		return nil
	case b.mayWait() && s.queue.size < burstBytes:
		if s.burst != b { // or it was another goroutine's, whose lines then wait for b's end too
			s.burst = b
			b.held = append(b.held, s)
		}
		return nil
	}
	s.flush()
	return s.dead
}

// flushFor ends b's promise.
func (s *Sender) flushFor(b *Burst) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.burst == b {
		s.flush()
	}
}

// flush tries to write all that waits, and leaves what does not fit to the
// writer goroutine. Called with mu held.
func (s *Sender) flush() {
	s.burst = nil
	if s.writing || s.queue.size == 0 || s.dead != nil {
		return
	}
	if len(s.queue.parts) == 0 {
		n, err := s.tryOnce(*s.queue.small)
		if err != nil {
			s.die(err)
			return
		}
		if s.queue.wrote(n); s.queue.size == 0 {
			return
		}
	}
	s.writing = true
	go s.write()
}

// tryOnce writes what fits now.
func (s *Sender) tryOnce(line []byte) (int, error) {
	if s.raw == nil || len(line) == 0 {
		return 0, nil
	}
	s.tryLine = line
	err := s.raw.Write(s.try)
	s.tryLine = nil
	switch {
	case err != nil:
		return 0, err
	case s.tryErr == nil:
		return s.tryN, nil
	case errors.Is(s.tryErr, syscall.EAGAIN):
		return 0, nil
	}
	return 0, s.tryErr
}

// write is the writer goroutine: it empties the queue and ends.
func (s *Sender) write() {
	deadline, _ := s.w.(interface{ SetWriteDeadline(time.Time) error })
	s.mu.Lock()
	for s.dead == nil && s.queue.size > 0 {
		s.inHand = s.queue.size
		parts := s.queue.take()
		s.mu.Unlock()
		var err error
		for i, part := range parts {
			if err = s.writeOut(part, deadline); err != nil {
				break
			}
			parts[i] = nil // written: a long one need not be kept for the others
			drop(len(part))
		}
		s.mu.Lock()
		s.inHand = 0
		if err != nil {
			s.die(err)
		}
	}
	if s.dead == nil && deadline != nil {
		// Or the next try would fail on a deadline that was not meant for it.
		_ = deadline.SetWriteDeadline(time.Time{})
	}
	s.writing = false
	if s.finished || s.dead != nil {
		s.shut()
	}
	takers := s.takers
	s.takers = nil
	s.mu.Unlock()
	tellTakers(takers)
}

func (s *Sender) writeOut(batch []byte, deadline interface{ SetWriteDeadline(time.Time) error }) error {
	for len(batch) > 0 {
		chunk := batch[:min(len(batch), writeChunk)]
		timer := s.arm(deadline)
		n, err := s.w.Write(chunk)
		if timer != nil {
			timer.Stop()
		}
		if err != nil {
			return err
		}
		batch = batch[n:]
		s.mu.Lock()
		s.inHand -= n
		s.chunks++
		s.mu.Unlock()
	}
	return nil
}

// arm bounds the next write: with the descriptor's own deadline, or where it has
// none with a timer that cuts it.
func (s *Sender) arm(deadline interface{ SetWriteDeadline(time.Time) error }) *time.Timer {
	if deadline != nil && deadline.SetWriteDeadline(time.Now().Add(s.timeout)) == nil {
		return nil
	}
	s.mu.Lock()
	chunk := s.chunks
	s.mu.Unlock()
	return time.AfterFunc(s.timeout, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.chunks == chunk { // else the write ended while the timer was firing
			s.die(os.ErrDeadlineExceeded)
		}
	})
}

// die ends the sender for a reason nobody asked for. Called with mu held.
func (s *Sender) die(err error) {
	if s.dead != nil {
		return
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = fmt.Errorf("%w: nothing taken for %v", ErrSlowPeer, s.timeout)
	}
	s.cut(err)
	if s.onDead != nil {
		go s.onDead(s.dead)
	}
}

// cut closes the descriptor under whoever writes to it. Called with mu held.
func (s *Sender) cut(err error) {
	s.dead = err
	s.queue, s.burst = outbox{}, nil
	_ = s.w.Close() // the reason is err; a close error adds nothing to it
	if !s.writing {
		s.shut()
	}
}

// shut marks the end: the descriptor is closed and the writer gone. Called
// with mu held.
func (s *Sender) shut() {
	if s.dead == nil {
		s.dead = ErrSenderClosed
		_ = s.w.Close()
	}
	select {
	case <-s.done:
	default:
		close(s.done)
	}
}

// Finish closes the descriptor as soon as all that was sent is written: the
// polite end-of-file. It returns at once; Done tells.
func (s *Sender) Finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finished = true
	s.flush() // what waited for a burst waits no more
	if !s.writing {
		s.shut()
	}
}

// Close closes the descriptor now and drops what waits. onDead is not called.
func (s *Sender) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead == nil {
		s.cut(ErrSenderClosed)
	}
	return nil
}

// Done is closed when the descriptor is closed and no goroutine of the sender
// is left (onDead's excepted).
func (s *Sender) Done() <-chan struct{} { return s.done }

// Queued is how many bytes wait.
func (s *Sender) Queued() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inHand + s.queue.size
}

// Err is why nothing can be sent any more; nil while it can.
func (s *Sender) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dead
}
