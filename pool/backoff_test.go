package pool

import (
	"testing"
	"time"
)

func TestBackoffDoublesFromMinToMaxWithBoundedJitter(t *testing.T) {
	b := backoff{min: 100 * time.Millisecond, max: 30 * time.Second}
	for streak, want := range map[int]time.Duration{
		0: 100 * time.Millisecond, 1: 100 * time.Millisecond, 2: 200 * time.Millisecond,
		5: 1600 * time.Millisecond, 9: 25600 * time.Millisecond, 10: 30 * time.Second,
		62: 30 * time.Second, 63: 30 * time.Second, 1 << 40: 30 * time.Second,
	} {
		if d := b.delay(streak, 0.5); d != want {
			t.Errorf("after %d early deaths the delay is %v, want %v", streak, d, want)
		}
		if low, high := b.delay(streak, 0), b.delay(streak, 1); low != want*8/10 || high != want*12/10 {
			t.Errorf("after %d early deaths jitter spans %v to %v, want a fifth of %v either way", streak, low, high, want)
		}
	}
}

func TestBudgetHoldsForSteadyFailuresAndBreaksOnABurst(t *testing.T) {
	now := time.Unix(0, 0)
	steady := budget{limit: 5, window: time.Minute}
	for range 1000 {
		if !steady.spend(now) {
			t.Fatal("one failure every 12 s must never add up")
		}
		now = now.Add(12 * time.Second)
	}
	burst := budget{limit: 5, window: time.Minute}
	for i := range 6 {
		if ok := burst.spend(now); ok != (i < 5) {
			t.Errorf("failure %d of a burst: budget holds = %v", i+1, ok)
		}
	}
	if now = now.Add(time.Minute); !burst.spend(now) {
		t.Error("a window later the budget must have recovered")
	}
}
