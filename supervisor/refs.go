package supervisor

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/mochilang/mochi-pyd/rpc"
)

// Handles are objects that a worker keeps for hosts. The worker keeps the table
// and says who may touch what; here is only how many there are. A worker that
// drains still takes calls on them (rpc.Call.Holder), since no other worker can,
// and is idle when the last one is released or the slot's patience ends.

// refsKey is the wire's word for what the ids of the worker's handles begin with,
// and for how many one connection may have. The process that only forks makes none.
func (w *Worker) refsKey() string {
	if w.cfg.forks != nil {
		return ""
	}
	place := rpc.RefPlace{Pool: w.cfg.PoolNumber, Slot: w.cfg.Slot, Gen: w.cfg.Gen}
	key := " refs=" + place.String()
	if w.cfg.MaxHandles > 0 {
		key += " handles=" + strconv.Itoa(w.cfg.MaxHandles)
	}
	return key
}

// takeRefs is the worker's word on how many handles it holds.
func (w *Worker) takeRefs(params []byte) error {
	var p struct {
		Live *int `json:"live"`
	}
	if err := json.Unmarshal(params, &p); err != nil || p.Live == nil || *p.Live < 0 {
		return fmt.Errorf("its mochi.refs cannot be read: %s", quote(params))
	}
	w.link.hold(*p.Live)
	return nil
}

// Handles is how many objects the worker holds for hosts, by its last word, which
// it gives ten times a second at most; whether there are any is exact.
func (w *Worker) Handles() int {
	w.link.mu.Lock()
	defer w.link.mu.Unlock()
	return w.link.refs
}

func (l *link) hold(live int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ledger.count(live - l.refs)
	l.refs = live
	l.checkIdle()
}

// admits says whether a call may be sent: one on a handle also while the worker
// drains. Called with mu held.
func (l *link) admits(c *rpc.Call) bool { return l.open || l.held && c.Holder != nil }
