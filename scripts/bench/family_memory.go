package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// The readings of memory and of doing nothing.
const (
	familyMemory = "memory"
	readIdle     = "the daemon, idle"
	readIdleCPU  = "the daemon, idle, CPU"
	readPerHost  = "the daemon, per idle host"
	readPerSeat  = "the daemon, per worker"
	readWorker   = "a worker, idle"
	readQueued   = "the daemon, per queued call"
	readPayload  = "the daemon's peak over idle, 10 MiB there and back"
)

const (
	idleHosts   = 1000
	moreWorkers = 16
	queuedCalls = 10_000
	// restFor is how long a process is watched for the least that it holds.
	restFor = time.Second
	// idleFor is how long it is watched doing nothing.
	idleFor = 2 * time.Second
)

// memories are what the daemon holds, each from a daemon of its own, so that
// nothing that was held before counts.
func memories(_ context.Context, b *bench) (*family, error) {
	f := &family{name: familyMemory, about: "resident memory, from a daemon of its own each", unit: "(see row)", rounds: 1}
	f.readings = func(ctx context.Context) ([]reading, error) {
		var all []reading
		for _, look := range []func(context.Context, *bench) ([]reading, error){idleDaemon, perWorker, perQueued, overPayload} {
			seen, err := look(ctx, b)
			if err != nil {
				return all, err
			}
			all = append(all, seen...)
		}
		return all, nil
	}
	return f, nil
}

// least is the least resident memory of a process over a while: collectors and
// closing connections take their time.
func least(pid int) (float64, error) {
	var seen float64
	var failed error
	started := time.Now()
	rig.Until(2*restFor, func() bool {
		now, err := memory(pid, residentNow)
		if failed = err; err != nil {
			return true
		}
		if seen == 0 || now < seen {
			seen = now
		}
		return time.Since(started) > restFor
	})
	return seen, failed
}

// with runs a daemon for one look at it.
func (b *bench) with(ctx context.Context, config string, look func(*server) error) error {
	s, err := b.serve(ctx, config)
	if err != nil {
		return err
	}
	return errors.Join(look(s), s.Stop())
}

func idleDaemon(ctx context.Context, b *bench) (all []reading, err error) {
	config := fmt.Sprintf("[daemon]\nmax-connections = %d\n\n", 2*idleHosts) + poolTable(poolOne, moduleSync, "workers = 1")
	err = b.with(ctx, config, func(s *server) error {
		pids, err := s.workers(poolOne)
		if err != nil {
			return err
		}
		idle, err := least(s.PID())
		if err != nil {
			return err
		}
		worker, err := least(pids[0])
		if err != nil {
			return err
		}
		spent, err := spentIdle(s.PID())
		if err != nil {
			return err
		}
		perHost, err := b.idleHosts(s, idle)
		if err != nil {
			return err
		}
		all = []reading{
			{readIdle, "MiB", idle / (1 << 20)},
			{readIdleCPU, "% of a core", spent},
			{readWorker, "MiB", worker / (1 << 20)},
			{readPerHost, "KiB", perHost / (1 << 10)},
		}
		return nil
	})
	return all, err
}

func spentIdle(pid int) (float64, error) {
	before, err := cpuTime(pid)
	if err != nil {
		return 0, err
	}
	timer := time.NewTimer(idleFor) // nothing is what happens
	<-timer.C
	after, err := cpuTime(pid)
	return 100 * float64(after-before) / float64(idleFor), err
}

// idleHosts connects many that make one call each and then stay.
func (b *bench) idleHosts(s *server, idle float64) (float64, error) {
	var closers []func() error
	for range idleHosts {
		h, err := s.dial()
		if err != nil {
			return 0, errors.Join(err, shut(closers))
		}
		closers = append(closers, h.Close)
		if err := h.sum(poolOne + ".add"); err != nil {
			return 0, errors.Join(err, shut(closers))
		}
	}
	full, err := least(s.PID())
	return (full - idle) / idleHosts, errors.Join(err, shut(closers))
}

func perWorker(ctx context.Context, b *bench) (all []reading, err error) {
	var held [2]float64
	for i, n := range []int{1, moreWorkers} {
		err := b.with(ctx, poolTable(poolOne, moduleSync, fmt.Sprintf("workers = %d", n)), func(s *server) error {
			if _, err := s.workers(poolOne); err != nil {
				return err
			}
			var err error
			held[i], err = least(s.PID())
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return []reading{{readPerSeat, "KiB", (held[1] - held[0]) / (moreWorkers - 1) / (1 << 10)}}, nil
}

// perQueued fills the queue of a pool whose one worker is asleep.
func perQueued(ctx context.Context, b *bench) (all []reading, err error) {
	config := fmt.Sprintf("[daemon]\nmax-in-flight = %d\n\n", 2*queuedCalls) +
		poolTable(poolOne, moduleSync, "workers = 1", fmt.Sprintf("max-queue = %d", 2*queuedCalls))
	err = b.with(ctx, config, func(s *server) error {
		if _, err := s.workers(poolOne); err != nil {
			return err
		}
		conn, err := net.Dial("unix", s.Socket)
		if err != nil {
			return err
		}
		defer conn.Close()
		idle, err := least(s.PID())
		if err != nil {
			return err
		}
		var text strings.Builder
		text.WriteString(rig.Request(0, poolOne+".block", "[60]") + "\n")
		for i := range queuedCalls {
			text.WriteString(rig.Request(i+1, poolOne+".add", "[3,4]") + "\n")
		}
		if _, err := conn.Write([]byte(text.String())); err != nil {
			return err
		}
		full, err := least(s.PID())
		all = []reading{{readQueued, "bytes", (full - idle) / queuedCalls}}
		return err
	})
	return all, err
}

// overPayload is how high the daemon's memory goes for one long message, in
// multiples of the message.
func overPayload(ctx context.Context, b *bench) (all []reading, err error) {
	err = b.with(ctx, limits("")+poolTable(poolOne, moduleSync, "workers = 1"), func(s *server) error {
		if _, err := s.workers(poolOne); err != nil {
			return err
		}
		conn, err := net.Dial("unix", s.Socket)
		if err != nil {
			return err
		}
		defer conn.Close()
		idle, err := least(s.PID())
		if err != nil {
			return err
		}
		if err := forgetPeak(s.PID()); err != nil {
			return err
		}
		value := rows(10 << 20)
		if err := newBulk(readPayload, conn, conn, poolOne+".same", value).one(); err != nil {
			return err
		}
		peak, err := memory(s.PID(), residentPeak)
		all = []reading{{readPayload, "× the message", (peak - idle) / float64(len(value))}}
		return err
	})
	return all, err
}
