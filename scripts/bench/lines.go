package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"time"
)

// lines asks in raw lines over two descriptors, on one goroutine and with
// nothing parsed, so that what is measured is on the other side.
type lines struct {
	name string
	in   io.Writer
	out  io.Reader

	before, after []byte // a request's line around its id
	tail          []byte // what the line of every good answer ends with
	id            func(n uint64) uint64

	room    int // of the buffer
	last    uint64
	buffer  []byte
	partial int // bytes of an answer that has begun, at the buffer's start
	writing []byte
}

// answerRoom is for what comes back in one read: the answers to the deepest
// window with room to spare.
const answerRoom = 256 << 10

// request is the call that everybody is asked to make.
func request(method, params string) (before, after []byte) {
	return []byte(`{"jsonrpc":"2.0","id":`), fmt.Appendf(nil, `,"method":%q,"params":%s}`+"\n", method, params)
}

// sumTail ends every answer to add(3, 4).
const sumTail = `"result":7}`

func newLines(name string, in io.Writer, out io.Reader, method string) *lines {
	l := &lines{name: name, in: in, out: out, tail: []byte(sumTail), room: answerRoom}
	l.before, l.after = request(method, "[3,4]")
	return l
}

// echoed makes it expect its own lines back.
func (l *lines) echoed() *lines {
	l.tail = bytes.TrimSuffix(l.after, []byte("\n"))
	return l
}

// send writes n requests at once.
func (l *lines) send(n int) error {
	l.writing = l.writing[:0]
	for range n {
		l.last++
		id := l.last
		if l.id != nil {
			id = l.id(l.last)
		}
		l.writing = append(l.writing, l.before...)
		l.writing = strconv.AppendUint(l.writing, id, 10)
		l.writing = append(l.writing, l.after...)
	}
	if _, err := l.in.Write(l.writing); err != nil {
		return fmt.Errorf("%s: write: %w", l.name, err)
	}
	return nil
}

// receive reads once and says how many answers are complete.
func (l *lines) receive() (int, error) {
	if l.buffer == nil {
		l.buffer = make([]byte, l.room)
	}
	n, err := l.out.Read(l.buffer[l.partial:])
	if err != nil {
		return 0, fmt.Errorf("%s: read: %w", l.name, err)
	}
	rest := l.buffer[:l.partial+n]
	answers := 0
	for {
		end := bytes.IndexByte(rest, '\n')
		if end < 0 {
			break
		}
		if !bytes.HasSuffix(rest[:end], l.tail) {
			return 0, fmt.Errorf("%s answered %.300q, which does not end in %q", l.name, rest[:end], l.tail)
		}
		answers++
		rest = rest[end+1:]
	}
	l.partial = copy(l.buffer, rest)
	return answers, nil
}

// ask keeps depth calls in flight until all are answered.
func (l *lines) ask(_ context.Context, calls, depth int) (measured, error) {
	m := measured{calls: calls}
	if depth == 1 {
		m.each = make([]time.Duration, 0, calls)
	}
	started := time.Now()
	call := started
	sent, answered := min(depth, calls), 0
	if err := l.send(sent); err != nil {
		return m, err
	}
	for answered < calls {
		n, err := l.receive()
		if err != nil {
			return m, err
		}
		answered += n
		if depth == 1 && n == 1 {
			now := time.Now()
			m.each = append(m.each, now.Sub(call))
			call = now
		}
		if more := min(answered+depth, calls) - sent; more > 0 {
			if err := l.send(more); err != nil {
				return m, err
			}
			sent += more
		}
	}
	m.took = time.Since(started)
	return m, nil
}
