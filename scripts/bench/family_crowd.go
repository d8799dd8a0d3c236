package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// Crowds: as many as there may be.
const (
	familyCrowd  = "crowd"
	laneFew      = "8 hosts, 2 workers"
	laneCrowd    = "1,000 hosts, 64 workers"
	familySleeps = "coroutines"
	laneSleeps   = "10,000 coroutines of 100 ms, 1 worker"

	crowdHosts   = 1000
	crowdWorkers = 64
	crowdCalls   = 10_000
	sleepers     = 10_000
)

// crowd is many hosts at many workers, one call in flight each.
func crowd(ctx context.Context, b *bench) (*family, error) {
	f := &family{name: familyCrowd, about: "add(3, 4), every host one call after the other", base: laneFew, rounds: b.scaled(5)}
	if err := descriptors(2 * crowdHosts); err != nil {
		return f, err
	}
	s, err := b.serve(ctx, fmt.Sprintf("[daemon]\nmax-connections = %d\n\n", 2*crowdHosts)+
		poolTable(poolTwo, moduleSync, "workers = 2")+
		poolTable(poolOne, moduleSync, fmt.Sprintf("workers = %d", crowdWorkers)))
	if err != nil {
		return f, err
	}
	f.closers = append(f.closers, s.Stop)
	few, err := manyHosts(s, laneFew, poolTwo, 8)
	f.add(few, err, 1, crowdCalls)
	many, err := manyHosts(s, laneCrowd, poolOne, crowdHosts)
	f.add(many, err, 1, crowdCalls)
	return f, nil
}

// descriptors says so early when this process may not open enough.
func descriptors(need uint64) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return os.NewSyscallError("getrlimit", err)
	}
	if limit.Cur < need {
		return fmt.Errorf("%w: %d descriptors are allowed and %d are needed: ulimit -n", errUnavailable, limit.Cur, need)
	}
	return nil
}

// coroutines is a worker full of calls that wait.
func coroutines(ctx context.Context, b *bench) (*family, error) {
	f := &family{name: familySleeps, about: "all at once on one connection, until the last has answered", rounds: 1}
	s, err := b.serve(ctx, fmt.Sprintf("[daemon]\nmax-in-flight = %d\n\n", sleepers)+poolTable(poolLoop, moduleAsync, "workers = 1",
		fmt.Sprintf("concurrency = %d", sleepers), fmt.Sprintf("max-queue = %d", sleepers)))
	if err != nil {
		return f, err
	}
	f.closers = append(f.closers, s.Stop)
	roles, err := s.roles(poolLoop)
	if err != nil {
		return f, errors.Join(err, shut(f.closers))
	}
	conn, err := net.Dial("unix", s.Socket)
	if err != nil {
		return f, errors.Join(err, shut(f.closers))
	}
	f.closers = append(f.closers, conn.Close)
	l := newLines(laneSleeps, conn, conn, poolLoop+".nap")
	l.tail = []byte(`"result":null}`)
	l.after = []byte(strings.Replace(string(l.after), "[3,4]", "[0.1]", 1))
	all := turnsOf(func(ctx context.Context) (time.Duration, error) {
		m, err := l.ask(ctx, sleepers, sleepers)
		return m.took, err
	})
	f.add(&contender{name: laneSleeps, host: hostGo, kind: ours, ask: all, cpu: roles}, nil, 1, 1)
	return f, nil
}
