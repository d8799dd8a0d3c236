package pool

import (
	"fmt"
	"syscall"

	"github.com/mochilang/mochi-pyd/rpc"
)

// Signal sends the worker of a slot a signal for an operator. An end it causes is
// the operator's and not the worker's fault.
func (p *Pool) Signal(slot int, sig syscall.Signal) error {
	for _, s := range p.slots() {
		if s.Number() != slot {
			continue
		}
		w := s.Current()
		if w == nil {
			w = s.Starting()
		}
		if w == nil || !w.Signal(sig) {
			return rpc.NewError(rpc.KindInvalidParams, fmt.Sprintf("%s/%d has no process now: mochi-pyd ps shows when it has", p.opt.Name, slot),
				rpc.Fields{"argument": "slot", "missing": "worker"})
		}
		return nil
	}
	return rpc.NewError(rpc.KindInvalidParams, fmt.Sprintf("pool %s has no worker %d: mochi-pyd ps shows those it has", p.opt.Name, slot),
		rpc.Fields{"argument": "slot", "missing": "worker"})
}
