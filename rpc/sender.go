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
	// queueKeep is the biggest queue buffer kept for the next time.
	queueKeep = 64 << 10
)

// Sender writes lines to one descriptor and never blocks who sends. It is the
// outbound half of a host's connection and of a worker's request pipe.
//
// A line is tried at once, without blocking, on the sender's own goroutine:
// that is the whole cost in the common case, with no hand-off to a writer and
// so no wake-up. What does not fit waits in a queue that bound limits, and a
// goroutine that lives only while the queue does writes it out. Once anything
// is queued everything is, so lines keep the order of their Send calls and are
// never torn.
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
	queue    []byte // waits; the writer goroutine takes it whole
	spare    []byte // the emptied buffer of the writer's last round
	inHand   int    // bytes the writer goroutine holds
	chunks   uint64 // writes of the queue that have ended
	writing  bool   // the writer goroutine lives
	finished bool   // close when everything is written
	dead     error  // why nothing is sent any more

	// try is Send's one non-blocking write, kept here because a closure made
	// for each call would be an allocation for each call.
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
		s.tryN, s.tryErr = retry(func() (int, error) { return syscall.Write(int(fd), s.tryLine) })
		return true // done, whatever came of it: never wait here
	}
	return s
}

// Send writes line, which must end in a newline; the slice may be reused once
// Send has returned. nil means written or queued, not received. The error is
// why the sender is dead; the line is then lost.
func (s *Sender) Send(line []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead != nil {
		return s.dead
	}
	if s.finished {
		return ErrSenderClosed
	}
	if !s.writing {
		n, err := s.tryWrite(line)
		if err != nil {
			s.die(err)
			return s.dead
		}
		if line = line[n:]; len(line) == 0 {
			return nil
		}
	}
	if waiting := s.inHand + len(s.queue); waiting > 0 && waiting+len(line) > s.bound {
		s.die(fmt.Errorf("%w: %d bytes wait, the bound is %d", ErrSlowPeer, waiting+len(line), s.bound))
		return s.dead
	}
	s.queue = append(s.queue, line...)
	if !s.writing {
		s.writing = true
		go s.write()
	}
	return nil
}

// tryWrite writes what fits now.
func (s *Sender) tryWrite(line []byte) (int, error) {
	if s.raw == nil {
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
	for s.dead == nil && len(s.queue) > 0 {
		batch := s.queue
		s.queue, s.spare = s.spare[:0], nil
		s.inHand = len(batch)
		s.mu.Unlock()
		err := s.writeOut(batch, deadline)
		s.mu.Lock()
		s.inHand = 0
		if cap(batch) <= queueKeep {
			s.spare = batch[:0]
		}
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
	s.mu.Unlock()
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
	s.queue, s.spare = nil, nil
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
	return s.inHand + len(s.queue)
}

// Err is why nothing can be sent any more; nil while it can.
func (s *Sender) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dead
}
