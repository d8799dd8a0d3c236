package daemon

import (
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/internal/config"
)

// TestBusyPollOfZeroIsNeverAndAutoIsThePoolsDefault keeps the two apart: to a
// pool 0 means nothing was said.
func TestBusyPollOfZeroIsNeverAndAutoIsThePoolsDefault(t *testing.T) {
	for setting, want := range map[config.BusyPoll]time.Duration{
		{Auto: true}:                  0,
		{}:                            -1,
		{Max: 200 * time.Microsecond}: 200 * time.Microsecond,
	} {
		if got := busyPoll(setting); got != want {
			t.Errorf("%+v becomes %v, want %v", setting, got, want)
		}
	}
}
