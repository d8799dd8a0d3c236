package rig

import (
	"encoding/json"
	"fmt"
)

// Worker is a row of mochi.workers.
type Worker struct {
	Pool       string `json:"pool"`
	Slot       int    `json:"slot"`
	PID        int    `json:"pid"`
	State      string `json:"state"`
	Generation int    `json:"generation"`
	Calls      int    `json:"calls"`
	Restarts   int    `json:"restarts"`
}

// Pool is a row of mochi.status.
type Pool struct {
	Pool           string `json:"pool"`
	Status         string `json:"status"`
	WorkersReady   int    `json:"workers_ready"`
	WorkersDesired int    `json:"workers_desired"`
	Busy           int    `json:"busy"`
	Restarts       int    `json:"restarts"`
}

// Busy is how many of a pool's workers have a call in hand; 0 when it cannot be
// asked.
func (d *Daemon) Busy(pool string) int {
	p, err := d.Pool(pool)
	if err != nil {
		return 0
	}
	return p.Busy
}

// ask calls a control method and decodes its result.
func (d *Daemon) ask(method string, into any) error {
	h, err := Dial(d.Control)
	if err != nil {
		return err
	}
	defer h.Close()
	a, err := h.Call(method, "")
	if err != nil {
		return err
	}
	if a.Error != nil {
		return fmt.Errorf("%s: %s", method, a.Error.Message)
	}
	return json.Unmarshal(a.Result, into)
}

// Workers are the workers of a pool, as an operator sees them.
func (d *Daemon) Workers(pool string) ([]Worker, error) {
	var all struct {
		Workers []Worker `json:"workers"`
	}
	if err := d.ask("mochi.workers", &all); err != nil {
		return nil, err
	}
	var out []Worker
	for _, w := range all.Workers {
		if w.Pool == pool {
			out = append(out, w)
		}
	}
	return out, nil
}

// Pool is a pool's status, as an operator sees it.
func (d *Daemon) Pool(name string) (Pool, error) {
	var all struct {
		Pools []Pool `json:"pools"`
	}
	if err := d.ask("mochi.status", &all); err != nil {
		return Pool{}, err
	}
	for _, p := range all.Pools {
		if p.Pool == name {
			return p, nil
		}
	}
	return Pool{}, fmt.Errorf("no pool %q in mochi.status", name)
}
