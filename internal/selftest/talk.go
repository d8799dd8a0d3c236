package selftest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// habit is how a host talks.
type habit struct {
	name      string
	functions []share
	window    int           // requests sent and not answered, at most
	pause     time.Duration // between messages, on average
	batches   bool          // most requests go out in batches
	rude      bool          // cancels, deadlines, malformed lines
}

// habits are the hosts that stay to the end. The windows together are less than
// max-queue: none of them is to be refused for being many.
var habits = []habit{
	{"pipeliner-1", decent, 64, 500 * time.Microsecond, false, true},
	{"pipeliner-2", decent, 64, 500 * time.Microsecond, false, true},
	{"batcher", decent, 96, 3 * time.Millisecond, true, true},
	{"orderly", decent, 16, time.Millisecond, false, false},
	{"abuser", misbehaving, 24, 60 * time.Millisecond, false, false},
	{neighbour, neighbourly, 16, 4 * time.Millisecond, false, false},
}

// neighbour is the one host of the calm pool.
const neighbour = "neighbour"

// talk makes calls until ctx ends. It ends early when the daemon does not take
// them.
func (h *host) talk(ctx context.Context, b habit) {
	h.deadline = b.rude
	for wait(ctx, h.rng, b.pause) {
		var line []byte
		switch roll := h.rng.IntN(100); {
		case b.rude && roll < 1:
			line = h.nonsense(ctx)
		case b.rude && roll < 5:
			line = h.cancel()
		case b.batches && roll < 80:
			line = h.batch(ctx)
		case roll < 90:
			line = h.request(ctx)
		default:
			line = h.call(told)
		}
		if line == nil {
			continue
		}
		if err := h.send(line); err != nil {
			select {
			case <-h.gone: // whoever reads has said it
			default:
				h.book.blame(promiseStays, "%s: a line could not be sent: %v", h.name, err)
			}
			return
		}
	}
}

// request takes a token and makes one call; nil when ctx ends first.
func (h *host) request(ctx context.Context) []byte {
	if !h.token(ctx) {
		return nil
	}
	return h.call(asked)
}

// token is the right to be owed one more answer.
func (h *host) token(ctx context.Context) bool {
	select {
	case h.owed <- struct{}{}:
		return true
	case <-ctx.Done():
	case <-h.gone:
	}
	return false
}

// batch is up to ten calls, notifications and cancels on one line.
func (h *host) batch(ctx context.Context) []byte {
	line := []byte{'['}
	for range 1 + h.rng.IntN(10) {
		var part []byte
		switch roll := h.rng.IntN(10); roll {
		case 0:
			part = h.call(told)
		case 1:
			part = h.cancel()
		default:
			part = h.request(ctx)
		}
		if part == nil {
			continue
		}
		if len(line) > 1 {
			line = append(line, ',')
		}
		line = append(line, part...)
	}
	if len(line) == 1 {
		return nil
	}
	return append(line, ']')
}

// nonsense is a line that no request is; it costs one answer with id null.
func (h *host) nonsense(ctx context.Context) []byte {
	if !h.token(ctx) {
		return nil
	}
	h.mu.Lock()
	h.nulls++
	h.lines++
	h.mu.Unlock()
	return []byte(garbage[h.rng.IntN(len(garbage))])
}

// several sends so many requests at once. The window must have room for them.
func (h *host) several(ctx context.Context, n int, how manner) error {
	var lines [][]byte
	for range n {
		if how == asked && !h.token(ctx) {
			break
		}
		lines = append(lines, h.call(how))
	}
	if err := h.send(slices.Concat(joinLines(lines)...)); err != nil {
		return fmt.Errorf("%s: send %d requests: %w", h.name, n, err)
	}
	return nil
}

func joinLines(lines [][]byte) [][]byte {
	for i := range lines[:max(len(lines)-1, 0)] {
		lines[i] = append(lines[i], '\n')
	}
	return lines
}

// wait pauses for a random time, mean on average; false when ctx ends.
func wait(ctx context.Context, r *rand.Rand, mean time.Duration) bool {
	timer := time.NewTimer(time.Duration(min(r.ExpFloat64(), 5) * float64(mean)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
