package daemon

import (
	"sync"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
)

// refusalEvery is how often a line tells of peers that may not connect. They
// come as often as they like, and a line for each would fill the log, and push
// out of mochi.events what operators look for there.
const refusalEvery = time.Second

// refusals counts those that no line has told of.
type refusals struct {
	mu     sync.Mutex
	told   time.Time
	untold int
}

// take counts one, and says whether it is to be told of, after how many that
// were not.
func (r *refusals) take(now time.Time) (before int, tell bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.told) < refusalEvery {
		r.untold++
		return 0, false
	}
	before, r.untold, r.told = r.untold, 0, now
	return before, true
}

// observeRefusal: somebody may not connect.
func (d *Daemon) observeRefusal(p rpc.Peer) {
	before, tell := d.strangers.take(time.Now())
	if !tell {
		return
	}
	args := []any{"event", "peer_refused", "peer_uid", p.UID, "pid", p.PID}
	if before > 0 {
		args = append(args, "dropped", before)
	}
	d.log.Warn("a peer was refused", args...)
}
