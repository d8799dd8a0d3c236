package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"
)

const (
	kills       = 3
	hosts       = 8                // callers that never pause
	loadMS      = 2                // of each call
	restartTime = 10 * time.Second // longer is a fault
	betweenKill = 200 * time.Millisecond
)

// watch is told of every answer and says when a process first answered.
type watch struct {
	mu    sync.Mutex
	known map[int]bool
	fresh chan time.Time // a process nobody had heard of answered
}

func (w *watch) answered(pid int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.known[pid] {
		return
	}
	w.known[pid] = true
	select {
	case w.fresh <- time.Now():
	default: // nobody waits: it is not a replacement
	}
}

// killUnderLoad keeps callers calling while it kills one worker after another,
// and measures from each kill to the first answer of the replacement.
func killUnderLoad(ctx context.Context, c, operator *client, t *tally) ([]time.Duration, error) {
	w := &watch{known: map[int]bool{}, fresh: make(chan time.Time, 1)}
	ctx, stop := context.WithCancel(ctx)
	defer stop()

	started := time.Now()
	if _, err := c.call(ctx, "demo_load.work", list{0, 0}); err != nil {
		return nil, fmt.Errorf("demo_load.work: %w", err)
	}
	t.imported("demo_load", time.Since(started))

	enough := make(chan struct{})
	var crew sync.WaitGroup
	for host := range hosts {
		crew.Go(func() {
			for n := host; ; n += hosts {
				select {
				case <-enough:
					return
				default:
					load(ctx, c, t, w, n)
				}
			}
		})
	}
	restarts, err := killSeveral(ctx, operator, w)
	close(enough)
	crew.Wait()
	if lost := t.errors("demo_load", "worker_lost"); lost > kills {
		t.fault("%d calls died with %d workers that ran one call at a time", lost, kills)
	}
	return restarts, err
}

func load(ctx context.Context, c *client, t *tally, w *watch, n int) {
	started := time.Now()
	got, err := c.call(ctx, "demo_load.work", list{n, loadMS})
	if err != nil {
		kind := kindOf(err)
		t.failed("demo_load", kind)
		if kind != "worker_lost" { // the only error that a kill may cause
			t.fault("demo_load.work: %v", err)
		}
		return
	}
	var answer [2]int
	if err := json.Unmarshal(got, &answer); err != nil || answer[0] != n*n {
		t.fault("demo_load.work(%d) gave %s", n, got)
		return
	}
	t.answered("demo_load", time.Since(started))
	w.answered(answer[1])
}

func killSeveral(ctx context.Context, operator *client, w *watch) ([]time.Duration, error) {
	var restarts []time.Duration
	pause := time.NewTicker(betweenKill)
	defer pause.Stop()
	for range kills {
		<-pause.C
		pid, err := victim(ctx, operator)
		if err != nil {
			return restarts, err
		}
		select { // a late first answer of the last replacement
		case <-w.fresh:
		default:
		}
		killed := time.Now()
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			return restarts, fmt.Errorf("kill worker %d: %w", pid, err)
		}
		limit := time.NewTimer(restartTime)
		select {
		case at := <-w.fresh:
			restarts = append(restarts, at.Sub(killed))
		case <-limit.C:
			return restarts, fmt.Errorf("no replacement of worker %d answered within %s", pid, restartTime)
		case <-ctx.Done():
			return restarts, ctx.Err()
		}
		limit.Stop()
	}
	return restarts, nil
}

// victim asks the operator's socket which worker of the loaded pool to kill: the
// one that has answered most.
func victim(ctx context.Context, operator *client) (int, error) {
	got, err := operator.call(ctx, "mochi.workers", nil)
	if err != nil {
		return 0, fmt.Errorf("mochi.workers: %w", err)
	}
	var all struct {
		Workers []struct {
			Pool, State string
			PID, Calls  int
		}
	}
	if err := json.Unmarshal(got, &all); err != nil {
		return 0, fmt.Errorf("mochi.workers gave %s: %w", got, err)
	}
	pid, most := 0, -1
	for _, row := range all.Workers {
		if row.Pool == "demo_load" && row.State == "ready" && row.Calls > most {
			pid, most = row.PID, row.Calls
		}
	}
	if pid == 0 {
		return 0, errors.New("mochi.workers lists no ready worker of demo_load")
	}
	return pid, nil
}
