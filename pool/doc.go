// Package pool is floor 2: it serves the calls of one module with a fixed set
// of slots, each kept filled with a worker by package supervisor.
//
// The story of one call: Submit finds a seat and sends the call on the
// caller's own goroutine, or puts it into the queue (queue.go). Who gets a
// seat is decided in placement.go, with what function.go has learned of the
// function. CallDone, on the goroutine that read the worker's reply, answers
// the call and gives the freed seat to the next in the queue.
//
// The story of one crash: WorkerGone gets the dead worker's unanswered calls.
// Those that had started fail with the whole cause; the others go back to the
// head of the queue and run elsewhere. circuit.go decides when the slot may
// spawn again.
//
// One mutex, Pool.mu, guards all of a pool's state. Nothing that may take long
// is done under it: no write, no answer, no hook.
package pool
