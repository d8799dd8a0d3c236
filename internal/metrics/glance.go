package metrics

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// lookTimeout is how long a look at the daemon may take: it takes every pool's
// lock, for microseconds each, and no machine is so busy that this takes
// seconds.
const lookTimeout = 2 * time.Second

// stuckError says that the daemon could not be looked at in time.
type stuckError struct{ after time.Duration }

func (s stuckError) Error() string {
	return fmt.Sprintf("a pool has not answered for %s: it is deadlocked, or the machine is", s.after)
}

// eye looks at the daemon, with one goroutine at a time however many ask: one
// that is stuck in a deadlocked pool must not become hundreds.
type eye struct {
	see      func() Look
	patience time.Duration // lookTimeout

	mu   sync.Mutex
	open *sight // the one that looks; nil when none does
}

// sight is one look and those who wait for it.
type sight struct {
	done chan struct{}
	look Look
	err  error
}

// glance is a look that began after it was asked for, or a stuckError.
func (e *eye) glance(ctx context.Context) (Look, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, e.patience, stuckError{e.patience})
	defer cancel()
	for {
		s, mine := e.begin()
		select {
		case <-s.done:
			if mine {
				return s.look, s.err
			}
		case <-ctx.Done():
			return Look{}, context.Cause(ctx)
		}
	}
}

// begin looks, unless somebody does.
func (e *eye) begin() (s *sight, mine bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.open != nil {
		return e.open, false
	}
	s = &sight{done: make(chan struct{})}
	e.open = s
	go func() {
		defer close(s.done)
		defer func() {
			if r := recover(); r != nil { // a bug here must cost a scrape, and not the daemon
				s.err = fmt.Errorf("a bug in looking at the pools: %v", r)
			}
			e.mu.Lock()
			defer e.mu.Unlock()
			e.open = nil
		}()
		s.look = e.see()
	}()
	return s, true
}
