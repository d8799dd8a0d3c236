package daemon

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/mochilang/mochi-pyd/internal/config"
	"github.com/mochilang/mochi-pyd/internal/python"
	"github.com/mochilang/mochi-pyd/pool"
	"github.com/mochilang/mochi-pyd/render"
	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// newPool joins a pool's settings to what its workers run: the one place where
// render and pool meet. number is the pool's own among all there ever are.
func (d *Daemon) newPool(s config.Pool, number int) (*pool.Pool, error) {
	script, err := scriptOf(s)
	if err != nil {
		return nil, err
	}
	var nursery *supervisor.Nursery
	if s.Preload {
		nursery = supervisor.NewNursery(supervisor.NurseryConfig{
			Pool: s.Name, Spawner: d.opt.Spawner, Hook: d.observe,
			StartTimeout: s.StartTimeout, StopTimeout: s.StopTimeout,
			MaxMessage: int(d.settings().MaxMessage), LogRate: orNever(d.settings().LogRate),
		})
	}
	return pool.New(pool.Options{
		Config:  d.poolConfig(s, number),
		Spawner: d.opt.Spawner,
		Nursery: nursery,
		Ledger:  d.handles,
		Command: d.commandOf(s, script),
		Hook:    d.observe,
		Watch:   d.observeStatus,
	})
}

// scriptOf renders what the pool's workers run.
func scriptOf(s config.Pool) (render.Script, error) {
	script, err := render.RenderWorker(workerOptions(s))
	if err != nil {
		return script, rpc.Errorf(rpc.KindMethodNotFound, "%s cannot be imported: %s", s.Module, strings.TrimPrefix(err.Error(), "render: "))
	}
	return script, nil
}

// commandOf says what to start for a pool of these settings.
func (d *Daemon) commandOf(s config.Pool, script render.Script) pool.Command {
	return func(ctx context.Context) (supervisor.Command, error) { return d.command(ctx, s, script) }
}

// poolConfig is what the settings are to the pool itself.
func (d *Daemon) poolConfig(s config.Pool, number int) pool.Config {
	return pool.Config{
		Name: s.Name, Number: number, Module: s.Module, Modules: s.Modules, MaxHandles: s.MaxHandles,
		Workers: s.Workers, Spare: s.Spare, Concurrency: s.Concurrency, Depth: s.Depth,
		StartTimeout: s.StartTimeout, StopTimeout: s.StopTimeout, GracefulTimeout: s.GracefulTimeout, QueueTimeout: s.QueueTimeout,
		CallTimeout: s.CallTimeout, StreamIdleTimeout: s.StreamIdleTimeout, CancelGrace: s.CancelGrace, MaxRetries: orNever(s.MaxRetries),
		MaxRequests: s.MaxRequests, MaxRequestsJitter: s.MaxRequestsJitter, MaxAge: s.MaxAge,
		MaxWorkers: s.MaxWorkers, IdleTimeout: s.IdleTimeout,
		MaxMemory: int64(s.MaxMemory), MaxMemoryHard: int64(s.MaxMemoryHard),
		MaxQueue: s.MaxQueue, MaxRequeues: orNever(s.MaxRequeues), MaxMessage: int(d.settings().MaxMessage),
		BackoffMin: s.BackoffMin, BackoffMax: s.BackoffMax, RestartLimit: s.RestartLimit, RestartWindow: s.RestartWindow,
		LogRate: orNever(d.settings().LogRate), BusyPoll: busyPoll(s.BusyPoll), LoopPerCall: s.EventLoop == config.LoopPerCall,
	}
}

// orNever turns the configuration's 0, which means none, into a pool's: there
// 0 means the default.
func orNever(n int) int {
	if n == 0 {
		return -1
	}
	return n
}

// busyPoll turns the configuration's "auto" into a pool's default, and its "0s"
// into never.
func busyPoll(b config.BusyPoll) time.Duration {
	switch {
	case b.Auto:
		return 0
	case b.Max == 0:
		return -1
	default:
		return b.Max
	}
}

// command says what to start for a pool. It is asked anew at each spawn, so
// that an interpreter that was upgraded, or a runtime directory that a cleaner
// emptied, costs one start and not the pool.
func (d *Daemon) command(ctx context.Context, s config.Pool, script render.Script) (supervisor.Command, error) {
	inherit := d.config().File == ""
	venv := s.Venv
	if own := environ(d.opt.Environ, "VIRTUAL_ENV"); inherit && venv == "" && own != "" && s.Origins["python"].Kind == config.OriginDefault {
		venv = own
	}
	interpreter, err := d.python.Resolve(ctx, python.Spec{Python: s.Python, Venv: venv, Env: d.opt.Environ})
	if err != nil {
		return supervisor.Command{}, err
	}
	path, err := d.scripts.Put(script)
	if err != nil {
		return supervisor.Command{}, err
	}
	env := python.Environ{Daemon: d.opt.Environ, Inherit: inherit, Env: s.Env, PythonPath: s.PythonPath, Venv: venv}.Build()
	if d.opt.Dev {
		env = devEnv(env)
	}
	if environ(env, dontWriteBytecode) != "" {
		if err := d.scripts.Precompile(ctx, interpreter.Path); err != nil {
			d.log.Warn("the worker runtime could not be precompiled: workers start slower", "event", "precompile", "pool", s.Name, "error", err)
		}
	}
	return supervisor.Command{
		Path: interpreter.Path,
		Args: []string{"-u", render.Launch(path, interpreter.Tag, interpreter.Magic), strings.Join(workerOptions(s).Modules, ",")},
		Env:  env,
		Dir:  s.Cwd,
	}, nil
}

// workerOptions are what the pool's script is rendered from. A pool of one
// module in a list is a pool of one module.
func workerOptions(s config.Pool) render.WorkerOptions {
	modules := s.Modules
	if len(modules) == 0 {
		modules = []string{s.Module}
	}
	return render.WorkerOptions{Public: true, Modules: modules, Methods: s.Methods}
}

func environ(env []string, name string) string {
	for _, pair := range slices.Backward(env) {
		if v, ok := strings.CutPrefix(pair, name+"="); ok {
			return v
		}
	}
	return ""
}
