package supervisor

import "fmt"

// State is where a worker is in its life. Dead is written by wait alone.
// States are few: why a worker is where it is, is a Reason.
type State int

// The states of a worker.
const (
	Starting State = iota
	Ready
	Draining
	Stopping
	Dead
	stateCount
)

var stateNames = [stateCount]string{"starting", "ready", "draining", "stopping", "dead"}

// String is the word ps prints.
func (s State) String() string {
	if s < 0 || s >= stateCount {
		return fmt.Sprintf("state(%d)", int(s))
	}
	return stateNames[s]
}

// event is what can move a worker from one state to another.
type event int

const (
	eventReady event = iota // mochi.ready was read
	eventDrain              // Drain: no new calls
	eventStop               // Stop or Kill: it is to end
	eventDied               // wait returned
	eventCount
)

var eventNames = [eventCount]string{"ready", "drain", "stop", "died"}

func (e event) String() string { return eventNames[e] }

// next is the whole life of a worker. A pair that is not in it changes
// nothing, and says so: a ready that arrives while the worker is being drained
// is too late to matter, a second stop has nothing left to say.
func (s State) next(e event) (State, bool) {
	switch e {
	case eventReady:
		if s == Starting {
			return Ready, true
		}
	case eventDrain:
		if s == Starting || s == Ready {
			return Draining, true
		}
	case eventStop:
		if s == Starting || s == Ready || s == Draining {
			return Stopping, true
		}
	case eventDied:
		if s != Dead {
			return Dead, true
		}
	}
	return s, false
}
