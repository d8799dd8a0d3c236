package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// caller is one connection that makes single calls.
type caller struct{ *rig.Host }

func (s *server) dial() (*caller, error) {
	h, err := rig.Dial(s.Socket)
	if err != nil {
		return nil, err
	}
	return &caller{h}, nil
}

// call gives a result; an error the daemon answered is one.
func (c *caller) call(method, params string) (json.RawMessage, *rig.Failure, error) {
	a, err := c.Call(method, params)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", method, err)
	}
	return a.Result, a.Error, nil
}

func (c *caller) sum(method string) error {
	result, failure, err := c.call(method, "[3,4]")
	if err != nil {
		return err
	}
	if failure != nil || string(result) != "7" {
		return fmt.Errorf("%s was answered %s %+v", method, result, failure)
	}
	return nil
}

// pid asks who answers; 0 when the worker that was asked died of something.
func (c *caller) pid(pool string) (int, error) {
	result, failure, err := c.call(pool+".pid", "")
	if err != nil {
		return 0, err
	}
	if failure != nil {
		if failure.Kind() == "worker_lost" {
			return 0, nil
		}
		return 0, fmt.Errorf("%s.pid: %s", pool, failure.Message)
	}
	var pid int
	if err := json.Unmarshal(result, &pid); err != nil {
		return 0, fmt.Errorf("%s.pid was answered %s: %w", pool, result, err)
	}
	return pid, nil
}

// killed kills the worker that has just answered and asks until another does.
func killed(s *server, name, pool string) (*contender, error) {
	c := &contender{name: name, host: hostGo, kind: ours}
	if _, err := s.workers(pool); err != nil {
		return c, err
	}
	host, err := s.dial()
	if err != nil {
		return c, err
	}
	c.close = host.Close
	c.ask = turnsOf(func(context.Context) (time.Duration, error) {
		if err := s.settled(); err != nil {
			return 0, err
		}
		victim, err := host.pid(pool)
		if err != nil || victim == 0 {
			return 0, fmt.Errorf("a worker of pool %s to kill: pid %d: %w", pool, victim, err)
		}
		started := time.Now()
		if err := syscall.Kill(victim, syscall.SIGKILL); err != nil {
			return 0, fmt.Errorf("kill worker %d: %w", victim, err)
		}
		for time.Since(started) < readyLimit {
			next, err := host.pid(pool)
			if err != nil {
				return 0, err
			}
			if next != 0 && next != victim {
				return time.Since(started), nil
			}
		}
		return 0, fmt.Errorf("no worker of pool %s answered within %s of a kill", pool, readyLimit)
	})
	return c, nil
}

// settled waits until all that the daemon has started sleeps, and has done so
// for a while: a spare or the next worker that is still coming up is not what
// is measured.
func (s *server) settled() error {
	calm := 0
	ok := rig.Until(readyLimit, func() bool {
		if asleep(s.PID()) {
			calm++
		} else {
			calm = 0
		}
		return calm >= calmLooks
	})
	if !ok {
		return fmt.Errorf("what the daemon has started does not come to rest within %s", readyLimit)
	}
	return nil
}

const calmLooks = 10 // one after the other, of rig.Until's ticks

// asleep says whether every process below this one waits.
func asleep(pid int) bool {
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return true
	}
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue // the thread has ended
		}
		for below := range strings.FieldsSeq(string(text)) {
			stat, err := os.ReadFile(filepath.Join("/proc", below, "stat"))
			if err != nil {
				return false // it has just ended: something goes on
			}
			// "pid (name) state …", and a name may hold anything.
			_, rest, _ := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')'):]), " ")
			var n int
			if _, err := fmt.Sscan(below, &n); err != nil || !strings.HasPrefix(rest, "S") || !asleep(n) {
				return false
			}
		}
	}
	return true
}
