package pool_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/pool"
	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// TestAThousandLateRepliesReachNobody is F6: functions that do not let
// themselves be stopped, and reply after their deadline with a number that is
// theirs alone. Each reply is dropped, and no call beside them gets one.
func TestAThousandLateRepliesReachNobody(t *testing.T) {
	const (
		replies  = 1000
		atOnce   = 50
		deadline = 60 * time.Millisecond
		mostRuns = 10 * replies / atOnce // a call that expired in the queue replies nothing
	)
	s := serve(t, pool.Config{Workers: 1, Concurrency: 2 * atOnce, CancelGrace: 20 * time.Second})
	s.want(s.call("asleep", 0), "0")
	begun, number := 0, 0
	for run := 0; begun < replies && run < mostRuns; run++ {
		late, beside := map[int]<-chan reply{}, map[int]<-chan reply{}
		for i := range atOnce {
			function := "late_later"
			if i == atOnce/2 {
				function = "late" // in the middle, on the main thread
			}
			number++
			_, late[number] = s.begin(deadline, function, fmt.Sprintf("[%d]", number))
			number++
			beside[number] = s.start([...]string{"add_later", "add"}[i%2], number, 0)
		}
		for n, r := range late {
			got := s.get(r)
			if got.result != "" || got.err.Kind() != rpc.KindDeadlineExceeded || got.took < deadline {
				t.Fatalf("late call %d was answered %s %v after %s", n, got.result, got.err, got.took)
			}
			if strings.Contains(string(got.err.Data), `"started":true`) {
				begun++
			}
		}
		for n, r := range beside {
			s.want(s.get(r), fmt.Sprint(n))
		}
	}
	s.want(s.call("late_replies"), fmt.Sprint(begun))
	t.Logf("%d late replies were dropped, beside %d calls", begun, number/2)
	if begun < replies {
		t.Errorf("only %d calls replied late, want %d", begun, replies)
	}
	if exits := of[supervisor.Exited](s.events); len(exits) > 0 {
		t.Errorf("a worker ended of it: %+v", exits)
	}
}
