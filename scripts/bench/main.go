// Command bench measures what a call costs: through the daemon, from Go, Python
// and Node, with a pool embedded and no daemon at all, beside what the machine's
// bare pipes cost and beside what others' ways to call Python cost, each used
// as its own users use it.
//
// A hop takes 5 or 30 µs as the core that it wakes was awake or asleep, so no
// time means anything by itself. All lanes of a family take turns in one run,
// and what is promised, reported and kept by the gate are ratios of one run;
// every figure is the median over several. What cannot run on this machine is
// named with the reason and never left out.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const wholeBench = 40 * time.Minute // it takes a quarter of that; more is a hang

func main() {
	if len(os.Args) > 2 && os.Args[1] == relayCommand {
		if err := relay(context.Background(), os.Args[2:]); err != nil {
			fmt.Fprintf(os.Stderr, "bench relay: %v\n", err)
			os.Exit(1)
		}
		return
	}
	var o options
	flag.StringVar(&o.daemon, "daemon", "bin/mochi-pyd", "the `program` to measure")
	flag.StringVar(&o.python, "python", "python3", "the `interpreter` of workers, floors and peers")
	flag.StringVar(&o.py, "py", filepath.Join("scripts", "bench", "py"), "`directory` of the benchmark's Python files")
	flag.StringVar(&o.goplugin, "goplugin", "", "the `program` that is the gRPC peers' Go host")
	flag.IntVar(&o.runs, "runs", 5, "interleaved runs")
	flag.StringVar(&o.only, "only", "", "comma-separated `names` of families to run; empty is all")
	flag.BoolVar(&o.quick, "quick", false, "fewer rounds: to see that all of it runs")
	flag.StringVar(&o.out, "out", "", "`file` for the report as JSON")
	flag.StringVar(&o.gate, "gate", "", "a committed `report`: fail when a ratio of ours is worse, and leave the peers out")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, wholeBench)
	err := run(ctx, o)
	cancel()
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

type options struct {
	daemon, python, py, goplugin string
	runs                         int
	only, out, gate              string
	quick                        bool
}

type familyOpener struct {
	name string
	open func(context.Context, *bench) (*family, error)
}

func familyNames() string {
	names := make([]string, 0, len(families))
	for _, f := range families {
		names = append(names, f.name)
	}
	return strings.Join(names, ", ")
}

// families in the order they run: opened one after the other, so that none
// pays for another's processes.
var families = []familyOpener{
	{familyOne, latency},
	{familyPiped, pipelined},
	{familyDepths, depths},
	{familyHosts, hosts},
	{familyPayload, payload},
	{familyRestart, restart},
	{familyMemory, memories},
	{familyCrowd, crowd},
	{familySleeps, coroutines},
}

func run(ctx context.Context, o options) (err error) {
	if want := wanted(o.only); !slices.ContainsFunc(families, func(f familyOpener) bool { return want(f.name) }) {
		return fmt.Errorf("-only %s names no family: they are %s", o.only, familyNames())
	}
	b, err := newBench(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	started := time.Now()
	var r *report
	var failed error
	if o.gate != "" {
		r, failed = b.gate(ctx, os.Stdout, o.gate, wanted(o.only))
	} else {
		r, failed = b.measure(ctx, wanted(o.only))
		r.print(os.Stdout)
		r.printVerdicts(os.Stdout)
	}
	fmt.Printf("\nmeasured in %s\n", time.Since(started).Round(time.Second))
	if o.out != "" && r != nil {
		failed = errors.Join(failed, r.write(o.out))
	}
	return failed
}

// measure runs the families that are wanted. What it could not run is an
// error; the report holds the rest.
func (b *bench) measure(ctx context.Context, want func(string) bool) (*report, error) {
	r := &report{Schema: schema, Machine: thisMachine(ctx, b.python), Runs: b.runs, Quick: b.quick}
	var failed error
	for _, f := range families {
		if !want(f.name) {
			continue
		}
		started := time.Now()
		opened, err := f.open(ctx, b)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", f.name, err), shut(opened.closers))
			continue
		}
		result, err := opened.run(ctx, b.runs)
		fmt.Fprintf(os.Stderr, "bench: %s took %s\n", f.name, time.Since(started).Round(time.Second))
		failed = errors.Join(failed, err)
		r.Families = append(r.Families, result)
	}
	r.gather()
	r.judge()
	return r, failed
}

func wanted(only string) func(string) bool {
	names := strings.Split(only, ",")
	return func(name string) bool {
		for _, n := range names {
			if strings.Contains(name, strings.TrimSpace(n)) {
				return true
			}
		}
		return false
	}
}

func newBench(o options) (*bench, error) {
	b := &bench{runs: max(o.runs, 1), quick: o.quick}
	for _, p := range []struct {
		from string
		to   *string
	}{{o.daemon, &b.daemon}, {o.python, &b.python}, {o.py, &b.py}, {o.goplugin, &b.goplugin}} {
		if p.from == "" {
			continue
		}
		path := p.from
		if !strings.Contains(path, "/") {
			found, err := exec.LookPath(path)
			if err != nil {
				return nil, err
			}
			path = found
		}
		full, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		*p.to = full
	}
	if node, err := exec.LookPath("node"); err == nil {
		b.node = node
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	b.self = self
	// Not below the working directory: a socket's path is short or no path.
	if b.dir, err = os.MkdirTemp("", "mochi-bench"); err != nil {
		return nil, fmt.Errorf("make a scratch directory: %w", err)
	}
	return b, nil
}
