package metrics

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/procfs"

	"github.com/mochilang/mochi-pyd/pool"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// stateSpare is ps's word for a ready worker that is held back.
const stateSpare = "spare"

// workerStates are the words of the label state.
var workerStates = func() (words []string) {
	for _, s := range []supervisor.State{supervisor.Starting, supervisor.Ready, supervisor.Draining, supervisor.Stopping, supervisor.Dead} {
		words = append(words, strings.ToLower(s.String()))
	}
	return append(words, stateSpare)
}()

// collector is one scrape's worth of metrics: the counters as they are, and what
// glance sees of the rest.
type collector struct {
	meters *Meters
	glance func(context.Context) (Look, error)
}

// Describe lists what Collect may send.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, m := range catalogue {
		to <- m.desc
	}
}

// Collect runs on a goroutine of the registry's: a panic there would end the
// daemon, so it ends the scrape instead.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	defer func() {
		if r := recover(); r != nil {
			to <- prometheus.NewInvalidMetric(buildInfo.desc, fmt.Errorf("a bug in the metrics: %v", r))
		}
	}()
	// First the gauges: what is seen running is not yet counted as answered.
	look, err := c.glance(context.Background())
	send := sender{to}
	if err != nil {
		to <- prometheus.NewInvalidMetric(poolWorkers.desc, err)
	} else {
		send.one(rpcConnections, float64(look.Connections))
		for _, p := range look.Pools {
			send.pool(p.Stat)
		}
	}
	b := c.meters.build
	send.one(buildInfo, 1, b.Version, b.Revision, b.Go, b.Platform)
	reloaded := 0.0
	if c.meters.reloaded.Load() {
		reloaded = 1
	}
	send.one(reloadOK, reloaded)
	send.counters(c.meters)
}

// sender turns values into the metrics of a scrape.
type sender struct{ to chan<- prometheus.Metric }

func (s sender) one(m *Metric, value float64, labels ...string) {
	kind := prometheus.GaugeValue
	if m.Type == Counter {
		kind = prometheus.CounterValue
	}
	s.to <- prometheus.MustNewConstMetric(m.desc, kind, value, labels...)
}

func (s sender) histogram(m *Metric, h *histogram, labels ...string) {
	count, sum, buckets := h.read()
	s.to <- prometheus.MustNewConstHistogram(m.desc, count, sum, buckets, labels...)
}

// pool sends the gauges of one pool.
func (s sender) pool(st pool.Stat) {
	s.one(poolDesired, float64(st.Desired), st.Name)
	s.one(queueLength, float64(st.Queue), st.Name)
	s.one(queueAge, st.Waited.Seconds(), st.Name)
	s.one(callsInFlight, float64(st.Busy), st.Name)
	states := map[string]int{}
	for _, slot := range st.Slots {
		states[stateOf(slot)]++
		s.worker(st.Name, slot)
	}
	for _, state := range workerStates {
		s.one(poolWorkers, float64(states[state]), st.Name, state)
	}
}

func stateOf(slot pool.SlotStat) string {
	state := supervisor.Dead
	if slot.Worker != nil {
		state = slot.Worker.State
	}
	if slot.Spare && state == supervisor.Ready {
		return stateSpare
	}
	return strings.ToLower(state.String())
}

// worker sends what the kernel says of the process in a slot; nothing where
// there is none, or no /proc.
func (s sender) worker(name string, slot pool.SlotStat) {
	if slot.Worker == nil || slot.Worker.PID == 0 {
		return
	}
	proc, err := procfs.NewProc(slot.Worker.PID)
	if err != nil {
		return
	}
	stat, err := proc.Stat()
	if err != nil {
		return
	}
	number := strconv.Itoa(slot.Slot)
	s.one(workerMemory, float64(stat.ResidentMemory()), name, number)
	s.one(workerCPU, stat.CPUTime(), name, number)
}

// counters sends all that only grows. Every word of a label is there from the
// start, or the first of something would be no increase to Prometheus; but for
// the codes of methods, where there are too many that never come.
func (s sender) counters(m *Meters) {
	pools, called := m.snapshot()
	for name, pool := range pools {
		p := pool.counts()
		for i, outcome := range outcomes {
			n := p.answers[i]
			called[i] += n
			s.one(calls, float64(n), name, outcome)
		}
		s.histogram(callDuration, &p.took, name)
		s.histogram(callQueue, &p.queued, name)
		s.histogram(workerStart, &p.started, name)
		for i, reason := range startReasons {
			s.one(workerStarts, float64(p.starts[i]), name, string(reason))
		}
		for i, reason := range exitReasons {
			s.one(workerExits, float64(p.exits[i]), name, string(reason))
		}
		for i, level := range logLevels {
			s.one(workerLines, float64(p.lines[i]), name, level)
		}
		s.one(workerUnlogged, float64(p.dropped), name)
	}
	s.requests(methodCall, called)
	for name, r := range m.methods {
		var counts [outcomeCount]uint64
		for i := range r {
			counts[i] = r[i].Load()
		}
		s.requests(name, counts)
	}
}

// requests sends one method's counters: several outcomes share a code.
func (s sender) requests(method string, counts [outcomeCount]uint64) {
	byCode := map[string]uint64{}
	for i, n := range counts {
		if n > 0 || i == 0 && method != methodRefused && method != methodUnknown {
			byCode[codeOf(i)] += n
		}
	}
	for code, n := range byCode {
		s.one(rpcRequests, float64(n), method, code)
	}
}

// Look is what a scrape, or a question for health, sees of the daemon.
type Look struct {
	Draining    bool
	Connections int
	Pools       []PoolLook
}

// PoolLook is one pool of it.
type PoolLook struct {
	Stat     pool.Stat
	Declared bool // in the configuration; the others were imported by hosts
}

// named are the declared pools of a status.
func (l Look) named(statuses ...pool.Status) (names []string) {
	for _, p := range l.Pools {
		if p.Declared && slices.Contains(statuses, p.Stat.Status) {
			names = append(names, p.Stat.Name)
		}
	}
	return names
}
