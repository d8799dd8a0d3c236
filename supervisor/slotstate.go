package supervisor

import "fmt"

// SlotState is what a slot has to show for itself. Whether it is wanted is
// kept apart: a slot that nobody wants any more is on its way to SlotDown in
// whatever state it is.
type SlotState int

// The states of a slot.
const (
	SlotDown    SlotState = iota // no worker, and no failure behind it
	SlotUp                       // a worker is ready
	SlotBackoff                  // no worker: the last one failed, the next waits for the gate
	SlotBroken                   // the same, and the gate has given up for now
	slotStateCount
)

var slotStateNames = [slotStateCount]string{"down", "up", "backoff", "broken"}

// String is the word ps prints.
func (s SlotState) String() string {
	if s < 0 || s >= slotStateCount {
		return fmt.Sprintf("slot state(%d)", int(s))
	}
	return slotStateNames[s]
}

// slotEvent is what can move a slot from one state to another.
type slotEvent int

const (
	slotReady  slotEvent = iota // a worker of it became ready
	slotLost                    // its worker ended, and nothing is wrong: it is replaced
	slotFailed                  // a start failed, or its worker died before its first answer
	slotBroke                   // the same, and the gate says that the pool is broken
	slotEnded                   // it is wanted no more and nothing of it is left
	slotEventCount
)

var slotEventNames = [slotEventCount]string{"ready", "lost", "failed", "broke", "ended"}

func (e slotEvent) String() string { return slotEventNames[e] }

// next is the whole life of a slot. The failed start of a successor is no
// event of the slot: the worker it was to follow goes on.
func (s SlotState) next(e slotEvent) (SlotState, bool) {
	to := s
	switch e {
	case slotReady:
		to = SlotUp
	case slotLost:
		if s == SlotUp {
			to = SlotDown
		}
	case slotFailed:
		to = SlotBackoff
	case slotBroke:
		to = SlotBroken
	case slotEnded:
		to = SlotDown
	}
	return to, to != s
}
