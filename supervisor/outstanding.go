package supervisor

import (
	"slices"

	"github.com/mochilang/mochi-pyd/rpc"
)

// Outstanding is a call that the worker has not answered, its owner's answer to
// a void one notwithstanding.
type Outstanding struct {
	Call    *rpc.Call
	Lane    Lane // where it is: LaneLoop for a call that has moved there
	Started bool // the scoreboard says it has begun
}

// Outstanding lists the calls on the worker's seats, in no order.
func (w *Worker) Outstanding() []Outstanding {
	w.mu.Lock()
	defer w.mu.Unlock()
	var board cells
	if w.board != nil {
		board = w.board.snapshot()
	}
	return w.link.outstanding(board)
}

func (l *link) outstanding(board cells) []Outstanding {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seated == 0 {
		return nil
	}
	out := make([]Outstanding, 0, l.seated)
	for n := range l.seats {
		s := &l.seats[n]
		if s.call == nil {
			continue
		}
		o := Outstanding{Call: s.call, Lane: l.lane(n), Started: s.begun(board)}
		if s.moved {
			o.Lane = LaneLoop
		}
		out = append(out, o)
	}
	return out
}

// begun says that the call on the seat has started. A board that cannot be
// read any more knows of nothing.
func (s *seat) begun(board cells) bool {
	return s.moved || board != nil && board.started(s.id)
}

// shoot marks a call as one that is to end, and gives its id; again says that
// it was marked before.
func (l *link) shoot(c *rpc.Call) (id uint64, again, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for n := range l.seats {
		if s := &l.seats[n]; s.call == c && c != nil {
			again, s.shot = s.shot, true
			return s.id, again, true
		}
	}
	return 0, false, false
}

// void gives the call up, unless it has been answered.
func (l *link) void(id uint64) *rpc.Call {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &l.seats[id%uint64(len(l.seats))]
	if s.id != id || s.void {
		return nil
	}
	s.void = true
	return s.call
}

// Revoke asks for calls back that wait on the main lane behind one that takes
// long, but for those that have been taken back so many times (Call.TakenBack)
// already. Each that has not started comes back as a CallDone with the error
// request_cancelled, although nobody has cancelled it; the others are answered
// as ever. It is a wish: a worker that is busy in C, or about to reach the
// calls, does not grant it. Returns at once.
func (w *Worker) Revoke(times int) {
	w.mu.Lock()
	w.revocable = times
	w.mu.Unlock()
	select {
	case w.revoked <- struct{}{}:
	default: // it is about to be done
	}
}

// revoke is Revoke on the goroutine run, whose the wire is.
func (w *Worker) revoke() {
	w.mu.Lock()
	times := w.revocable
	w.mu.Unlock()
	behind := w.link.behind(times)
	for _, id := range behind {
		if !w.wire.shoot(id | revokeBit) {
			break // full: the rest stays where it is
		}
	}
	if len(behind) > 0 {
		_ = w.proc.Kick() // a worker that is gone gives back all it has
	}
}

// behind lists the calls on the main lane but for the oldest, which runs, and
// those that went back often enough; the others may be given back from here on.
func (l *link) behind(times int) []uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	var ids []uint64
	for n := range l.main {
		if s := &l.seats[n]; s.call != nil && !s.moved {
			ids = append(ids, s.id)
		}
	}
	slices.Sort(ids)
	if len(ids) > 0 {
		ids = ids[1:]
	}
	// One that is to end ends where it is; but it counts as the one that runs. And
	// one on a handle can run nowhere else.
	return slices.DeleteFunc(ids, func(id uint64) bool {
		s := &l.seats[id%uint64(len(l.seats))]
		stays := s.shot || s.call.TakenBack >= times || s.call.Holder != nil
		s.wanted = s.wanted || !stays
		return stays
	})
}

// sight is what there is to see of a call that is to end.
func (l *link) sight(id uint64, board cells) sight {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := int(id % uint64(len(l.seats)))
	s := &l.seats[n]
	switch {
	case s.id != id:
		return sightGone
	case s.begun(board):
		return sightUp
	}
	for m := range l.seats {
		// A question of our own has no deadline, and excuses nobody.
		if other := &l.seats[m]; m != n && other.call != nil && other.begun(board) {
			return sightBehind
		}
	}
	return sightUp
}
