package rpc

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// liveHeap is what the heap holds when nothing that could go is left.
func liveHeap() int {
	runtime.GC()
	runtime.GC() // sync.Pools let go in two steps
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func TestLongMethodNamesAreForgottenOnceAnswered(t *testing.T) {
	s := &testServer{done: make(chan struct{})}
	s.start(t, HandlerFunc(func(c *Call) { c.Reply([]byte("1")) }), Limits{})
	h := s.dial(t)
	before := liveHeap()
	long := strings.Repeat("n", 1<<20)
	for i := range 64 {
		h.ask(`{"jsonrpc":"2.0","id":1,"result":1}`, request(1, fmt.Sprint(i, long), ""))
	}
	if grown := liveHeap() - before; grown > 16<<20 {
		t.Errorf("64 answered requests with names of 1 MiB left %d MiB behind", grown>>20)
	}
}
