package pool

import (
	"container/list"
	"crypto/sha256"
)

// maxAffinities bounds the table of affinity keys, which come from hosts; the
// one used longest ago is forgotten first.
const maxAffinities = 4096

// maxAffinityKey is the longest key that is kept as it is. Keys outlive their
// calls, and nobody has their bytes on a budget; of a longer one its digest is
// as good.
const maxAffinityKey = 256

// short is what stands for a key in the table.
func short(key string) string {
	if len(key) <= maxAffinityKey {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return string(sum[:])
}

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
	e := a.byKey[short(key)]
	if e == nil {
		return nil
	}
	a.order.MoveToFront(e)
	return e.Value.(*attachment).member
}

// attach gives key a worker.
func (a *affinity) attach(key string, m *member) {
	key = short(key)
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
