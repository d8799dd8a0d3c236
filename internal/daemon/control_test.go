package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
)

const talkative = `
import sys
def say(n, text):
    for i in range(n):
        print(i, text)
def nap(s):
    import time
    time.sleep(s)
    return s
`

// until asks until the answer holds the text: what a worker writes comes by a
// pipe of its own, and no answer waits for it.
func until(t *testing.T, c *rpc.Client, text, method string, params any) string {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); <-tick.C {
		if got := call(t, c, method, params); strings.Contains(got, text) {
			return got
		}
	}
	t.Fatalf("%s never said %q", method, text)
	return ""
}

func TestWhoFollowsSlowlyHoldsNobodyUpAndIsToldWhatHeMissed(t *testing.T) {
	r := start(t, "", map[string]string{"talkative": talkative})
	host, operator := dial(t, r.host), dial(t, r.control)
	call(t, host, "talkative.say", list{1, "first"})
	until(t, operator, "0 first", "mochi.logs", object{"pool": "talkative"})

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen, missed := 0, 0
	for raw, err := range operator.Stream(ctx, "mochi.logs", object{"pool": "talkative", "follow": true}) {
		if err != nil {
			t.Fatal(err)
		}
		var l LogLine
		if err := json.Unmarshal(raw, &l); err != nil {
			t.Fatal(err)
		}
		if seen++; seen == 1 {
			// We read nothing while far more is written than anyone keeps for us.
			for range 10 {
				call(t, host, "talkative.say", list{maxLogRecords / 2, strings.Repeat("x", 50)})
			}
			call(t, host, "talkative.say", list{1, "last"})
			until(t, dial(t, r.control), "0 last", "mochi.logs", object{"pool": "talkative", "n": 3})
		}
		missed += l.Dropped
		if l.Message == "0 last" {
			break
		}
	}
	if missed == 0 || seen > 3*maxLogRecords+rpc.StartItems {
		t.Errorf("saw %d records and was told of %d missed ones", seen, missed)
	}
}

func TestFollowingEndsWithTheDaemonAndDoesNotDelayIt(t *testing.T) {
	r := start(t, "", map[string]string{"talkative": talkative})
	call(t, dial(t, r.host), "talkative.say", list{1, "hello"})
	operator := dial(t, r.control)
	began := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		first := true
		for _, err := range operator.Stream(t.Context(), "mochi.events", object{"follow": true}) {
			if err != nil {
				ended <- err
				return
			}
			if first {
				close(began)
				first = false
			}
		}
		ended <- nil
	}()
	<-began
	stopped := time.Now()
	r.stop()
	if err := <-ended; err != nil {
		t.Errorf("the stream ended with %v", err)
	}
	if took := time.Since(stopped); took > goodbye {
		t.Errorf("it took %s", took)
	}
}

// TestALongIDIsNoBurdenToOperators: it is the host's to choose, and as long as a
// message may be. What shows it, shows its beginning.
func TestALongIDIsNoBurdenToOperators(t *testing.T) {
	r := start(t, "", map[string]string{"sleepy": "import time\ndef nap(s):\n    print('yawn', flush=True)\n    time.sleep(s)\n"})
	host, operator := dialRaw(t, r.host), dial(t, r.control)
	call(t, dial(t, r.host), "sleepy.nap", list{0})
	host.send(t, `{"jsonrpc":"2.0","id":"`+strings.Repeat("x", 1<<20)+`","method":"sleepy.nap","params":[1]}`)
	log := until(t, operator, "xxx", "mochi.logs", object{"pool": "sleepy"})
	workers := call(t, operator, "mochi.workers", nil)
	for what, told := range map[string]string{"a log line": log, "a worker": workers} {
		if !strings.Contains(told, "sleepy.nap") && !strings.Contains(told, `"nap"`) || len(told) > 1<<14 {
			t.Errorf("%s is told in %d bytes: %.300s", what, len(told), told)
		}
	}
	_ = host.answer(t)
}

func TestFollowWithoutAStreamSaysWhatIsMissing(t *testing.T) {
	r := start(t, "", nil)
	refused(t, dial(t, r.control), rpc.KindInvalidParams, "meta.stream", "mochi.events", object{"follow": true})
}

// TestEventsAreChosenAsLogsAre: one reading of the parameters serves both, a
// positional call's order included, which only grows at its end.
func TestEventsAreChosenAsLogsAre(t *testing.T) {
	r := start(t, "", map[string]string{"talkative": talkative})
	operator := dial(t, r.control)
	call(t, dial(t, r.host), "talkative.say", list{1, "hello"})
	until(t, operator, "0 hello", "mochi.logs", object{"pool": "talkative"})
	for _, method := range []string{"mochi.logs", "mochi.events"} {
		refused(t, operator, rpc.KindInvalidParams, "0 or more", method, object{"pool": "talkative", "n": -1})
		refused(t, operator, rpc.KindInvalidParams, "as in \"5m\"", method, object{"pool": "talkative", "since": "5 minutes"})
		refused(t, operator, rpc.KindInvalidParams, "level must be one of", method, object{"pool": "talkative", "level": "loud"})
		refused(t, operator, rpc.KindInvalidParams, "needs", method, object{"slot": 0})
		refused(t, operator, rpc.KindInvalidParams, "no worker 99", method, object{"pool": "talkative", "slot": 99})
		if got := call(t, operator, method, object{"pool": "talkative", "level": "CRITICAL"}); strings.Contains(got, "at") {
			t.Errorf("%s at least critical: %s", method, got)
		}
	}
	one := call(t, operator, "mochi.events", list{false, "talkative", 1, 0, "1h", "info"})
	if strings.Count(one, `"event"`) != 1 || !strings.Contains(one, `"slot":0`) {
		t.Errorf("the last event of worker 0: %s", one)
	}
}

func TestAnAliasFindsItsPoolsEvents(t *testing.T) {
	r := start(t, "[pools.talkative]\nalias = \"t\"\n", map[string]string{"talkative": talkative})
	operator := dial(t, r.control)
	for _, name := range []string{"talkative", "t"} {
		until(t, operator, `"worker_ready"`, "mochi.events", object{"pool": name})
	}
}

func TestOperatorsMethodsAreNotTheHosts(t *testing.T) {
	r := start(t, "", nil)
	host := dial(t, r.host)
	for _, method := range []string{"mochi.scale", "mochi.pause", "mochi.resume", "mochi.kill", "mochi.logs", "mochi.events"} {
		refused(t, host, rpc.KindPermissionDenied, "control socket", method, object{})
	}
}

// TestTwoThatScaleByOneAddTwo: who says how many more means more than there are
// then.
func TestTwoThatScaleByOneAddTwo(t *testing.T) {
	r := start(t, "[pools.talkative]\nworkers = 1\n", map[string]string{"talkative": talkative})
	const operators = 5
	done := make(chan error, operators)
	for range operators {
		c := dial(t, r.control)
		go func() {
			done <- c.Call(t.Context(), "mochi.scale", object{"pool": "talkative", "by": 1}, nil)
		}()
	}
	for range operators {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	until(t, dial(t, r.control), fmt.Sprintf(`"workers_ready":%d,"workers_desired":%[1]d`, operators+1), "mochi.status", nil)
}

// TestWhatIsInEnvIsNotShown: it is where people put what must not be read.
func TestWhatIsInEnvIsNotShown(t *testing.T) {
	r := start(t, "[pools.talkative]\nworkers = 1\nenv = { TOKEN = \"hunter2\" }\n", map[string]string{"talkative": talkative})
	got := call(t, dial(t, r.control), "mochi.describe", object{"pool": "talkative"})
	if strings.Contains(got, "hunter2") || !strings.Contains(got, `"key":"env","value":{"TOKEN":"…"},"text":"{ TOKEN = … }","origin":"test.toml:3"`) {
		t.Errorf("got %s", got)
	}
}

// TestDescribeDoesNotWaitForABusyPool: an operator asks because it is stuck.
func TestDescribeDoesNotWaitForABusyPool(t *testing.T) {
	r := start(t, "[pools.talkative]\nworkers = 1\n", map[string]string{"talkative": talkative})
	host, operator := dial(t, r.host), dial(t, r.control)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { _ = host.Call(ctx, "talkative.nap", list{30}, nil) }()
	until(t, operator, `"function":"nap"`, "mochi.workers", nil)
	asked := time.Now()
	got := call(t, operator, "mochi.describe", object{"pool": "talkative"})
	if took := time.Since(asked); took > 2*methodsTimeout || !strings.Contains(got, "its workers are busy") {
		t.Errorf("it took %s: %s", took, got)
	}
}

func TestAPoolThatIsGoneLeavesItsLastWords(t *testing.T) {
	r := start(t, "", map[string]string{"doomed": "import sys\nprint('no way', file=sys.stderr)\n1 / 0\n"})
	host := dial(t, r.host)
	_ = host.Call(t.Context(), "doomed.f", nil, nil) // fails, as it must
	operator := dial(t, r.control)
	until(t, operator, "no way", "mochi.logs", object{"pool": "doomed"})
	s := r.pools.named("doomed")
	r.pools.mu.Lock()
	s.shut(nil)
	r.pools.forget(s)
	r.pools.mu.Unlock()
	if got := call(t, operator, "mochi.logs", object{"pool": "doomed"}); !strings.Contains(got, "no way") {
		t.Errorf("got %s", got)
	}
	refused(t, operator, rpc.KindInvalidParams, "no pool", "mochi.describe", object{"pool": "doomed"})
}
