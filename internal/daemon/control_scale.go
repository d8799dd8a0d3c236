package daemon

import (
	"fmt"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/mochilang/mochi-pyd/rpc"
)

// Scaled is what mochi.scale answers.
type Scaled struct {
	Pool    string `json:"pool"`
	Was     int    `json:"was"`
	Workers int    `json:"workers"`
}

// Paused is what mochi.pause and mochi.resume answer.
type Paused struct {
	Pool   string `json:"pool"`
	Paused bool   `json:"paused"`
}

// Killed is what mochi.kill answers.
type Killed struct {
	Pool   string `json:"pool"`
	Slot   int    `json:"slot"`
	PID    int    `json:"pid"`
	Signal string `json:"signal"`
}

// operate binds the parameters of a method that changes one pool, does it, and
// tells the log who asked.
func (d *Daemon) operate(c *rpc.Call, params any, names []string, name *string, do func(*served) (any, error)) {
	answer, err := func() (any, error) {
		if err := bind(c, params, names...); err != nil {
			return nil, err
		}
		if *name == "" {
			return nil, rpc.NewError(rpc.KindInvalidParams, c.Method+" needs a pool", rpc.Fields{"argument": "pool"})
		}
		chosen, bad := d.chosen(*name)
		if bad != nil {
			return nil, bad
		}
		return do(chosen[0])
	}()
	d.observeControl(c, err)
	if err != nil {
		c.Fail(err)
		return
	}
	reply(c, answer)
}

// scale gives a pool another number of workers, until the daemon ends: the file
// is the operator's to change, and says what the next daemon does.
func (d *Daemon) scale(c *rpc.Call) {
	var p struct {
		Pool    string `json:"pool"`
		Workers *int   `json:"workers"`
		By      *int   `json:"by"`
	}
	d.operate(c, &p, []string{"pool", "workers", "by"}, &p.Pool, func(s *served) (any, error) {
		var workers int
		switch {
		case p.Workers != nil && p.By == nil:
			workers = *p.Workers
		case p.By != nil && p.Workers == nil:
			s.scaling.Lock() // two that add one each add two
			defer s.scaling.Unlock()
			workers = s.pool.Stat().Workers + *p.By
		default:
			return nil, rpc.NewError(rpc.KindInvalidParams, c.Method+" needs either workers, how many, or by, how many more", rpc.Fields{"argument": "workers"})
		}
		was, err := s.pool.Resize(workers)
		return Scaled{Pool: s.settings().Name, Was: was, Workers: workers}, err
	})
}

// pause has a pool take no calls, or take them again.
func (d *Daemon) pause(paused bool) func(*rpc.Call) {
	return func(c *rpc.Call) {
		var p struct {
			Pool string `json:"pool"`
		}
		d.operate(c, &p, []string{"pool"}, &p.Pool, func(s *served) (any, error) {
			do := s.pool.Resume
			if paused {
				do = s.pool.Pause
			}
			return Paused{Pool: s.settings().Name, Paused: paused}, do()
		})
	}
}

// kill sends a worker a signal.
func (d *Daemon) kill(c *rpc.Call) {
	var p struct {
		Pool   string `json:"pool"`
		Slot   *int   `json:"slot"`
		Signal string `json:"signal"`
	}
	d.operate(c, &p, []string{"pool", "slot", "signal"}, &p.Pool, func(s *served) (any, error) {
		sig, ok := signalOf(p.Signal)
		switch {
		case !ok:
			return nil, rpc.NewError(rpc.KindInvalidParams, fmt.Sprintf("%s: there is no signal %q: TERM, KILL, HUP, QUIT, USR1, USR2, STOP, CONT and others", c.Method, p.Signal), rpc.Fields{"argument": "signal"})
		case p.Slot == nil:
			return nil, rpc.NewError(rpc.KindInvalidParams, c.Method+" needs a slot: it signals one worker", rpc.Fields{"argument": "slot"})
		case !hasSlot(s, *p.Slot):
			return nil, noSlot(s, *p.Slot)
		}
		pid := 0
		for _, slot := range s.pool.Stat().Slots {
			if slot.Slot == *p.Slot && slot.Worker != nil {
				pid = slot.Worker.PID
			}
		}
		return Killed{Pool: s.settings().Name, Slot: *p.Slot, PID: pid, Signal: signalName(sig)}, s.pool.Signal(*p.Slot, sig)
	})
}

// signalOf reads a signal's name, with or without SIG; TERM when there is none.
func signalOf(name string) (syscall.Signal, bool) {
	if name == "" {
		return syscall.SIGTERM, true
	}
	name = strings.ToUpper(name)
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	sig := unix.SignalNum(name)
	return sig, sig != 0
}
