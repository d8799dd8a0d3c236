package acceptance

import (
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// TestAVanishedHostsCallsAreCancelledAndNeverStart is row F9: one call runs, 50
// wait, and the host is gone. The functions count themselves.
func TestAVanishedHostsCallsAreCancelledAndNeverStart(t *testing.T) {
	onlyWithProc(t)
	d := serve(t, rig.Options{Workers: 1})
	file, quoted := counter(t)
	stays := dial(t, d)
	before := call(t, stays, "counted.pid", "")
	base := descriptors(t, d.PID())

	vanishes := dial(t, d)
	lines := []string{rig.Request(1, "counted.run", `[`+quoted+`,"running",600]`)}
	for id := range 50 {
		lines = append(lines, rig.Request(100+id, "counted.run", fmt.Sprintf("[%s,\"queued-%d\",0]", quoted, id)))
	}
	send(t, vanishes, lines...)
	runs(t, d, "counted", "run")
	if err := vanishes.Close(); err != nil {
		t.Fatal(err)
	}
	gone := time.Now()
	if got := call(t, stays, "counted.run", `[`+quoted+`,"mine",0]`); got != `"mine"` {
		t.Errorf("the other host was answered %s", got)
	}
	t.Logf("the seat was free %s after the host was gone", time.Since(gone).Round(time.Millisecond))
	if got := ran(t, file); !slices.Equal(got, []string{"running", "mine"}) {
		t.Errorf("ran %v, want the running call and the other host's only", got)
	}
	if after := call(t, stays, "counted.pid", ""); after != before {
		t.Errorf("worker %s was %s: a call that can be interrupted must not cost the worker", after, before)
	}
	if n := queue(t, d, "counted"); n != 0 {
		t.Errorf("%d calls still wait", n)
	}
	baseDescriptors(t, d, base)
}

// TestAThousandIdleHostsDisturbNobodyAndLeaveNothing is row F9 too.
func TestAThousandIdleHostsDisturbNobodyAndLeaveNothing(t *testing.T) {
	onlyWithProc(t)
	t.Parallel()
	const hosts = 1000
	d := serve(t, rig.Options{Workers: 1})
	h := dial(t, d)
	call(t, h, "both.add", "[1,1]")
	base := descriptors(t, d.PID())
	idle := make([]net.Conn, 0, hosts)
	for range hosts {
		conn, err := net.Dial("unix", d.Socket)
		if err != nil {
			t.Fatalf("host %d: %v", len(idle), err)
		}
		defer conn.Close()
		idle = append(idle, conn)
	}
	if !rig.Until(gentle, func() bool { return descriptors(t, d.PID()) >= base+hosts }) {
		t.Errorf("the daemon holds %d descriptors with %d hosts more than the %d before", descriptors(t, d.PID()), hosts, base)
	}
	promptly(t, "100 calls beside 1,000 idle hosts", soon, func() time.Duration {
		started := time.Now()
		for range 100 {
			call(t, h, "both.add", "[3,4]")
		}
		return time.Since(started)
	})
	for _, conn := range idle {
		conn.Close()
	}
	baseDescriptors(t, d, base)
}

// TestAConnectStormDisturbsNobodyAndLeavesNothing: hosts that come and go at
// once, some in the middle of a line or of a call.
func TestAConnectStormDisturbsNobodyAndLeavesNothing(t *testing.T) {
	onlyWithProc(t)
	t.Parallel()
	const dialers, each = 8, 250
	d := serve(t, rig.Options{Workers: 1})
	h := dial(t, d)
	call(t, h, "both.add", "[1,1]")
	base := descriptors(t, d.PID())
	words := []string{"", `{"jsonrpc":"2.0","id":1,"meth`, rig.Request(1, "both.add", "[1,2]") + "\n", "\n\n", "no json\n"}
	var storm sync.WaitGroup
	for range dialers {
		storm.Go(func() {
			for i := range each {
				conn, err := net.Dial("unix", d.Socket)
				if err != nil {
					t.Errorf("connection %d: %v", i, err)
					return
				}
				_, _ = conn.Write([]byte(words[i%len(words)])) // it may have been cut by then
				conn.Close()
			}
		})
	}
	for range 100 {
		if got := call(t, h, "both.add", "[3,4]"); got != "7" {
			t.Errorf("in the storm another host was answered %s", got)
		}
	}
	storm.Wait()
	call(t, h, "both.add", "[3,4]")
	baseDescriptors(t, d, base)
}

// TestAHostThatNeverReadsIsCutAndOthersGoOn: its unread answers are bounded.
func TestAHostThatNeverReadsIsCutAndOthersGoOn(t *testing.T) {
	t.Parallel()
	d := serve(t, rig.Options{Workers: 1, Config: "[daemon]\nimport-policy = \"any\"\nmax-outbound = \"1MiB\"\nwrite-timeout = \"500ms\"\n"})
	deaf, err := net.Dial("unix", d.Socket)
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	h := dial(t, d)
	call(t, h, "both.add", "[1,1]")
	cut := make(chan struct{})
	go func() {
		defer close(cut)
		for id := range 4000 { // more than one host may have in hand: it is refused or cut, not remembered
			if _, err := deaf.Write([]byte(rig.Request(id, "operator.mul", `["0123456789abcdef",4096]`) + "\n")); err != nil {
				return
			}
		}
	}()
	for range 50 {
		if got := call(t, h, "both.add", "[3,4]"); got != "7" {
			t.Errorf("beside it another host was answered %s", got)
		}
	}
	select {
	case <-cut:
	case <-time.After(gentle):
		t.Errorf("the host that never reads is not cut after %s", gentle)
	}
}
