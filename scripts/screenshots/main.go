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

	"github.com/mochilang/mochi-pyd/internal/rig"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "screenshots: %v\n", err)
		os.Exit(1)
	}
}

// config is the shop.
const config = `
[pool-defaults]
backoff-min = "100ms"

[pools.orders]
workers = 1

[pools.images]
workers = 3

[pools.reports]
workers = 2
`

func run() error {
	daemon := flag.String("daemon", "bin/mochi-pyd", "the program")
	out := flag.String("out", ".github", "where the pictures go")
	modules := flag.String("modules", "scripts/screenshots/py", "where the shop's modules are")
	worked := flag.Duration("work", 64*time.Second, "how long the shop works first: a sparkline has a minute")
	width := flag.Int("width", 118, "columns of top's terminal")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	binary, err := filepath.Abs(*daemon)
	if err != nil {
		return err
	}
	py, err := filepath.Abs(*modules)
	if err != nil {
		return err
	}
	python, _, err := rig.Python(ctx)
	if err != nil {
		return err
	}
	d, err := rig.Start(ctx, rig.Options{Binary: binary, Python: python, PythonPath: py, Config: config})
	if err != nil {
		return err
	}
	return errors.Join(pictures(ctx, d, *out, *worked, *width), d.Stop())
}

func pictures(ctx context.Context, d *rig.Daemon, out string, worked time.Duration, width int) error {
	fmt.Printf("screenshots: the shop works for %s\n", worked)
	working, end := context.WithCancel(ctx)
	defer end()
	shop, err := work(working, d.Socket)
	if err != nil {
		return err
	}
	defer shop.Wait()
	defer end()
	env := []string{"MOCHI_PYD_CONTROL_SOCKET=" + d.Control}
	live, err := openTerminal(ctx, width, 17, env, d.Binary+" top")
	if err != nil {
		return err
	}
	defer live.close()
	select {
	case <-time.After(worked):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := live.draw(ctx, filepath.Join(out, "top.svg"), "mochi-pyd top"); err != nil {
		return err
	}
	once, err := openTerminal(ctx, width, 18, env, fmt.Sprintf(
		`printf '$ mochi-pyd status\n'; %[1]s status; printf '\n$ mochi-pyd ps\n'; %[1]s ps; printf '\033[?25l'; exec cat`, d.Binary))
	if err != nil {
		return err
	}
	defer once.close()
	if err := once.await(ctx, "LAST-EXIT", "reports/1"); err != nil {
		return err
	}
	return once.draw(ctx, filepath.Join(out, "ps.svg"), "mochi-pyd status, mochi-pyd ps")
}
