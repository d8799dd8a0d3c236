// Deadlock is the daemon as "serve" runs it under a service manager, with one
// signal more: SIGUSR1 takes the lock of its first pool and never gives it back.
// That is the failure which the watchdog is there for, and which no function of
// the program lets anybody bring about.
//
//	deadlock CONFIG
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"reflect"
	"sync"
	"syscall"
	"unsafe"

	"github.com/mochilang/mochi-pyd/internal/config"
	"github.com/mochilang/mochi-pyd/internal/daemon"
	"github.com/mochilang/mochi-pyd/internal/logs"
	"github.com/mochilang/mochi-pyd/internal/sock"
	"github.com/mochilang/mochi-pyd/pool"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(file string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	c, err := config.Load(file)
	if err != nil {
		return err
	}
	log, lines := logs.New(logs.Options{Format: logs.FormatJournal, Output: os.Stderr})
	defer lines.Close()
	passed, err := sock.Passed()
	if err != nil {
		return err
	}
	scripts, err := sock.Here().RuntimeDir()
	if err != nil {
		return err
	}
	d, err := daemon.New(daemon.Options{Config: c, Logger: log, Environ: os.Environ(), RuntimeDir: scripts})
	if err != nil {
		return err
	}
	usr1 := make(chan os.Signal, 1)
	signal.Notify(usr1, syscall.SIGUSR1)
	go func() {
		<-usr1
		lockOf(d).Lock()
	}()
	return d.Run(ctx, daemon.Listeners{Host: passed[sock.FDHost], Control: passed[sock.FDControl]})
}

// lockOf is the lock of the daemon's first pool.
func lockOf(d *daemon.Daemon) *sync.Mutex {
	registry := field(reflect.ValueOf(d), "pools").Elem()
	routes := field(registry, "now").MethodByName("Load").Call(nil)[0]
	served := field(routes, "all").Elem().Index(0)
	p, _ := field(served, "pool").Elem().Interface().(*pool.Pool)
	mu, _ := field(reflect.ValueOf(p), "mu").Interface().(*sync.Mutex)
	return mu
}

// field points to a field of what a pointer points to, whoever may name it.
func field(pointer reflect.Value, name string) reflect.Value {
	f := pointer.Elem().FieldByName(name)
	return reflect.NewAt(f.Type(), unsafe.Pointer(f.UnsafeAddr()))
}
