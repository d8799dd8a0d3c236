package selftest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
)

// callers is how many goroutines share an embedder's connection.
const callers = 8

// embedded is a Go program that uses rpc.Client: several goroutines, one call each
// at a time, now and then with a context that ends first. It returns when the
// last call has returned.
func embedded(ctx context.Context, socket, name string, book *ledger, seed func() *rand.Rand) error {
	client, err := rpc.Dial(ctx, socket)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	defer client.Close()
	var all sync.WaitGroup
	for range callers {
		rng := seed()
		all.Go(func() {
			for wait(ctx, rng, 5*time.Millisecond) {
				once(ctx, client, name, book, rng)
			}
		})
	}
	all.Wait()
	return nil
}

// patience bounds a call that nobody gives up: an answer that takes longer is
// lost.
const patience = 60 * time.Second

func once(ctx context.Context, client *rpc.Client, name string, book *ledger, rng *rand.Rand) {
	f := choose(rng, decent)
	e := entry{what: f, pool: f.pools[rng.IntN(len(f.pools))]}
	limit := patience
	var options []rpc.CallOption
	switch {
	case f.slow && rng.IntN(4) == 0:
		e.how = left // it may be answered or not: who gives up does not know
		limit = time.Duration(rng.IntN(100)+1) * time.Millisecond
	case f.slow && rng.IntN(4) == 0:
		e.timed = true
		options = append(options, rpc.WithMeta(rpc.Meta{Timeout: time.Duration(rng.IntN(100)+1) * time.Millisecond}))
	}
	key := book.open(e)
	// Not bounded by ctx: the end of the chaos is no reason to leave a call.
	call, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	var result json.RawMessage
	err := client.Call(call, e.pool+"."+f.name, json.RawMessage(f.params(rng, key)), &result, options...)
	var remote *rpc.Error
	switch {
	case err == nil:
		book.answer(name, key, succeeded, unsaid, answer{Result: result})
	case errors.As(err, &remote):
		o, s := judge(remote)
		book.answer(name, key, o, s, answer{Error: remote})
	case call.Err() != nil && e.how == left:
	default:
		book.blame(promiseStays, "%s: %s: %v", name, e.name(key), err)
	}
}
