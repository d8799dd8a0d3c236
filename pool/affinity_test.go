package pool

import (
	"fmt"
	"strings"
	"testing"
)

func TestAffinityIsKeptWhileTheWorkerLives(t *testing.T) {
	a := newAffinity()
	first, second := &member{}, &member{}
	a.attach("k", first)
	a.attach("other", second)
	if a.find("k") != first || a.find("other") != second || a.find("nobody") != nil {
		t.Error("a key must find its worker and only it")
	}
	a.release(first)
	if a.find("k") != nil || a.find("other") != second {
		t.Error("a worker that is gone must be forgotten, and no other")
	}
}

func TestAffinityForgetsTheKeyUsedLongestAgo(t *testing.T) {
	a := newAffinity()
	m := &member{}
	a.attach("kept", m)
	for i := range maxAffinities - 1 {
		a.attach(fmt.Sprint(i), m)
	}
	a.find("kept") // used just now
	a.attach("one too many", m)
	if len(a.byKey) != maxAffinities || a.order.Len() != maxAffinities {
		t.Errorf("%d keys are kept, the bound is %d", len(a.byKey), maxAffinities)
	}
	if a.find("kept") == nil || a.find("0") != nil {
		t.Error("the key used longest ago must go, not the one just used")
	}
}

func TestALongAffinityKeyCostsNoMemory(t *testing.T) {
	a := newAffinity()
	first, second := &member{}, &member{}
	one, other := strings.Repeat("k", 1<<20), strings.Repeat("k", 1<<20-1)
	a.attach(one, first)
	a.attach(other, second)
	if a.find(one) != first || a.find(other) != second {
		t.Error("a long key must find its worker and only it")
	}
	for key := range a.byKey {
		if len(key) > maxAffinityKey {
			t.Errorf("a key of %d bytes is kept", len(key))
		}
	}
}
