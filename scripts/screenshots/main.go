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
	daemon := flag.String("daemon", "", "the program; else it is built here, as version "+shown)
	out := flag.String("out", ".github", "where the pictures go")
	modules := flag.String("modules", "scripts/screenshots/py", "where the shop's modules are")
	worked := flag.Duration("work", 64*time.Second, "how long the shop works first: a sparkline has a minute")
	width := flag.Int("width", 118, "columns of top's terminal")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	binary, remove, err := program(ctx, *daemon)
	if err != nil {
		return err
	}
	defer remove()
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

// shown is the version in the pictures: a commit's would change with each.
const shown = "v1.0.0"

// program is the one that is named, or one that is built for the pictures.
func program(ctx context.Context, named string) (path string, remove func(), err error) {
	if named != "" {
		path, err = filepath.Abs(named)
		return path, func() {}, err
	}
	dir, err := os.MkdirTemp("", "mochi-screenshots")
	if err != nil {
		return "", nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) } // in a directory that is cleaned anyway
	path = filepath.Join(dir, "mochi-pyd")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w -X main.version="+shown, "-o", path, "./cmd/mochi-pyd")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		remove()
		return "", nil, fmt.Errorf("the program does not build: %w", err)
	}
	return path, remove, nil
}

const (
	topLines = 21
	psLines  = 18
	tries    = 50 // looks at ps until each pool is at work in it
)

// busy is what a picture shows: each pool at work.
var busy = []string{"thumbnail", "monthly", "coroutines"}

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
	live, err := openTerminal(ctx, width, topLines, env, d.Binary+" top")
	if err != nil {
		return err
	}
	defer live.close()
	select {
	case <-time.After(worked):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := live.press(ctx, "Tab", "Down", "Down", "l"); err != nil {
		return err
	}
	if err := live.await(ctx, append(busy, "LOG reports", "orders to read")...); err != nil {
		return err
	}
	if err := live.draw(ctx, filepath.Join(out, "top.svg"), "mochi-pyd top"); err != nil {
		return err
	}
	return printed(ctx, d, filepath.Join(out, "ps.svg"), width, env)
}

// printed is the picture of what is printed once: until there is enough to see.
func printed(ctx context.Context, d *rig.Daemon, out string, width int, env []string) error {
	line := fmt.Sprintf(`printf '$ mochi-pyd status\n'; %[1]s status; printf '\n$ mochi-pyd ps\n'; %[1]s ps; printf '\033[?25l'; exec cat`, d.Binary)
	for range tries {
		once, err := openTerminal(ctx, width, psLines, env, line)
		if err != nil {
			return err
		}
		defer once.close()
		if err := once.await(ctx, "LAST-EXIT", "reports/1"); err != nil {
			return err
		}
		if all, err := once.holds(ctx, busy...); err != nil || !all {
			continue
		}
		return once.draw(ctx, out, "mochi-pyd status, mochi-pyd ps")
	}
	return fmt.Errorf("%s was never all at work, in %d looks", busy, tries)
}
