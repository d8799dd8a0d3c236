package daemon

import (
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"

	"github.com/mochilang/mochi-pyd/internal/metrics"
	"github.com/mochilang/mochi-pyd/internal/version"
	"github.com/mochilang/mochi-pyd/rpc"
)

// hearer is what each answer of a pool is told to, in a daemon whose metrics are
// served or are not.
func hearer(counting bool) func(*rpc.Call, time.Time, *rpc.Error) {
	d := &Daemon{log: hclog.NewNullLogger(), meters: metrics.New(version.Of("test")), counting: counting}
	return d.hears("p", d.meters.Open("p"))
}

// pipelined are calls as a busy connection has them: from 50 µs on, most of that in
// a queue.
func pipelined() (calls [64]*rpc.Call, at time.Time) {
	at = time.Now()
	for i := range calls {
		calls[i] = &rpc.Call{Arrived: at.Add(-time.Duration(50+4*i) * time.Microsecond), Service: 3 * time.Microsecond}
	}
	return calls, at
}

// spent is the time that the process has had a processor for: on a machine that is
// busy with others the clock says nothing.
func spent(tb testing.TB) time.Duration {
	tb.Helper()
	var use unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &use); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// BenchmarkObserve is what is added to each call that goes well, by the clock and
// by processor time: counted or not, and by two workers' readers at a time.
func BenchmarkObserve(b *testing.B) {
	for _, v := range []struct {
		name     string
		counting bool
	}{{"counted", true}, {"uncounted", false}} {
		b.Run(v.name, func(b *testing.B) {
			told := hearer(v.counting)
			calls, at := pipelined()
			before := spent(b)
			for i := 0; b.Loop(); i++ {
				told(calls[i%len(calls)], at, nil)
			}
			b.ReportMetric(float64(spent(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
	b.Run("counted by two", func(b *testing.B) {
		told := hearer(true)
		before := spent(b)
		b.RunParallel(func(p *testing.PB) {
			calls, at := pipelined()
			for i := 0; p.Next(); i++ {
				told(calls[i%len(calls)], at, nil)
			}
		})
		b.ReportMetric(float64(spent(b)-before)/float64(b.N), "cpu-ns/op")
	})
}

// TestCountingACallCostsAFiftiethOfItAtMost: a pipelined call costs the daemon about
// 3.0 µs of processor time, and that its metrics are served may add 2 % to that.
func TestCountingACallCostsAFiftiethOfItAtMost(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes each access cost many times its own time")
	}
	const (
		call    = 3 * time.Microsecond
		most    = call / 50
		tries   = 20
		answers = 200_000
	)
	calls, at := pipelined()
	cost := func(counting bool) time.Duration {
		told := hearer(counting)
		best := time.Hour
		for range tries {
			before := spent(t)
			for i := range answers {
				told(calls[i%len(calls)], at, nil)
			}
			best = min(best, spent(t)-before)
		}
		return best
	}
	counted, uncounted := cost(true), cost(false)
	t.Logf("each answer costs %.1f ns with metrics and %.1f ns without", float64(counted)/answers, float64(uncounted)/answers)
	if added := (counted - uncounted) / answers; added > most {
		t.Errorf("metrics add %s to a call, promised at most %s", added, most)
	}
}
