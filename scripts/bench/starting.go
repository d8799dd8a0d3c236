package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// daemonStart is the whole program, from its start to its first answer.
func daemonStart(b *bench, name, method, params string) *contender {
	return &contender{name: name, host: hostGo, kind: ours, ask: turnsOf(func(ctx context.Context) (time.Duration, error) {
		dir, err := os.MkdirTemp(b.dir, "start")
		if err != nil {
			return 0, fmt.Errorf("make a daemon's directory: %w", err)
		}
		defer os.RemoveAll(dir)
		config, socket := filepath.Join(dir, "config.toml"), filepath.Join(dir, "rpc.sock")
		if err := os.WriteFile(config, []byte(poolTable(poolOne, moduleSync, "workers = 1")), 0o600); err != nil {
			return 0, fmt.Errorf("write the configuration: %w", err)
		}
		started := time.Now()
		p, err := startProcess(ctx, name, nil, b.daemon, "serve", "--config", config, "--socket", socket,
			"--control-socket", filepath.Join(dir, "ctl.sock"), "--python", b.python, "--python-path", b.py)
		if err != nil {
			return 0, err
		}
		took, err := firstAnswer(started, socket, method, params)
		if err != nil {
			err = fmt.Errorf("%w: %s", err, p.words())
		}
		// It has no input whose end would end it.
		if failed := p.terminate(); err == nil {
			err = failed
		}
		return took, err
	})}
}

// knock is how often a socket is tried that is not there yet.
const knock = 200 * time.Microsecond

func firstAnswer(started time.Time, socket, method, params string) (time.Duration, error) {
	ticker := time.NewTicker(knock)
	defer ticker.Stop()
	for time.Since(started) < readyLimit {
		h, err := rig.Dial(socket)
		if err != nil {
			<-ticker.C
			continue
		}
		a, err := h.Call(method, params)
		took := time.Since(started)
		h.Close()
		if err == nil && a.Error != nil {
			err = fmt.Errorf("%s: %s", method, a.Error.Message)
		}
		return took, err
	}
	return 0, fmt.Errorf("nobody listened within %s", readyLimit)
}
