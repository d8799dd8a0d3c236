package supervisor

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
)

// neverTimeout stands for no write deadline on the request pipes: a worker
// that computes for an hour is right not to read, and how long it may is the
// pool's business. What waits is bounded by the seats.
const neverTimeout = 365 * 24 * time.Hour

// scratchKeep is the biggest line buffer a link keeps for its next call.
const scratchKeep = 64 << 10

// envelopeRoom is what a request line holds beside params, meta and method.
const envelopeRoom = 256

// seat holds one call on the worker. The link id of the call is n*seats+seat
// for an n that only grows, so an id names its seat and is never used twice.
type seat struct {
	id    uint64 // 0: free
	call  *rpc.Call
	ask   *ask // one of the runtime's own methods instead of a call
	sent  time.Time
	moved bool // it left the main thread for the loop: its seat holds nobody up
	shot  bool // it is to end: a ladder stands for it

	wanted bool    // it was asked back
	stream *stream // what it has said; nil: nothing
	void   bool    // its owner has answered it: it never starts
}

// link is the daemon's end of a worker's wire: who sits where, and the two
// request pipes.
type link struct {
	mu      sync.Mutex
	open    bool // calls may be sent
	held    bool // calls on handles may be sent
	refs    int  // live handles
	ledger  *Ledger
	asks    bool // questions may be asked
	seats   []seat
	main    int // seats 0…main-1 are the main thread's; the last of them is Ask's
	free    [2][]int
	last    uint64 // the n of the last id
	senders [2]*rpc.Sender
	side    *rpc.Sender   // to a call of the main thread that waits
	turn    time.Time     // when the main thread got its hands free last
	seated  int           // calls of the owner on a seat
	drain   bool          // closed to calls for good
	idle    chan struct{} // closed when draining and nothing is seated
	scratch []byte
	recent  recent

	answered uint64
}

// newLink makes the link of a worker with so many seats for its owner's calls
// on each lane. One more on the main lane is kept for Ask, so that a question
// to the runtime never takes a call's place.
func newLink(mainSeats, loopSeats int) *link {
	l := &link{main: mainSeats + 1, idle: make(chan struct{})}
	l.seats = make([]seat, l.main+loopSeats)
	for i := mainSeats - 1; i >= 0; i-- {
		l.free[LaneMain] = append(l.free[LaneMain], i)
	}
	for i := len(l.seats) - 1; i >= l.main; i-- {
		l.free[LaneLoop] = append(l.free[LaneLoop], i)
	}
	return l
}

// connect gives the link its request pipes. dead is told when one of them
// broke, on a goroutine of its own.
func (l *link) connect(w *wire, maxMessage int, dead func(error)) {
	bound := func(seats int) int { return (seats + 1) * (maxMessage + envelopeRoom) }
	l.mu.Lock()
	defer l.mu.Unlock()
	l.senders[LaneMain] = rpc.NewSender(w.in, bound(l.main), neverTimeout, dead)
	l.senders[LaneLoop] = rpc.NewSender(w.loop, bound(len(l.seats)-l.main), neverTimeout, dead)
	l.side = rpc.NewSender(w.side, bound(1), neverTimeout, dead)
}

// send seats the call and writes its line, in one step under one lock: the
// order of ids on a pipe is the order of the sends.
//
// A worker with nothing in hand gets its line at once, and not when the burst
// that it came with ends: its core and ours then work side by side.
func (l *link) send(c *rpc.Call, lane Lane, b *rpc.Burst) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	free := l.free[lane]
	if !l.admits(c) || len(free) == 0 {
		return false
	}
	n := free[len(free)-1]
	now := b.Now()
	if l.seated == 0 {
		b = nil
	}
	if !l.write(n, lane, seat{call: c, sent: now}, c.Function, c.Params, c.RawMeta, b) {
		return false
	}
	l.free[lane] = free[:len(free)-1]
	l.seated++
	return true
}

// question seats one of the runtime's own methods.
func (l *link) question(a *ask, method string, params []byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asks && l.write(l.main-1, LaneMain, seat{ask: a, sent: time.Now()}, method, params, nil, nil)
}

// write fills a seat and sends its line. Called with mu held.
func (l *link) write(n int, lane Lane, s seat, method string, params, meta []byte, b *rpc.Burst) bool {
	l.last++
	s.id = l.last*uint64(len(l.seats)) + uint64(n)
	r := requestLine{ledger: l.ledger}
	r.write(l.scratch[:0], s.id, method, params, meta, s.call, s.sent)
	err := l.senders[lane].SendIn(b, r.head, r.params, r.tail)
	if l.scratch = r.head; cap(l.scratch) > scratchKeep {
		l.scratch = nil
	}
	if err != nil {
		return false // the pipe is broken: its worker is being looked after
	}
	l.seats[n] = s
	return true
}

// givesBack says whether the worker was asked to let go of the call, so that it
// may say of it that it has not started.
func (l *link) givesBack(id uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &l.seats[id%uint64(len(l.seats))]
	return s.id == id && (s.shot || s.wanted)
}

// take frees the seat of a call that was answered and says how long the worker
// had it in hand, and how many it still has; false when no such call is out.
func (l *link) take(id uint64, now time.Time) (s seat, lane Lane, service time.Duration, left int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := int(id % uint64(len(l.seats)))
	s = l.seats[n]
	if id == 0 || s.id != id {
		return seat{}, 0, 0, l.seated, false
	}
	service = now.Sub(s.sent)
	if lane = l.lane(n); lane == LaneMain && !s.moved {
		// The main thread does one thing after the other: what it did before
		// this call is not this call's time.
		if l.turn.After(s.sent) {
			service = now.Sub(l.turn)
		}
		l.turn = now
	}
	seatLane := lane
	if s.moved {
		lane = LaneLoop // that is where it ended
	}
	l.seats[n] = seat{}
	if s.ask != nil {
		return s, lane, service, l.seated, true
	}
	l.free[seatLane] = append(l.free[seatLane], n)
	l.seated--
	l.answered++
	l.recent.add(id, s.call)
	l.checkIdle()
	if s.moved {
		lane = LaneLoop // where it ended, whatever seat it had kept
	}
	return s, lane, service, l.seated, true
}

// move notes that a call on the main thread went over to the loop.
func (l *link) move(id uint64) (*rpc.Call, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := int(id % uint64(len(l.seats)))
	s := &l.seats[n]
	if id == 0 || s.id != id || s.moved || l.lane(n) != LaneMain {
		return nil, false
	}
	s.moved = true
	l.turn = time.Now()
	return s.call, true // nil for a question of ours
}

func (l *link) lane(seat int) Lane {
	if seat < l.main {
		return LaneMain
	}
	return LaneLoop
}

// admit opens the link: the worker is ready.
func (l *link) admit() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open, l.held, l.asks = true, true, true
}

// startDrain keeps calls out and watches for the last to leave.
func (l *link) startDrain() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open, l.drain = false, true
	l.checkIdle()
}

// shutOut keeps calls and questions out.
func (l *link) shutOut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open, l.held, l.asks = false, false, false
}

// checkIdle closes idle once. Called with mu held.
func (l *link) checkIdle() {
	if !l.drain || l.seated > 0 || l.refs > 0 {
		return
	}
	select {
	case <-l.idle:
	default:
		close(l.idle)
	}
}

// finish closes the request pipes once what was sent is through: the worker
// reads end-of-file, finishes and leaves.
func (l *link) finish() {
	l.eachSender(func(s *rpc.Sender) { s.Finish() })
}

// cut closes the request pipes now.
func (l *link) cut() {
	l.eachSender(func(s *rpc.Sender) { _ = s.Close() })
}

// settle returns when nothing of the request pipes is left.
func (l *link) settle() {
	l.eachSender(func(s *rpc.Sender) { <-s.Done() })
}

func (l *link) eachSender(do func(*rpc.Sender)) {
	l.mu.Lock()
	senders := [...]*rpc.Sender{l.senders[LaneMain], l.senders[LaneLoop], l.side}
	l.mu.Unlock()
	for _, s := range senders {
		if s != nil {
			do(s)
		}
	}
}

// unstarted takes the calls that a dead worker had not begun off their seats, in
// the order they were sent; not those that were to end, which nobody wants back.
func (l *link) unstarted(board cells) []*rpc.Call {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []seat
	for n := range l.seats {
		if s := l.seats[n]; s.call != nil && !s.void && !s.shot && !s.begun(board) {
			out = append(out, s)
			l.seats[n] = seat{}
		}
	}
	slices.SortFunc(out, func(a, b seat) int { return cmp.Compare(a.id, b.id) })
	l.seated -= len(out)
	calls := make([]*rpc.Call, 0, len(out))
	for _, s := range out {
		calls = append(calls, s.call)
	}
	return calls
}

// orphans empties all seats: the calls in the order they were sent, each with
// what the board says of it, and the question that was out, if one was. felled
// says that a ladder ended the worker.
func (l *link) orphans(board cells, felled bool) (left []Orphan, asked *ask) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ledger.count(-l.refs) // they went with it
	l.open, l.held, l.asks, l.drain, l.refs = false, false, false, true, 0
	var out []seat
	for n := range l.seats {
		if s := l.seats[n]; s.void {
			// answered
		} else if s.call != nil {
			out = append(out, s)
		} else if s.ask != nil {
			asked = s.ask
		}
		l.seats[n] = seat{}
	}
	slices.SortFunc(out, func(a, b seat) int { return cmp.Compare(a.id, b.id) })
	for _, s := range out {
		left = append(left, Orphan{Call: s.call, Started: s.begun(board), Interrupted: felled && s.shot})
	}
	l.seated = 0
	l.checkIdle() // nothing is idler than the dead
	return left, asked
}

// counts is what Stat wants to know.
func (l *link) counts() (answered uint64, seated int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.answered, l.seated
}

// owes says that a call is out.
func (l *link) owes() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.seated > 0
}

// running lists the calls that the board says have begun.
func (l *link) running(board cells) []Running {
	l.mu.Lock()
	defer l.mu.Unlock()
	var now []Running
	for n := range l.seats {
		s := &l.seats[n]
		if s.call == nil || !s.moved && !board.started(s.id) {
			continue
		}
		since := s.sent
		if l.lane(n) == LaneMain && !s.moved && l.turn.After(since) {
			since = l.turn
		}
		now = append(now, Running{Function: s.call.Function, ID: s.call.ShortID(), Since: since})
	}
	return now
}

// whose tells the log pumps which call a line belongs to: one that is out, or
// one that was answered a moment ago.
func (l *link) whose(id uint64) author {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := &l.seats[id%uint64(len(l.seats))]; id != 0 && s.id == id && s.call != nil {
		return author{s.call.ShortID(), s.call.Function, strings.Clone(rpc.TraceID(s.call.Meta.Traceparent))}
	}
	return l.recent.find(id)
}
