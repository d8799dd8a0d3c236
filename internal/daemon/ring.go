package daemon

import "sync"

// ring keeps the last things that were said, bounded in number and in bytes. Who
// follows it has a cursor of his own, so that one who is slow holds nobody up and
// no memory: he finds out how many he has missed.
type ring[T any] struct {
	most, mostBytes int
	size            func(T) int

	mu      sync.Mutex
	items   []T
	bytes   int
	next    uint64        // number of the item that comes next
	changed chan struct{} // closed and replaced with each item
}

func newRing[T any](most, mostBytes int, size func(T) int) *ring[T] {
	return &ring[T]{most: most, mostBytes: mostBytes, size: size, changed: make(chan struct{})}
}

// add takes an item, and lets go of the oldest that do not fit beside it.
func (r *ring[T]) add(item T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.items = append(r.items, item)
	r.bytes += r.size(item)
	r.next++
	gone := 0
	for len(r.items)-gone > r.most || r.bytes > r.mostBytes && len(r.items)-gone > 1 {
		r.bytes -= r.size(r.items[gone])
		gone++
	}
	if gone > 0 {
		clear(r.items[:gone]) // what they point at is free, though the array is not
		r.items = r.items[gone:]
	}
	close(r.changed)
	r.changed = make(chan struct{})
}

// since gives what is there from a number on: how many before that are gone
// already, the number to ask for next, and what is closed when there is more.
func (r *ring[T]) since(from uint64) (items []T, lost, next uint64, changed <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := r.next - uint64(len(r.items))
	if from < first {
		lost, from = first-from, first
	}
	items = append(items, r.items[from-first:]...)
	return items, lost, r.next, r.changed
}

// all is since the oldest that is left.
func (r *ring[T]) all() []T {
	items, _, _, _ := r.since(0)
	return items
}
