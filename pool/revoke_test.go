package pool

import (
	"testing"

	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// TestOnlyWhatHasNotStartedIsTakenBack: a reply that speaks of a cancel nobody
// asked for is the host's, unless it says that the call can run elsewhere.
func TestOnlyWhatHasNotStartedIsTakenBack(t *testing.T) {
	cancelled := func(fields rpc.Fields) *rpc.Error {
		return rpc.NewError(rpc.KindRequestCancelled, "cancelled", fields)
	}
	for _, c := range []struct {
		name string
		lane supervisor.Lane
		err  *rpc.Error
		want bool
	}{
		{"not started", supervisor.LaneMain, cancelled(rpc.Fields{"started": false}), true},
		{"started", supervisor.LaneMain, cancelled(rpc.Fields{"started": true}), false},
		{"does not say", supervisor.LaneMain, cancelled(nil), false},
		{"on the loop", supervisor.LaneLoop, cancelled(rpc.Fields{"started": false}), false},
		{"another error", supervisor.LaneMain, rpc.NewError(rpc.KindPythonError, "", rpc.Fields{"started": false}), false},
	} {
		call, _ := asked("f")
		if got := revoked(call, c.lane, c.err); got != c.want {
			t.Errorf("%s: taken back is %v, want %v", c.name, got, c.want)
		}
		call.Cancel(cancelled(nil))
		if revoked(call, c.lane, c.err) {
			t.Errorf("%s: taken back although it was cancelled", c.name)
		}
	}
}
