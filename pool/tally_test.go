package pool

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
)

func TestTallyOverTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ta := newTally(time.Now())
		if ta.p95() != 0 || ta.rate(time.Now()) != 0 || ta.drainTime(5, 1) != time.Second {
			t.Error("a fresh tally must say that it knows nothing")
		}
		for i := range 100 {
			c := rpc.NewCall("f", nil, nil)
			<-time.After(time.Duration(i+1) * time.Millisecond)
			ta.done(c, 10*time.Millisecond, nil, time.Now())
		}
		if got := ta.p95(); got != 95*time.Millisecond {
			t.Errorf("p95 is %v, want 95ms", got)
		}
		if got := ta.rate(time.Now()); got < 15 || got > 25 {
			t.Errorf("rate is %v, want about 100 calls in 5 s", got)
		}
		<-time.After(time.Minute)
		if got := ta.rate(time.Now()); got != 0 {
			t.Errorf("rate is %v a minute after the last call, want 0", got)
		}
		if got := ta.drainTime(10, 2); got < 45*time.Millisecond || got > 50*time.Millisecond {
			t.Errorf("10 waiting calls of 10 ms on 2 workers take %v, want about 50ms", got)
		}
	})
}
