package supervisor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
)

// What a worker says of a call before it answers it: items of a stream, that it
// is out of credit, how far it has come, that it calls back. All of it is about
// a call that is out; of one that has just been answered it is dropped, as the
// late word of a call that had ended.

// creditMargin is how many items past its credit a worker may send before it is
// taken for one that does not count. It is wide because nobody is harmed by a
// few: what a host does not read waits in a bounded queue.
const creditMargin = 1024

// maxOwed bounds the callbacks that one call has open.
const maxOwed = 4096

// Pause is why a call stands still, or that it goes on.
type Pause int

// The pauses of a call, and their ends.
const (
	WaitsForCredit Pause = iota
	GotCredit
	WaitsForCallback
	GotCallback
)

// stream is what a seat knows of a call that has said something.
type stream struct {
	w       *Worker
	id      uint64
	next    uint64              // number of the item that is due
	granted uint64              // items it may send in all; saturating
	waits   bool                // for credit
	owed    map[uint64]struct{} // callbacks without an answer
}

var _ rpc.Creditor = (*stream)(nil)

// takeSaid handles the notifications of this file; known is false for others.
func (w *Worker) takeSaid(m rpc.Inbound, b *rpc.Burst) (known bool, err error) {
	switch string(m.Method) {
	case "mochi.items":
		return true, w.takeItems(m.Params, b)
	case "mochi.waiting":
		return true, w.takeWaiting(m.Params)
	case "mochi.report":
		return true, w.takeReport(m.Params, b)
	case "mochi.callback":
		return true, w.takeCallback(m.Params, b)
	}
	return false, nil
}

// speaker finds the call that a worker speaks of. It is nil, without an error,
// when its answer has been given. do runs with the link's lock held.
func (w *Worker) speaker(id uint64, do func(*seat, *stream) error) (c *rpc.Call, lane Lane, err error) {
	l := w.link
	l.mu.Lock()
	defer l.mu.Unlock()
	n := int(id % uint64(len(l.seats)))
	s := &l.seats[n]
	switch {
	case id == 0 || id/uint64(len(l.seats)) > l.last:
		return nil, 0, fmt.Errorf("it spoke of id %d, which was never given", id)
	case s.id != id || s.call == nil || s.void:
		return nil, 0, nil
	}
	if s.stream == nil {
		s.stream = &stream{w: w, id: id, granted: rpc.StartItems}
	}
	if lane = l.lane(n); s.moved {
		lane = LaneLoop
	}
	return s.call, lane, do(s, s.stream)
}

func (w *Worker) takeItems(params []byte, b *rpc.Burst) error {
	i, ok := quickItems(params)
	if !ok {
		var err error
		if i, err = slowItems(params); err != nil {
			return fmt.Errorf("its mochi.items cannot be read: %w", err)
		}
	}
	c, _, err := w.speaker(i.id, func(s *seat, st *stream) error {
		switch {
		case !s.call.Meta.Stream:
			return fmt.Errorf("it sent items of call %d, which is no stream", i.id)
		case i.seq != st.next:
			return fmt.Errorf("it sent item %d of call %d, where item %d was due", i.seq, i.id, st.next)
		}
		st.next += i.n
		if st.next > st.granted+creditMargin {
			return fmt.Errorf("it sent %d items of call %d and had credit for %d", st.next, i.id, st.granted)
		}
		return nil
	})
	if c == nil || err != nil {
		return err
	}
	if long := c.Items(b, i.rest, i.items, i.seq, i.n); long != nil {
		c.Cancel(long) // an item is lost, so the call has failed
	}
	return nil
}

// some are items of a stream as they came.
type some struct {
	id, seq, n  uint64
	rest, items []byte // the members from "seq" on, and the array
}

// quickItems cuts params that are written as the runtime writes them.
func quickItems(params []byte) (i some, ok bool) {
	rest, ok := bytes.CutPrefix(params, []byte(`{"id":`))
	if !ok {
		return i, false
	}
	if i.id, rest, ok = cutNumber(rest); !ok {
		return i, false
	}
	if rest, ok = bytes.CutPrefix(rest, []byte(`,`)); !ok {
		return i, false
	}
	i.rest = rest[:len(rest)-1] // params are an object, so they end with its bracket
	if rest, ok = bytes.CutPrefix(rest, []byte(`"seq":`)); !ok {
		return i, false
	}
	if i.seq, rest, ok = cutNumber(rest); !ok {
		return i, false
	}
	if rest, ok = bytes.CutPrefix(rest, []byte(`,"items":`)); !ok {
		return i, false
	}
	// What follows is one value and the bracket, or further members.
	i.items = rest[:len(rest)-1]
	i.n, ok = rpc.CountItems(i.items)
	return i, ok
}

// cutNumber cuts a number of digits off the front.
func cutNumber(b []byte) (n uint64, rest []byte, ok bool) {
	end := 0
	for end < len(b) && b[end]-'0' <= 9 {
		end++
	}
	n, ok = rpc.LinkID(b[:end])
	return n, b[end:], ok
}

// slowItems reads the same written otherwise.
func slowItems(params []byte) (i some, err error) {
	var p struct {
		ID, Seq *uint64
		Items   json.RawMessage
	}
	if err := json.Unmarshal(params, &p); err != nil {
		return i, err
	}
	if p.ID == nil || p.Seq == nil {
		return i, errors.New("it has no id or no seq")
	}
	var ok bool
	if i.n, ok = rpc.CountItems(p.Items); !ok {
		return i, errors.New("its items are no array")
	}
	i.id, i.seq, i.items = *p.ID, *p.Seq, p.Items
	i.rest = fmt.Appendf(nil, `"seq":%d,"items":%s`, i.seq, i.items)
	return i, nil
}

func (w *Worker) takeWaiting(params []byte) error {
	var p struct{ ID uint64 }
	if err := json.Unmarshal(params, &p); err != nil {
		return fmt.Errorf("its mochi.waiting cannot be read: %w", err)
	}
	var st *stream
	ahead := false
	c, lane, err := w.speaker(p.ID, func(s *seat, of *stream) error {
		if !s.call.Meta.Stream || of.waits {
			return fmt.Errorf("it asked for credit for call %d, which is no stream or has asked already", p.ID)
		}
		st, ahead = of, of.granted > of.next
		st.waits = true
		return nil
	})
	if c == nil || err != nil {
		return err
	}
	if n, ok := c.AskCredit(st, ahead); ok {
		w.link.credit(st, n)
	} else {
		w.cfg.Owner.CallPaused(w, c, lane, WaitsForCredit)
	}
	return nil
}

// GiveCredit is told by the call.
func (st *stream) GiveCredit(c *rpc.Call, n uint64) {
	if lane, ok := st.w.link.credit(st, n); ok {
		st.w.cfg.Owner.CallPaused(st.w, c, lane, GotCredit)
	}
}

// credit writes the one line that ends a wait, if the call is still out.
func (l *link) credit(st *stream, n uint64) (Lane, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	st.waits = false
	if st.granted += n; st.granted > rpc.MaxCredit {
		st.granted = rpc.MaxCredit
	}
	line := append(l.scratch[:0], `{"jsonrpc":"2.0","method":"mochi.credit","params":{"id":`...)
	line = strconv.AppendUint(line, st.id, 10)
	line = append(line, `,"n":`...)
	line = strconv.AppendUint(line, n, 10)
	l.scratch = append(line, "}}\n"...)
	return l.tell(st, l.scratch)
}

// tell writes a line to the thread on which the call waits. Called with mu held.
func (l *link) tell(st *stream, line []byte) (lane Lane, ok bool) {
	n := int(st.id % uint64(len(l.seats)))
	s := &l.seats[n]
	if s.id != st.id || s.stream != st {
		return 0, false
	}
	out := l.side
	if lane = l.lane(n); lane == LaneLoop || s.moved {
		lane, out = LaneLoop, l.senders[LaneLoop]
	}
	return lane, out.Send(line) == nil // a broken pipe's worker is being looked after
}

func (w *Worker) takeReport(params []byte, b *rpc.Burst) error {
	var p struct {
		ID       uint64
		Fraction *float64
		Message  string
	}
	if err := json.Unmarshal(params, &p); err != nil {
		return fmt.Errorf("its mochi.report cannot be read: %w", err)
	}
	c, _, err := w.speaker(p.ID, func(*seat, *stream) error { return nil })
	if c != nil && err == nil {
		c.Report(b, p.Fraction, p.Message)
	}
	return err
}

func (w *Worker) takeCallback(params []byte, b *rpc.Burst) error {
	var p struct {
		ID, N                  uint64
		Callback, Args, Kwargs json.RawMessage
	}
	if err := json.Unmarshal(params, &p); err != nil {
		return fmt.Errorf("its mochi.callback cannot be read: %w", err)
	}
	var st *stream
	c, lane, err := w.speaker(p.ID, func(_ *seat, of *stream) error {
		if _, twice := of.owed[p.N]; twice || len(of.owed) >= maxOwed || len(p.Callback) == 0 || p.Callback[0] != '"' {
			return fmt.Errorf("it called back for call %d with number %d, which is open already, or without a name, or has too many open", p.ID, p.N)
		}
		if of.owed == nil {
			of.owed = make(map[uint64]struct{})
		}
		of.owed[p.N] = struct{}{}
		st = of
		return nil
	})
	if c == nil || err != nil {
		return err
	}
	w.cfg.Owner.CallPaused(w, c, lane, WaitsForCallback) // before the host can call us because of it
	c.CallBack(b, rpc.Callback{Name: p.Callback, Args: p.Args, Kwargs: p.Kwargs}, func(result []byte, err *rpc.Error) {
		if lane, ok := w.link.called(st, p.N, result, err, w.cfg.MaxMessage); ok {
			w.cfg.Owner.CallPaused(w, c, lane, GotCallback)
		}
	})
	return nil
}

// called hands a callback's answer to who waits for it.
func (l *link) called(st *stream, n uint64, result []byte, failure *rpc.Error, limit int) (Lane, bool) {
	line := make([]byte, 0, envelopeRoom+len(result))
	line = append(line, `{"jsonrpc":"2.0","method":"mochi.called","params":{"id":`...)
	line = strconv.AppendUint(line, st.id, 10)
	line = append(line, `,"n":`...)
	line = strconv.AppendUint(line, n, 10)
	head := len(line)
	if failure == nil {
		line = appendValue(append(line, `,"result":`...), result)
		if len(line)+len("}}") > limit {
			failure = rpc.NewError(rpc.KindTooLarge, "the callback's answer is over the limit: send less, or raise max-message",
				rpc.Fields{"limit": limit, "size": len(result)})
		}
	}
	if failure != nil {
		raw, err := json.Marshal(failure)
		if err != nil || head+len(raw)+envelopeRoom > limit {
			raw = []byte(`{"code":-32603,"message":"the callback's error cannot be sent","data":{"kind":"internal"}}`)
		}
		line = append(append(line[:head], `,"error":`...), raw...)
	}
	line = append(line, "}}\n"...)
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(st.owed, n)
	return l.tell(st, line)
}

// also members of a request that only some calls need: what is left of the
// deadline, and whose the handles are that it makes.
func appendExtras(b []byte, c *rpc.Call, now time.Time) []byte {
	meta := len(c.RawMeta) > 0
	if !c.Deadline.IsZero() && (meta || now.Sub(c.Arrived) > longWait) {
		b = append(b, `,"left":`...)
		b = strconv.AppendFloat(b, max(c.Deadline.Sub(now), 0).Seconds()*1e3, 'f', 3, 64)
	}
	if meta {
		b = append(b, `,"conn":`...)
		b = strconv.AppendUint(b, connOf(c), 10)
	}
	return b
}

// longWait is how long a call may have waited for its worker to measure its time
// from when it reads the line.
const longWait = time.Millisecond

// connOf is 0 for a call made in process.
func connOf(c *rpc.Call) uint64 {
	if c.Conn == nil {
		return 0
	}
	return c.Conn.Number
}
