package pool

import "container/list"

// maxAffinities bounds the table of affinity keys, which come from hosts; the
// one used longest ago is forgotten first.
const maxAffinities = 4096

// affinity remembers which worker a key's calls went to: the same one takes
// them while it lives (meta.affinity). It is a wish and no promise: a key whose
// worker is gone, draining or full is given another.
type affinity struct {
	byKey map[string]*list.Element
	order *list.List // of *attachment, the one used last in front
}

type attachment struct {
	key    string
	member *member
}

func newAffinity() affinity {
	return affinity{byKey: make(map[string]*list.Element), order: list.New()}
}

// find gives the worker of key; nil when it has none.
func (a *affinity) find(key string) *member {
	e := a.byKey[key]
	if e == nil {
		return nil
	}
	a.order.MoveToFront(e)
	return e.Value.(*attachment).member
}

// attach gives key a worker.
func (a *affinity) attach(key string, m *member) {
	if e := a.byKey[key]; e != nil {
		e.Value.(*attachment).member = m
		a.order.MoveToFront(e)
		return
	}
	if a.order.Len() >= maxAffinities {
		oldest := a.order.Back()
		a.order.Remove(oldest)
		delete(a.byKey, oldest.Value.(*attachment).key)
	}
	a.byKey[key] = a.order.PushFront(&attachment{key, m})
}

// release forgets a worker that is gone.
func (a *affinity) release(m *member) {
	for e := a.order.Front(); e != nil; {
		next := e.Next()
		if at := e.Value.(*attachment); at.member == m {
			a.order.Remove(e)
			delete(a.byKey, at.key)
		}
		e = next
	}
}
