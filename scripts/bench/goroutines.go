package main

import (
	"context"
	"errors"
	"sync"
	"time"
)

// goroutines makes a blocking call an ask: depth goroutines share the calls.
func goroutines(call func(context.Context) error) func(context.Context, int, int) (measured, error) {
	return func(ctx context.Context, calls, depth int) (measured, error) {
		if depth == 1 {
			return oneByOne(calls, func() error { return call(ctx) })
		}
		each := max(calls/depth, 1)
		return together(depth, each, func(int) error {
			for range each {
				if err := call(ctx); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

func oneByOne(calls int, call func() error) (measured, error) {
	m := measured{calls: calls, each: make([]time.Duration, 0, calls)}
	started := time.Now()
	last := started
	for range calls {
		if err := call(); err != nil {
			return m, err
		}
		now := time.Now()
		m.each = append(m.each, now.Sub(last))
		last = now
	}
	m.took = last.Sub(started)
	return m, nil
}

// together runs the same thing so many times at once; each makes so many calls.
func together(times, each int, do func(int) error) (measured, error) {
	failed := make([]error, times)
	started := time.Now()
	var all sync.WaitGroup
	for i := range times {
		all.Go(func() { failed[i] = do(i) })
	}
	all.Wait()
	return measured{calls: times * each, took: time.Since(started)}, errors.Join(failed...)
}
