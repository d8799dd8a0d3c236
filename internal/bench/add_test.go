package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

const (
	rounds     = 60  // of all contenders, one after the other
	perRound   = 200 // round trips of each: long enough to settle, short beside the machine's moods
	warmUp     = 500 // depth and polling adapt to what they see
	buildLimit = 5 * time.Minute

	// The promise: p50 through the daemon under 2 × the bare two-hop echo.
	mostTimesTwoHops = 2.0
)

func TestMain(m *testing.M) {
	if os.Getenv(relayVariable) != "" {
		if err := relay(os.Args[1:]); err != nil {
			fmt.Fprintf(os.Stderr, "relay: %v\n", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// BenchmarkAddThroughDaemonBesideBarePipes asks the real program, as its own
// process, for operator.add([3,4]) over its socket, and moves the same line
// through a bare Python loop, directly (one hop) and behind a bare relay process
// (two hops, as the daemon has).
func BenchmarkAddThroughDaemonBesideBarePipes(b *testing.B) {
	ctx, cancel := context.WithTimeout(context.Background(), buildLimit)
	defer cancel()
	python, _, err := rig.Python(ctx)
	if err != nil {
		b.Fatal(err)
	}
	binary, err := rig.Build(ctx, b.TempDir(), false)
	if err != nil {
		b.Fatal(err)
	}
	d, err := rig.Start(ctx, rig.Options{Binary: binary, Python: python, Workers: 1, Args: []string{"--log-level", "info"}})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := d.Stop(); err != nil {
			b.Error(err)
		}
	}()
	echo, err := filepath.Abs(filepath.Join("testdata", "echo.py"))
	if err != nil {
		b.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	line := []byte(`{"jsonrpc":"2.0","id":1,"method":"operator.add","params":[3,4]}` + "\n")
	contenders := []*contender{
		overPipes(b, "one hop: bare Python echo", line, nil, python, "-u", echo),
		overPipes(b, "two hops: the same behind a bare relay", line, []string{relayVariable + "=1"}, self, python, "-u", echo),
		overSocket(b, "add through the daemon", d.Socket, line, []byte(`{"jsonrpc":"2.0","id":1,"result":7}`+"\n")),
	}
	interleave(b, contenders, warmUp/perRound+1)
	for _, c := range contenders {
		c.took = c.took[:0]
	}
	for b.Loop() {
		interleave(b, contenders, rounds)
	}
	report(b, contenders)
}

// interleave gives each contender its turn, again and again, so that whatever
// the machine does it does to all of them.
func interleave(b *testing.B, contenders []*contender, rounds int) {
	b.Helper()
	for range rounds {
		for _, c := range contenders {
			for range perRound {
				if err := c.ask(); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
}

func report(b *testing.B, contenders []*contender) {
	b.Helper()
	one, two, daemon := contenders[0], contenders[1], contenders[2]
	fmt.Fprintf(os.Stdout, "\n%-42s %9s %9s %9s\n", "", "p50", "p90", "p99")
	for _, c := range contenders {
		fmt.Fprintf(os.Stdout, "%-42s %9s %9s %9s\n", c.name, c.p(50), c.p(90), c.p(99))
	}
	overTwo, overOne := ratio(daemon, two), ratio(daemon, one)
	fmt.Fprintf(os.Stdout, "through the daemon: %.2f × two hops, %.2f × one hop (p50; promised < %.1f × two hops)\n", overTwo, overOne, mostTimesTwoHops)
	b.ReportMetric(micros(one.p(50)), "onehop-p50-µs")
	b.ReportMetric(micros(two.p(50)), "twohop-p50-µs")
	b.ReportMetric(micros(daemon.p(50)), "daemon-p50-µs")
	b.ReportMetric(overTwo, "x-twohop")
	b.ReportMetric(overOne, "x-onehop")
	b.ReportMetric(0, "ns/op") // of an arbitrary number of calls: says nothing
	if overTwo >= mostTimesTwoHops {
		b.Errorf("p50 through the daemon is %.2f × the bare two-hop echo of the same run, promised < %.1f ×", overTwo, mostTimesTwoHops)
	}
}

func ratio(a, b *contender) float64 { return float64(a.p(50)) / float64(b.p(50)) }

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
