package rpc

import (
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/sourcegraph/jsonrpc2"
)

// lineStream is jsonrpc2's object stream over our bounded lines: reading never
// holds more than the limit, writing never blocks the caller.
type lineStream struct {
	frames *FrameReader
	out    *Sender
	limit  int
	aside  func(line []byte) bool // takes what is no object of jsonrpc2's; nil: nothing
}

var _ jsonrpc2.ObjectStream = (*lineStream)(nil)

func newLineStream(rwc io.ReadWriteCloser, limit int) *lineStream {
	if limit <= 0 {
		limit = DefaultMaxMessage
	}
	return &lineStream{frames: NewFrameReader(rwc, limit), out: NewSender(rwc, 0, 0, nil), limit: limit}
}

// WriteObject writes v on a line of its own.
func (s *lineStream) WriteObject(v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(raw) > s.limit {
		return tooLarge(len(raw), s.limit)
	}
	return s.out.Send(append(raw, '\n'))
}

// ReadObject reads the next line into v. A response over the limit fails its
// own call, when its id came first as our server writes it, and no other.
func (s *lineStream) ReadObject(v any) error {
	for {
		line, err := s.frames.Next()
		var long *FrameTooLongError
		switch {
		case errors.As(err, &long):
			id := earlyID(line)
			if id == nil {
				continue
			}
			line = appendResponse(nil, id, nil, tooLarge(long.Size, long.Limit))
		case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
			return err
		}
		if s.aside != nil && s.aside(line) {
			continue
		}
		return json.Unmarshal(line, v)
	}
}

// closeFlush is how long Close waits for the last lines to be written.
const closeFlush = time.Second

// Close writes what was sent and closes the connection under the reader.
func (s *lineStream) Close() error {
	s.out.Finish()
	select {
	case <-s.out.Done():
		return nil
	case <-time.After(closeFlush):
		return s.out.Close()
	}
}
