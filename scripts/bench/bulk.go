package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// bulk asks with one long line at a time, and reads while it writes: neither
// side's pipe holds a whole message.
type bulk struct {
	name string
	in   io.Writer
	out  io.Reader

	before, after []byte // the line around its id
	counter       *uint64
	buffer        []byte
	least         int // bytes that an answer has at the least
}

// bulkRoom is what one read takes.
const bulkRoom = 256 << 10

func newBulk(name string, in io.Writer, out io.Reader, method string, value []byte) *bulk {
	b := &bulk{name: name, in: in, out: out, counter: new(uint64), buffer: make([]byte, bulkRoom), least: len(value)}
	b.before, b.after = request(method, "["+string(value)+"]")
	return b
}

func (b *bulk) ask(_ context.Context, calls, _ int) (measured, error) {
	return oneByOne(calls, b.one)
}

func (b *bulk) one() error {
	*b.counter++
	line := bytes.Join([][]byte{b.before, fmt.Append(nil, *b.counter), b.after}, nil)
	wrote := make(chan error, 1)
	go func() {
		_, err := b.in.Write(line)
		wrote <- err
	}()
	size := 0
	var head []byte
	for {
		n, err := b.out.Read(b.buffer)
		if err != nil {
			return errors.Join(fmt.Errorf("%s: read: %w", b.name, err), <-wrote)
		}
		if size == 0 {
			head = append(head, b.buffer[:min(n, lastWords)]...)
		}
		size += n
		if b.buffer[n-1] == '\n' {
			break
		}
	}
	if size < b.least || !bytes.Contains(head, []byte(`"result":`)) {
		return errors.Join(fmt.Errorf("%s answered %d bytes that begin with %q", b.name, size, head), <-wrote)
	}
	return <-wrote
}

// rows is a JSON value of about so many bytes, as programs send them: records
// of a number, a text and a measurement, written as Python would write them
// back.
func rows(size int) []byte {
	var value bytes.Buffer
	value.WriteByte('[')
	for i := 0; value.Len() < size-1; i++ {
		if i > 0 {
			value.WriteByte(',')
		}
		fmt.Fprintf(&value, `{"id":%d,"name":"row %d","value":%d.25}`, i, i, i*7)
	}
	value.WriteByte(']')
	return value.Bytes()
}

// turnsOf makes an ask of something that is measured call by call, with what
// must happen between two calls outside of the clock.
func turnsOf(one func(context.Context) (time.Duration, error)) func(context.Context, int, int) (measured, error) {
	return func(ctx context.Context, calls, _ int) (measured, error) {
		m := measured{calls: calls}
		for range calls {
			took, err := one(ctx)
			if err != nil {
				return m, err
			}
			m.each = append(m.each, took)
			m.took += took
		}
		return m, nil
	}
}
