package top

import (
	"math"
	"time"

	"github.com/mochilang/mochi-pyd/internal/cells"
	"github.com/mochilang/mochi-pyd/internal/daemon"
)

// minute is how many looks are kept, one a second.
const minute = 60

// Past is what one look cannot tell: the last minute of each pool, and what each
// worker used between the last two looks.
type Past struct {
	daemon  daemon.DaemonStatus // another one begins anew
	pools   map[string]*track
	workers map[string]usage
}

// track is one pool's last minute.
type track struct {
	at    time.Time
	calls uint64
	seen  int       // looks, so that the bars of a sparkline keep their seconds
	rate  []float64 // calls a second, NaN for a second nobody looked
	p95   []float64
}

// usage is a worker's processor time, and the part of a core it took of late.
type usage struct {
	pid     int
	at      time.Time
	seconds float64
	percent float64
}

// anew says whether a daemon is another one than before. Its process is not
// enough: in a container each of them is the first.
func anew(was, is daemon.DaemonStatus) bool { return was.PID != is.PID || is.UptimeMS < was.UptimeMS }

// Add takes the next look.
func (p *Past) Add(s Snapshot) {
	if p.pools == nil || anew(p.daemon, s.Status.Daemon) {
		*p = Past{pools: map[string]*track{}, workers: map[string]usage{}}
	}
	p.daemon = s.Status.Daemon
	there := map[string]bool{}
	for _, pool := range s.Status.Pools {
		there[pool.Pool] = true
		if p.pools[pool.Pool] == nil {
			p.pools[pool.Pool] = &track{at: s.At, calls: pool.Calls}
			continue
		}
		p.pools[pool.Pool].add(s.At, pool)
	}
	for name := range p.pools {
		if !there[name] {
			delete(p.pools, name)
		}
	}
	now := make(map[string]usage, len(s.Workers))
	for _, w := range s.Workers {
		name := cells.Worker(w)
		now[name] = p.workers[name].next(s.At, w)
	}
	p.workers = now
}

func (t *track) add(at time.Time, pool daemon.PoolStatus) {
	took := at.Sub(t.at)
	if took <= 0 {
		return
	}
	for range min(int(took.Round(time.Second)/time.Second)-1, minute) {
		t.push(math.NaN(), math.NaN())
	}
	calls := pool.Calls - min(t.calls, pool.Calls) // a pool that began anew counts from zero
	t.at, t.calls = at, pool.Calls
	t.push(float64(calls)/took.Seconds(), pool.P95MS)
}

func (t *track) push(rate, p95 float64) {
	keep := func(all []float64, v float64) []float64 {
		all = append(all, v)
		return all[max(0, len(all)-minute):]
	}
	t.rate, t.p95 = keep(t.rate, rate), keep(t.p95, p95)
	t.seen++
}

// next is the usage up to this look. The first look at a process has its whole
// life's; the daemon says only that, which with its age is a processor time.
func (u usage) next(at time.Time, w daemon.WorkerStatus) usage {
	n := usage{pid: w.PID, at: at, seconds: w.CPUPercent / 100 * cells.FromMS(w.AgeMS).Seconds(), percent: w.CPUPercent}
	if took := at.Sub(u.at).Seconds(); u.pid == w.PID && took > 0 {
		n.percent = max(0, 100*(n.seconds-u.seconds)/took)
	}
	return n
}

// percent is the part of a core that a worker took of late.
func (p *Past) percent(w daemon.WorkerStatus) float64 { return p.workers[cells.Worker(w)].percent }

// rates is the last minute of a pool's calls, as bars.
func (p *Past) rates(pool string, width int) string {
	if t := p.pools[pool]; t != nil {
		return spark(t.rate, t.seen, width)
	}
	return ""
}

// p95s is the last minute of a pool's 95th percentile.
func (p *Past) p95s(pool string, width int) string {
	if t := p.pools[pool]; t != nil {
		return spark(t.p95, t.seen, width)
	}
	return ""
}
