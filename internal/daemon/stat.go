package daemon

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"github.com/mochilang/mochi-pyd/internal/config"
	"github.com/mochilang/mochi-pyd/internal/version"
	"github.com/mochilang/mochi-pyd/pool"
	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// The shapes of mochi.status and mochi.workers, which status -o json and ps
// -o json print as they are.
type (
	// Status is mochi.status.
	Status struct {
		Daemon DaemonStatus `json:"daemon"`
		Pools  []PoolStatus `json:"pools"`
	}
	// DaemonStatus is the daemon's part of it.
	DaemonStatus struct {
		PID         int          `json:"pid"`
		Version     string       `json:"version"`
		Build       version.Info `json:"build"`
		UptimeMS    int64        `json:"uptime_ms"`
		Status      string       `json:"status"` // serving or draining
		Connections int          `json:"connections"`
		Config      string       `json:"config,omitempty"` // the file; absent without one

		ConfigDiffers bool     `json:"config_differs"` // the file has changed since it was read
		ConfigPending []string `json:"config_pending"` // what it says and is not in force: keys that wait for a restart, pools that kept their settings
		// ConfigLastReloadSuccessful: the file was read and all of it applied,
		// the last time that somebody asked for it; true before the first time.
		ConfigLastReloadSuccessful bool `json:"config_last_reload_successful"`
	}
	// PoolStatus is one pool's part of it.
	PoolStatus struct {
		Pool           string     `json:"pool"`
		Module         string     `json:"module"`
		Declared       bool       `json:"declared"`
		Preload        bool       `json:"preload"` // its workers are forked from one import
		Status         string     `json:"status"`
		WorkersReady   int        `json:"workers_ready"`
		WorkersDesired int        `json:"workers_desired"`
		Busy           int        `json:"busy"`
		Queue          int        `json:"queue"`
		Handles        int        `json:"handles"` // objects held for hosts
		Calls          uint64     `json:"calls"`
		Errors         uint64     `json:"errors"`
		CallsPerSecond float64    `json:"calls_per_second"`
		P95MS          float64    `json:"p95_ms"`
		Restarts       int        `json:"restarts"`
		AgeMS          int64      `json:"age_ms"`
		SparesReady    int        `json:"spares_ready"`
		SparesDesired  int        `json:"spares_desired"`
		Cause          *rpc.Error `json:"cause"` // why it is broken or cannot start
	}

	// Workers is mochi.workers.
	Workers struct {
		Workers []WorkerStatus `json:"workers"`
	}
	// WorkerStatus is one slot and the worker in it.
	WorkerStatus struct {
		Pool       string      `json:"pool"`
		Slot       int         `json:"slot"`
		PID        int         `json:"pid"` // 0: the slot is empty
		State      string      `json:"state"`
		SlotState  string      `json:"slot_state"`
		Generation int         `json:"generation"`
		AgeMS      int64       `json:"age_ms"`
		Calls      uint64      `json:"calls"`
		Handles    int         `json:"handles"`
		Restarts   int         `json:"restarts"`
		CPUPercent float64     `json:"cpu_percent"` // of one core, over its life
		RSSBytes   int         `json:"rss_bytes"`
		Python     string      `json:"python"`
		LastExit   *ExitStatus `json:"last_exit"`
		Now        *Now        `json:"now"`
	}
	// ExitStatus is how the worker before this one ended.
	ExitStatus struct {
		Reason     string    `json:"reason"`
		Signal     *string   `json:"signal"`
		ExitCode   *int      `json:"exit_code"`
		At         time.Time `json:"at"`
		StderrTail []string  `json:"stderr_tail"`
	}
	// Now is what a worker runs: one function, or how many coroutines.
	Now struct {
		Function   string `json:"function,omitempty"`
		ID         string `json:"id,omitempty"`
		RunningMS  int64  `json:"running_ms"`
		Coroutines int    `json:"coroutines,omitempty"`
	}
)

func (d *Daemon) status(context.Context) (any, error) {
	all := d.pools.now.Load().all
	s := Status{
		Daemon: DaemonStatus{
			PID: pid, Version: d.opt.Version.Version, Build: d.opt.Version, UptimeMS: time.Since(d.started).Milliseconds(),
			Status: "serving", Connections: d.host.Connections(), Config: d.config().File,
			ConfigDiffers: d.config().Differs(), ConfigPending: slices.Concat([]string{}, d.now.Load().pending),
			ConfigLastReloadSuccessful: !d.rereadFailed.Load(),
		},
		Pools: make([]PoolStatus, 0, len(all)),
	}
	if d.draining.Load() {
		s.Daemon.Status = "draining"
	}
	for _, p := range all {
		s.Pools = append(s.Pools, poolStatus(p.pool.Stat(), p.settings()))
	}
	return s, nil
}

func poolStatus(st pool.Stat, settings *config.Pool) PoolStatus {
	return PoolStatus{
		Pool: st.Name, Module: st.Module, Declared: settings.Declared, Preload: settings.Preload, Status: string(st.Status),
		WorkersReady: st.Ready, WorkersDesired: st.Desired, SparesReady: st.Spares, SparesDesired: st.Spare, Busy: st.Busy, Queue: st.Queue, Handles: st.Handles,
		Calls: st.Calls, Errors: st.Errors, CallsPerSecond: st.CallsPerSecond,
		P95MS: float64(st.P95.Microseconds()) / 1000, Restarts: st.Restarts, AgeMS: time.Since(st.Since).Milliseconds(),
		Cause: st.Cause,
	}
}

func workersOf(chosen []*served) Workers {
	out := Workers{Workers: []WorkerStatus{}}
	for _, s := range chosen {
		for _, slot := range s.pool.Stat().Slots {
			out.Workers = append(out.Workers, workerStatus(s.settings().Name, slot))
		}
	}
	return out
}

func workerStatus(name string, slot pool.SlotStat) WorkerStatus {
	w := WorkerStatus{
		Pool: name, Slot: slot.Slot, State: word(supervisor.Dead), SlotState: strings.ToLower(slot.State.String()),
		Generation: slot.Gen, Restarts: slot.Restarts, LastExit: exitStatus(slot.LastExit),
	}
	if slot.Worker == nil {
		return w
	}
	st := slot.Worker
	w.PID, w.State, w.Generation, w.Calls, w.Python = st.PID, word(st.State), st.Gen, st.Calls, st.Python
	if slot.Spare && st.State == supervisor.Ready {
		w.State = stateSpare
	}
	w.Handles = st.Handles
	w.Now = nowOf(st)
	age := time.Since(st.Started)
	w.AgeMS = age.Milliseconds()
	if st.PID == 0 {
		return w
	}
	// Best effort: the process may be gone by now.
	if proc, err := procfs.NewProc(st.PID); err == nil {
		if stat, err := proc.Stat(); err == nil {
			w.RSSBytes = stat.ResidentMemory()
			if age > 0 {
				w.CPUPercent = 100 * stat.CPUTime() / age.Seconds()
			}
		}
	}
	return w
}

// stateSpare is ps's word for a ready worker that is held back.
const stateSpare = "spare"

func word(s supervisor.State) string { return strings.ToLower(s.String()) }

// nowOf names the oldest call that runs; several at once are counted.
func nowOf(st *supervisor.WorkerStat) *Now {
	if len(st.Running) == 0 {
		return nil
	}
	oldest := st.Running[0]
	for _, r := range st.Running[1:] {
		if r.Since.Before(oldest.Since) {
			oldest = r
		}
	}
	now := &Now{Function: oldest.Function, ID: oldest.ID, RunningMS: time.Since(oldest.Since).Milliseconds()}
	if len(st.Running) > 1 {
		return &Now{Coroutines: len(st.Running), RunningMS: now.RunningMS}
	}
	return now
}

func exitStatus(e *supervisor.Exit) *ExitStatus {
	if e == nil {
		return nil
	}
	out := &ExitStatus{Reason: string(e.Reason), At: e.At, StderrTail: e.StderrTail}
	if out.StderrTail == nil {
		out.StderrTail = []string{}
	}
	if e.Status.Signal != 0 {
		name := signalName(e.Status.Signal)
		out.Signal = &name
	} else if e.Status.Err == nil {
		code := e.Status.ExitCode
		out.ExitCode = &code
	}
	return out
}

func signalName(s syscall.Signal) string {
	if name := unix.SignalName(s); name != "" {
		return name
	}
	return fmt.Sprintf("signal %d", int(s))
}
