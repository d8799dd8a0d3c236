//go:build unix

package supervisor

import (
	"runtime"
	"sync"
)

// spareThreads is how many threads the daemon has in hand beyond those that
// are in use. Go starts one whenever all that it has are held up in the kernel,
// which a thread per worker is (it waits for the death); and when the system
// refuses, out of processes, Go ends the program. A function that forks without
// end would so take the daemon along. Threads that were made stay, and wait for
// work: it is enough to have made them in time. One costs some 20 KiB.
//
// What is rejected: debug.SetMaxThreads, which ends the program sooner; waiting
// for deaths by pidfd and poller, which takes the thread per worker away and
// leaves the others.
const spareThreads = 32

// threads keeps the spare ones. Used on the spawner's goroutine alone.
type threads struct {
	wanted int // the greatest number of workers there ever were
	filled int // what wanted was when there were spareThreads to spare
}

// used says how many workers there are: each takes a thread for as long as it
// lives, so that a growing crowd would use the spare ones up.
func (t *threads) used(workers int) {
	t.wanted = max(t.wanted, workers)
	if t.wanted-t.filled >= spareThreads/2 {
		t.filled = t.wanted
		go makeThreads(spareThreads)
	}
}

// makeThreads returns when so many threads at once were nobody else's; they are
// free then.
func makeThreads(n int) {
	var all, met sync.WaitGroup
	met.Add(n)
	for range n {
		all.Go(func() {
			runtime.LockOSThread() // until the unlock no other goroutine runs on it
			defer runtime.UnlockOSThread()
			met.Done()
			met.Wait()
		})
	}
	all.Wait()
}
