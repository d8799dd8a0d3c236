// Command demo shows the program at work, as a host sees it: it starts
// mochi-pyd serve on private sockets, calls a dozen real modules, fetches real
// HTTP from a FastAPI application through httpx and aiohttp inside workers,
// kills workers under load, and prints what happened as a table. It ends by
// itself: with status 0 when every answer was the expected one, else with 1 and
// a line for each thing that was not.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

const wholeDemo = 3 * time.Minute // it takes seconds; more is a hang

func main() {
	daemon := flag.String("daemon", "bin/mochi-pyd", "the `program` to show")
	python := flag.String("python", "python3", "the workers' `interpreter`, which has the demo's modules")
	modules := flag.String("modules", filepath.Join("scripts", "demo", "py"), "`directory` of the demo's own modules")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, wholeDemo)
	err := run(ctx, *daemon, *python, *modules)
	cancel()
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "demo: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, program, python, modules string) (err error) {
	started := time.Now()
	d, err := startDaemon(ctx, program, python, modules)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	fmt.Printf("%s serves on %s, ready %s after it was started\n", program, d.socket, round(time.Since(started)))

	c, err := dial(ctx, d.socket)
	if err != nil {
		return err
	}
	defer c.close()
	operator, err := dial(ctx, d.control)
	if err != nil {
		return err
	}
	defer operator.close()

	t := newTally()
	for _, s := range shelf {
		callModule(ctx, c, t, s)
	}
	if err := fetchHTTP(ctx, c, t); err != nil {
		return err
	}
	restarts, err := killUnderLoad(ctx, c, operator, t)
	if err != nil {
		return err
	}
	t.print(os.Stdout)
	fmt.Printf("\n%d workers killed under load: %d calls died with them (worker_lost); the replacement's first answer came after %s\n",
		len(restarts), t.errors("demo_load", "worker_lost"), durations(restarts))
	fmt.Printf("%d calls to %d modules, each answered once, in %s\n", t.calls(), t.modules(), round(time.Since(started)))
	return t.verdict()
}
