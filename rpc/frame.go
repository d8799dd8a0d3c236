package rpc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"
	"time"
)

// DefaultMaxMessage is the longest line either side may write unless it is
// configured otherwise (max-message).
const DefaultMaxMessage = 16 << 20

// MaxFrameSize caps WriteFrame: a line that no peer with default limits would
// take is refused before it is written.
const MaxFrameSize = DefaultMaxMessage

const (
	// readChunk is what one read takes at most: the capacity of a pipe.
	readChunk = 64 << 10
	// oversizePrefix is how much of an over-long line comes with its error:
	// enough to find the id of a request that is never read whole.
	oversizePrefix = 4 << 10
)

// ErrNewline: a frame is one line, so its payload cannot hold a line feed.
// JSON never needs one: inside strings it is written \n.
var ErrNewline = errors.New("rpc: a message cannot contain a newline: write it as compact JSON")

// FrameTooLongError says that a line went over the limit. The rest of the line
// is skipped; reading goes on behind its newline.
type FrameTooLongError struct {
	Limit int // the longest line allowed
	Size  int // how much of it had come when it was refused
}

func (e *FrameTooLongError) Error() string {
	return fmt.Sprintf("rpc: a message of %d bytes or more is over the limit of %d: send less, or raise max-message", e.Size, e.Limit)
}

// FrameReader cuts a byte stream into lines, in bounded memory.
//
// A reader over a descriptor that can wait (a socket, a pipe) borrows its
// buffer only while there are bytes to hold: a thousand idle connections cost
// no buffer at all. It must not be used by two goroutines at once.
type FrameReader struct {
	r   io.Reader
	raw syscall.RawConn // non-nil: borrow a buffer when there is something to read
	max int

	buf        []byte  // what has been read; pooled, or nil
	start, end int     // the unread part of buf
	searched   int     // no newline in buf[start:searched]
	pooled     *[]byte // buf is this one of the pool's
	long       long    // the beginning of a line that is longer than a buffer
	whole      []byte  // the last line, when it was a long one
	kept       bool    // that line was handed over by Own
	skipping   bool    // in the rest of an over-long line
	err        error   // the read error to report once buf is used up

	lingers bool    // look for a moment before sleeping (linger.go)
	expects Expects // … if this says so
	worker  bool    // it reads a worker's answers
	looked  bool    // has done so in this wait

	patience time.Duration // how long to try before it sleeps; 0: it lingers, if it does
	robbed   time.Time     // when somebody else last needed the core meanwhile

	burst Burst // what the last read brought

	onReady func(fd uintptr) bool // tryRead, bound once: a closure for each read would be an allocation for each
	idleN   int                   // what tryRead read, and how it failed
	idleErr error
}

var readBuffers = sync.Pool{New: func() any { b := make([]byte, readChunk); return &b }}

// NewFrameReader reads lines of at most limit bytes (0: DefaultMaxMessage),
// newline not counted.
func NewFrameReader(r io.Reader, limit int) *FrameReader {
	if limit <= 0 {
		limit = DefaultMaxMessage
	}
	f := &FrameReader{r: r, raw: pollable(r), max: limit}
	f.onReady = f.tryRead
	f.burst.frames = f
	return f
}

// Burst is what the last read brought. Next ends it before it reads again, and
// Close for good.
func (f *FrameReader) Burst() *Burst { return &f.burst }

// Next gives the next line that is not blank, without its line ending. The
// slice is valid until the next call; Own keeps it longer.
//
// Errors: *FrameTooLongError together with the line's first bytes, after which
// Next goes on with the following line; io.EOF when the stream ended behind a
// newline; io.ErrUnexpectedEOF together with the last line when it ended
// without one (the line may still be whole JSON); anything else is the
// reader's own error and final.
func (f *FrameReader) Next() ([]byte, error) {
	f.letGo()
	if f.burst.lines >= burstLines {
		f.burst.end()
	}
	for {
		line, ok := f.cut()
		switch {
		case ok && f.skipping:
			f.skipping = false
			continue
		case ok && len(line) > f.max:
			return line[:min(len(line), oversizePrefix)], &FrameTooLongError{Limit: f.max, Size: len(line)}
		case ok && !blank(line):
			return line, nil
		case ok:
			continue
		}
		if size := f.long.size + f.end - f.start; f.skipping {
			f.start, f.searched = f.end, f.end
		} else if size > f.max+1 { // one more: it may be the \r of \r\n
			prefix := f.long.prefix(f.buf[f.start:f.end], oversizePrefix)
			f.long.drop()
			f.start, f.searched = f.end, f.end
			f.skipping = true
			return prefix, &FrameTooLongError{Limit: f.max, Size: size}
		}
		if f.err != nil {
			return f.last()
		}
		f.fill()
	}
}

// cut takes one line from what has been read.
func (f *FrameReader) cut() ([]byte, bool) {
	i := bytes.IndexByte(f.buf[f.searched:f.end], '\n')
	if i < 0 {
		f.searched = f.end
		return nil, false
	}
	line := f.buf[f.start : f.searched+i]
	f.start = f.searched + i + 1
	f.searched = f.start
	if f.long.size > 0 {
		f.whole = f.long.join(line)
		line = f.whole
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line, true
}

// last reports the end of the stream and what was left before it.
func (f *FrameReader) last() ([]byte, error) {
	line := f.buf[f.start:f.end]
	f.start, f.searched = f.end, f.end
	if f.long.size > 0 {
		f.whole = f.long.join(line)
		line = f.whole
	}
	if blank(line) {
		line = nil
	}
	switch {
	case !errors.Is(f.err, io.EOF):
		return line, f.err
	case line == nil || f.skipping:
		return nil, io.EOF
	}
	f.skipping = true // what is left is reported once
	if len(line) > f.max {
		return line[:min(len(line), oversizePrefix)], &FrameTooLongError{Limit: f.max, Size: len(line)}
	}
	return line, io.ErrUnexpectedEOF
}

// Own makes a line that Next returned the caller's own: copied when it is
// small, handed over when it was longer than a buffer.
func (f *FrameReader) Own(line []byte) []byte {
	if f.keep(len(line)) {
		return line
	}
	return bytes.Clone(line)
}

// keep hands the last line over when that is better than copying the need bytes
// of it that are wanted: they must be more than half of what would be held for
// them.
func (f *FrameReader) keep(need int) bool {
	if len(f.whole) == 0 || need <= len(f.whole)/2 {
		return false
	}
	f.kept = true
	return true
}

// letGo ends the validity of the last line.
func (f *FrameReader) letGo() {
	if size := len(f.whole); size > 0 {
		f.whole = nil
		if !f.kept {
			drop(size)
		}
	}
	f.kept = false
}

// Close gives the buffers back. The reader under it stays open.
func (f *FrameReader) Close() {
	f.burst.end()
	f.leave()
	f.letGo()
	f.long.drop()
	f.drop()
	f.start, f.end, f.searched = 0, 0, 0
	if f.err == nil {
		f.err = io.EOF
	}
}

func (f *FrameReader) drop() {
	if f.pooled != nil {
		readBuffers.Put(f.pooled)
	}
	f.buf, f.pooled = nil, nil
}

// fill reads once, after making room.
func (f *FrameReader) fill() {
	f.burst.end()
	var n int
	var err error
	if f.start == f.end && f.raw != nil {
		n, err = f.readIdle()
	} else {
		f.makeRoom()
		n, err = f.r.Read(f.buf[f.end:])
	}
	f.burst.at = time.Now()
	f.wake()
	f.end += n
	if err != nil {
		f.err = err
	}
}

// readIdle waits without a buffer and reads into a borrowed one.
func (f *FrameReader) readIdle() (int, error) {
	f.drop()
	f.start, f.end, f.searched = 0, 0, 0
	f.idleN, f.idleErr, f.looked = 0, nil, false
	err := f.raw.Read(f.onReady)
	switch {
	case err != nil:
		return 0, err
	case f.idleErr != nil:
		return 0, fmt.Errorf("rpc: read: %w", f.idleErr)
	case f.idleN == 0:
		return 0, io.EOF
	}
	return f.idleN, nil
}

// tryRead is called by the poller whenever there may be something to read;
// false makes it wait on.
func (f *FrameReader) tryRead(fd uintptr) bool {
	b := readBuffers.Get().(*[]byte)
	n, err := tryRead(fd, *b)
	if f.patience > 0 && errors.Is(err, syscall.EAGAIN) && !f.looked {
		f.looked = true
		n, err = f.readSoon(fd, *b)
	}
	if n > 0 {
		f.pooled, f.buf, f.idleN = b, *b, n
		return true
	}
	readBuffers.Put(b)
	if errors.Is(err, syscall.EAGAIN) {
		if !f.looked {
			f.looked = true
			f.linger(int(fd))
		}
		return false
	}
	f.idleErr = err
	return true
}

// readSoon tries again and again for as long as the reader has patience, and
// gives the core away in between.
func (f *FrameReader) readSoon(fd uintptr, b []byte) (n int, err error) {
	now := time.Now()
	for end := now.Add(f.patience); ; {
		yieldCore()
		if n, err = tryRead(fd, b); !errors.Is(err, syscall.EAGAIN) {
			return n, err
		}
		before := now
		if now = time.Now(); now.Sub(before) > lingerRobbed {
			f.robbed = now
			return n, err
		}
		if !now.Before(end) {
			return n, err
		}
	}
}

// makeRoom leaves space behind end.
func (f *FrameReader) makeRoom() {
	left := f.end - f.start
	switch {
	case f.buf == nil:
		f.pooled = readBuffers.Get().(*[]byte)
		f.buf = *f.pooled
		f.start, f.end, f.searched = 0, 0, 0
	case f.end < len(f.buf):
	case f.start == 0: // all of it is one line
		f.long.add(f.buf)
		f.end, f.searched = 0, 0
	default:
		copy(f.buf, f.buf[f.start:f.end])
		f.start, f.end, f.searched = 0, left, f.searched-f.start
	}
}

// WriteFrame writes payload as one line. It is one Write call, so that two
// writers of an atomic pipe do not mix.
func WriteFrame(w io.Writer, payload []byte) error {
	if len(payload) > MaxFrameSize {
		return &FrameTooLongError{Limit: MaxFrameSize, Size: len(payload)}
	}
	if bytes.IndexByte(payload, '\n') >= 0 {
		return ErrNewline
	}
	line := borrowLine()
	defer returnLine(line)
	*line = append(append((*line)[:0], payload...), '\n')
	if _, err := w.Write(*line); err != nil {
		return fmt.Errorf("rpc: write a message of %d bytes: %w", len(payload), err)
	}
	return nil
}

// blank says that a line holds white space only: no message.
func blank(line []byte) bool {
	for _, c := range line {
		if c != ' ' && c != '\t' && c != '\r' {
			return false
		}
	}
	return true
}

// lineKeep is the biggest scratch line that is kept for the next message.
const lineKeep = 64 << 10

var lines = sync.Pool{New: func() any { b := make([]byte, 0, 1<<10); return &b }}

func borrowLine() *[]byte { return lines.Get().(*[]byte) }

func returnLine(b *[]byte) {
	if cap(*b) <= lineKeep {
		lines.Put(b)
	}
}
