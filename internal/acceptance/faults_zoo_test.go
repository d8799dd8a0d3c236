package acceptance

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// TestMisbehavingFunctionsGetOneAnswerAndLeaveNothingBehind is row F7: whatever
// a function does to its process, its caller gets one answer, the end of its
// worker is seen within a second although children hold its pipes, and the
// children are gone with it.
func TestMisbehavingFunctionsGetOneAnswerAndLeaveNothingBehind(t *testing.T) {
	onlyWithProc(t)
	d := serve(t, rig.Options{Workers: 1})
	for _, c := range []struct {
		method   string
		children int
		mayDie   bool // the worker cannot answer any more
	}{
		{method: "forks_and_both_return"}, // the child has nobody to return to, and ends by itself
		{method: "forks_and_stays", children: 1},
		{method: "daemonizes", children: 1},
		{method: "leaves_a_child_on_stderr", children: 1},
		{method: "leaves_a_session_on_stderr", children: 1},
		{method: "closes_all_descriptors", mayDie: true},
		{method: "redefines_json_dumps"},
		{method: "replaces_stdout"},
	} {
		t.Run(c.method, func(t *testing.T) {
			promptly(t, "the end of a worker with such a function to its caller's answer", soon, func() time.Duration {
				h := dial(t, d)
				defer h.Close()
				send(t, h, rig.Request(1, "zoo."+c.method, ""))
				a := answers(t, h, 1)[1]
				var left []int
				if a.Error == nil {
					if err := json.Unmarshal(a.Result, &left); err != nil {
						t.Fatalf("answered %s: %v", a.Result, err)
					}
				} else if !c.mayDie || a.Error.Kind() != "worker_lost" {
					t.Fatalf("answered %+v", a.Error)
				}
				alives := 0
				for _, pid := range left {
					if alive(pid) {
						alives++
					}
				}
				if alives < c.children {
					t.Fatalf("of the children %v %d run, want %d", left, alives, c.children)
				}
				send(t, h, rig.Request(2, "zoo.add", "[3,4]"))
				if a := answers(t, h, 2)[2]; string(a.Result) != "7" {
					t.Fatalf("the next call was answered %s %+v", a.Result, a.Error)
				}
				started := time.Now()
				send(t, h, rig.Request(3, "zoo.leave", ""))
				if a := answers(t, h, 3)[3]; a.Error.Kind() != "worker_lost" {
					t.Fatalf("the end of the worker was answered %s %+v", a.Result, a.Error)
				}
				took := time.Since(started)
				for _, pid := range left {
					if alive(pid) {
						t.Errorf("child %d outlived its worker", pid)
					}
				}
				// A second answer to any of them would come before this one.
				send(t, h, rig.Request(4, "zoo.add", "[5,6]"))
				if a := answers(t, h, 4)[4]; string(a.Result) != "11" {
					t.Fatalf("the new worker answered %s %+v", a.Result, a.Error)
				}
				return took
			})
		})
	}
}
