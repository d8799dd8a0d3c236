package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// The lanes of restarts, each beside a bare start with the same imports.
const (
	familyRestart   = "restart"
	laneBare        = "bare python3 start"
	laneBareNumpy   = "bare python3 start, import numpy"
	laneKill        = "kill → next answer"
	laneKillNumpy   = "kill → next answer, numpy"
	lanePreload     = "restart-preload-numpy"
	laneSpare       = "restart-spare"
	laneCold        = "cold import of a module → answer"
	laneDaemonReady = "daemon start → ping answered"
	laneDaemonFirst = "daemon start → first call answered"

	poolHeavy = "heavy"
)

// restart is how long nobody answers after a death, or before a first call.
func restart(ctx context.Context, b *bench) (*family, error) {
	f := &family{name: familyRestart, about: "from a worker's death, or a first demand, to the next answer", base: laneBare, rounds: b.scaled(5)}
	const calls = 2
	add := func(base string, c *contender, err error) {
		if l := f.add(c, err, 1, calls); l != nil {
			l.base = base
		}
	}
	add("", bareStart(b, laneBare, ""), nil)
	add("", bareStart(b, laneBareNumpy, "import numpy"), nil)

	s, err := b.serve(ctx, "[daemon]\nimport-policy = \"any\"\n\n"+
		poolTable(poolOne, moduleSync, "workers = 1")+poolTable(poolHeavy, moduleNumpy, "workers = 1"))
	if err != nil {
		return f, err
	}
	f.closers = append(f.closers, s.Stop)
	c, err := killed(s, laneKill, poolOne)
	add("", c, err)
	c, err = killed(s, laneKillNumpy, poolHeavy)
	add(laneBareNumpy, c, err)

	// One thread of OpenBLAS, which is what can be forked.
	c, err = killedWith(ctx, b, f, lanePreload, moduleNumpy, "preload = true", `env = { OPENBLAS_NUM_THREADS = "1" }`)
	add(laneBareNumpy, c, err)
	c, err = killedWith(ctx, b, f, laneSpare, moduleSync, "spare = 1")
	add("", c, err)

	c, err = coldImport(ctx, b, f)
	add("", c, err)
	add("", daemonStart(b, laneDaemonReady, "mochi.ping", ""), nil)
	add("", daemonStart(b, laneDaemonFirst, poolOne+".add", "[3,4]"), nil)
	return f, nil
}

// bareStart is an interpreter that says one byte as soon as it can run code.
func bareStart(b *bench, name, imports string) *contender {
	code := fmt.Sprintf("import os\n%s\nos.write(1, b'.')", imports)
	return &contender{name: name, host: hostGo, kind: floor, ask: turnsOf(func(ctx context.Context) (time.Duration, error) {
		started := time.Now()
		p, err := startProcess(ctx, name, nil, b.python, "-c", code)
		if err != nil {
			return 0, err
		}
		var one [1]byte
		_, err = p.out.Read(one[:])
		took := time.Since(started)
		if err != nil {
			return 0, fmt.Errorf("%s: %w: %s", name, err, p.words())
		}
		return took, p.end()
	})}
}

// killedWith is killed with a daemon of its own, which may refuse the pool's
// keys.
func killedWith(ctx context.Context, b *bench, f *family, name, module string, keys ...string) (*contender, error) {
	s, err := b.serve(ctx, poolTable(poolOne, module, append(keys, "workers = 1")...))
	if err != nil {
		return &contender{name: name}, refused(err)
	}
	f.closers = append(f.closers, s.Stop)
	return killed(s, name, poolOne)
}

// coldImport calls functions of modules that nobody has called before.
func coldImport(ctx context.Context, b *bench, f *family) (*contender, error) {
	c := &contender{name: laneCold, host: hostGo, kind: ours}
	dir := b.modules()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return c, fmt.Errorf("make a directory for modules: %w", err)
	}
	// They end soon after: what is measured is the first call, not a crowd.
	s, err := b.serve(ctx, "[daemon]\nimport-policy = \"any\"\nmax-pools = 1000\n\n[pool-defaults]\nworkers = 1\nidle-timeout = \"1s\"\n")
	if err != nil {
		return c, err
	}
	f.closers = append(f.closers, s.Stop)
	host, err := s.dial()
	if err != nil {
		return c, err
	}
	f.closers = append(f.closers, host.Close)
	number := 0
	c.ask = turnsOf(func(context.Context) (time.Duration, error) {
		number++
		name := fmt.Sprintf("bench_cold_%d", number)
		text := "def add(a, b):\n    return a + b\n"
		if err := os.WriteFile(filepath.Join(dir, name+".py"), []byte(text), 0o600); err != nil {
			return 0, fmt.Errorf("write a module: %w", err)
		}
		started := time.Now()
		err := host.sum(name + ".add")
		return time.Since(started), err
	})
	return c, nil
}
