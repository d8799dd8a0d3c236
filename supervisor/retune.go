package supervisor

import "time"

// Tuning is what of a worker's settings can be changed while it lives: what is
// ours to keep, and not what its process was started with.
type Tuning struct {
	StopTimeout time.Duration
	LogRate     int // as in WorkerConfig
}

// Retune gives the worker other settings, from now on.
func (w *Worker) Retune(t Tuning) {
	w.stopTimeout.Store(int64(t.StopTimeout))
	w.log.retune(t.LogRate)
}

// Retune changes the slot's settings and those of its workers. Those of its
// next worker are Next's to say.
func (s *Slot) Retune(graceful time.Duration, t Tuning) {
	s.mu.Lock()
	s.grace = graceful
	workers := []*Worker{s.current, s.starting}
	s.mu.Unlock()
	for _, w := range workers {
		if w != nil {
			w.Retune(t)
		}
	}
}

// graceful is how long a replaced worker may go on with its calls.
func (s *Slot) graceful() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(s.grace, time.Millisecond)
}

// Retune changes the settings of the homes, from the next one on: one that has
// imported its module is stopped by its workers' end and says little.
func (n *Nursery) Retune(start time.Duration, t Tuning) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cfg.StartTimeout, n.cfg.StopTimeout, n.cfg.LogRate = start, t.StopTimeout, t.LogRate
}
