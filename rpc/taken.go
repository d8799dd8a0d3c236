package rpc

// whenTaken says that at most limit bytes wait for the peer. If it is more, f is
// called once, when nothing waits any more or never will: on a goroutine of the
// sender's, and with none of its locks held.
func (s *Sender) whenTaken(limit int, f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queue.size > 0 && !s.writing {
		s.flush() // it waits for a burst only, and not for the peer
	}
	if s.dead != nil || s.inHand+s.queue.size <= limit {
		return true
	}
	s.takers = append(s.takers, f)
	return false
}

// tellTakers is called by the writer goroutine as it ends, without the lock.
func tellTakers(takers []func()) {
	for _, f := range takers {
		f()
	}
}
