package rpc

import (
	"fmt"
	"sync"
)

// batch gathers the answers of one line with an array: the calls run
// concurrently and the last answer writes the line.
type batch struct {
	conn *Conn

	mu       sync.Mutex
	line     []byte
	open     int // answers still to come, and one for the reader while it hands out
	reserved int // bytes of the line kept free for those, and for the brackets
}

// batchReserve is what every entry that is still open may need of the answer's
// line, beside its id, when its own result no longer fits: an error that says
// so, and a comma.
const batchReserve = 256

// batch handles a line that holds an array. The whole line must prove to be
// JSON before its first entry runs: a truncated batch is one error and does
// nothing.
//
// Its calls copy what they need and never keep the line: one entry that runs for
// an hour would hold the bytes of all others, which nobody has on their budget.
func (c *Conn) batch(s *scanner) {
	entries, total, err := s.entries(c.server.bounds().MaxBatch)
	if err != nil {
		c.reject(nullID, parseError(notJSON(err)))
		return
	}
	switch {
	case total == 0:
		c.reject(nullID, errEmptyBatch)
		return
	case total > c.server.bounds().MaxBatch:
		c.reject(nullID, NewError(KindInvalidRequest,
			fmt.Sprintf("a batch of %d is over the limit of %d: send several", total, c.server.bounds().MaxBatch),
			Fields{"limit": c.server.bounds().MaxBatch, "size": total}))
		return
	}
	need := reserve(entries)
	if limit := c.server.bounds().MaxMessage; need > limit {
		c.reject(nullID, NewError(KindTooLarge,
			fmt.Sprintf("the answer to a batch of %d may not fit one message: send several", total),
			Fields{"limit": limit, "size": need}))
		return
	}
	b := &batch{conn: c, open: 1, reserved: need}
	c.hold()
	for i := range entries {
		b.entry(&entries[i])
	}
	b.close()
}

// reserve is what the answer to these entries takes when each is an error.
func reserve(entries []envelope) int {
	size := len("[]")
	for i := range entries {
		if kind, _ := entries[i].judge(); kind == classBad || kind == classRequest {
			size += batchReserve + len(entries[i].answerID())
		}
	}
	return size
}

// entries scans an array of messages; past limit it only counts.
func (s *scanner) entries(limit int) (all []envelope, total int, err error) {
	if err := s.open(); err != nil {
		return nil, 0, err
	}
	if s.next() == ']' {
		s.at++
		s.depth--
		return nil, 0, s.end()
	}
	for more := true; more; {
		var e envelope
		if err := s.message(&e); err != nil {
			return nil, 0, err
		}
		if total++; total <= limit {
			all = append(all, e)
		}
		if more, err = s.more(false); err != nil {
			return nil, 0, err
		}
	}
	return all, total, s.end()
}

func (b *batch) entry(e *envelope) {
	kind, problem := e.judge()
	switch kind {
	case classBad:
		b.conn.server.refused(problem)
		b.add(len(e.answerID()), e.answerID(), nil, problem)
	case classRequest:
		b.mu.Lock()
		b.open++
		b.mu.Unlock()
		if id, problem := b.conn.call(e, kind, nil, b); problem != nil {
			b.conn.server.refused(problem)
			b.add(len(e.ID), id, nil, problem)
			b.close()
		}
	case classNotification:
		_, _ = b.conn.call(e, kind, nil, b.conn)
	case classReply:
		b.conn.called(e)
	}
}

// AnswerCall takes one entry's answer.
func (b *batch) AnswerCall(call *Call, result []byte, failure *Error) {
	b.conn.forget(call)
	b.add(len(call.id), call.id, result, failure)
	b.close()
	b.conn.release()
}

// add appends one answer, within the limit that one message has. own is the
// length of the id that room was reserved for; the answer's may be null instead.
func (b *batch) add(own int, id, result []byte, failure *Error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.line) == 0 {
		b.line = append(b.line, '[')
	} else {
		b.line = append(b.line, ',')
	}
	b.reserved -= batchReserve + own
	b.line = appendBounded(b.line, id, result, failure, b.conn.server.bounds().MaxMessage-len(b.line)-b.reserved)
}

// close counts one part as done; the last one writes the line.
func (b *batch) close() {
	b.mu.Lock()
	b.open--
	last := b.open == 0
	b.mu.Unlock()
	if !last {
		return
	}
	if len(b.line) > 0 { // else it held notifications only, and is not answered at all
		_ = b.conn.out.Send(append(b.line, ']', '\n'))
		b.line = nil
	}
	b.conn.release()
}
