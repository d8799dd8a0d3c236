package supervisor

// State is where a worker is in its life. Dead is written by wait alone.
type State int

// The states of a worker.
const (
	Starting State = iota
	Ready
	Draining
	Stopping
	Dead
)
