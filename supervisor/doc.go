// Package supervisor is floor 1: it keeps one worker alive. A Worker is one
// python3 process, one incarnation, from spawn to reap; a Slot is the numbered
// place a pool keeps filled, by one goroutine, for as long as it is wanted.
//
// It never renders and never imports render: it is handed a Command. It never
// logs: what happens is an Event, given to a Hook. It never decides what a
// pool should do: that is floor 2, told through Owner and asked through Gate.
package supervisor
