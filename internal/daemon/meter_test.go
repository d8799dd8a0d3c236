package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
)

// counted is a module that does all that is counted.
const counted = `
import os, signal, time, sys

def ok(x=0): return x
def boom(): raise ValueError("boom")
def die(): os.kill(os.getpid(), signal.SIGSEGV)
def leave(): os._exit(3)
def nap(s): time.sleep(s)
def say(n): print("\n".join("line" for _ in range(n)), flush=True)
def items(n):
    for i in range(n): yield i
async def aok(x=0): return x
`

// exposition is a scrape: each series with its labels, as it was written.
type exposition map[string]float64

var sample = regexp.MustCompile(`(?m)^(mochipyd_\w+)(\{[^}]*\})? (\S+)$`)

// ask asks the daemon's metrics socket for a path.
func (r *running) ask(t *testing.T, path string) (int, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(r.dir, "metrics.sock"))
	}}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://metrics"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

func (r *running) scrape(t *testing.T) exposition {
	t.Helper()
	status, body := r.ask(t, "/metrics")
	if status != http.StatusOK {
		t.Fatalf("/metrics: %d %s", status, body)
	}
	e := exposition{}
	for _, m := range sample.FindAllStringSubmatch(body, -1) {
		value, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			t.Fatal(err)
		}
		e[m[1]+m[2]] = value
	}
	return e
}

// sum adds the series of a metric whose labels hold all of these.
func (e exposition) sum(name string, labels ...string) (total float64) {
series:
	for series, value := range e {
		if series != name && !strings.HasPrefix(series, name+"{") {
			continue
		}
		for _, label := range labels {
			if !strings.Contains(series, label) {
				continue series
			}
		}
		total += value
	}
	return total
}

// ledger is what hosts were told, by outcome.
type ledger struct {
	mu    sync.Mutex
	heard map[string]float64
}

func (l *ledger) call(t *testing.T, c *rpc.Client, method string, params any, opts ...rpc.CallOption) {
	l.note(c.Call(t.Context(), method, params, nil, opts...))
}

func (l *ledger) note(err error) {
	outcome := "ok"
	var e *rpc.Error
	if errors.As(err, &e) {
		outcome = string(e.Kind())
	} else if err != nil {
		outcome = "no answer: " + err.Error()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard[outcome]++
}

// TestTheSumsAgreeWithWhatHappened: a real daemon whose workers are killed,
// restarted and kept busy; what hosts were told is what was counted, call for
// call, and what was started is what ended or lives.
func TestTheSumsAgreeWithWhatHappened(t *testing.T) {
	d := start(t, `
[daemon]
import-policy = "any"
metrics = "unix:metrics.sock"
[pools.counted]
workers = 2
max-queue = 4
restart-limit = 1000
backoff-min = "10ms"
backoff-max = "20ms"
cancel-grace = "100ms"
`, map[string]string{"counted": counted})
	l := &ledger{heard: map[string]float64{}}
	var hosts sync.WaitGroup
	for range 4 {
		c := dial(t, d.host)
		hosts.Go(func() {
			for i := range 50 {
				switch {
				case i%17 == 3:
					l.call(t, c, "counted.die", nil)
				case i%17 == 5:
					l.call(t, c, "counted.leave", nil)
				case i%7 == 1:
					l.call(t, c, "counted.boom", nil)
				case i%7 == 2:
					l.call(t, c, "counted.aok", list{i})
				case i%11 == 4:
					l.call(t, c, "counted.nap", list{5}, rpc.WithMeta(rpc.Meta{Timeout: 30 * time.Millisecond}))
				case i%11 == 6:
					l.call(t, c, "counted.nosuch", nil)
				default:
					l.call(t, c, "counted.ok", list{i})
				}
			}
		})
	}
	control := dial(t, d.control)
	restart := func() { call(t, control, "mochi.restart", object{"pool": "counted", "wait": true}) }
	restart() // of workers that die meanwhile
	hosts.Wait()
	restart() // of workers that would have gone on
	restart()
	c := dial(t, d.host)
	for range 3 {
		var last error
		for _, err := range c.Stream(t.Context(), "counted.items", list{20}) {
			last = err
		}
		l.note(last)
	}
	// More at once than may wait: some are refused, and those are counted, too.
	for range 40 {
		hosts.Go(func() { l.call(t, c, "counted.nap", list{0.01}) })
	}
	hosts.Wait()
	for outcome := range l.heard {
		if strings.HasPrefix(outcome, "no answer") {
			t.Errorf("a host heard nothing: %s", outcome)
		}
	}
	if l.heard["overloaded"] == 0 || l.heard["worker_lost"] == 0 || l.heard["deadline_exceeded"] == 0 {
		t.Errorf("not all happened that was to be counted: %v", l.heard)
	}

	e := d.scrape(t)
	total := 0.0
	for outcome, n := range l.heard {
		total += n
		if got := e.sum("mochipyd_calls_total", `pool="counted"`, `outcome="`+outcome+`"`); got != n {
			t.Errorf("%s: hosts heard it %v times, and it was counted %v times", outcome, n, got)
		}
	}
	for name, want := range map[string]float64{
		"mochipyd_calls_total": total, "mochipyd_call_duration_seconds_count": total,
	} {
		if got := e.sum(name); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	if got := e.sum("mochipyd_rpc_requests_total", `method="call"`); got != total {
		t.Errorf("requests: %v, want %v", got, total)
	}
	if waited, inHand := e.sum("mochipyd_call_queue_seconds_sum"), e.sum("mochipyd_call_duration_seconds_sum"); waited <= 0 || waited > inHand {
		t.Errorf("calls waited %v s, and took %v s", waited, inHand)
	}
	if got := e.sum("mochipyd_rpc_requests_total", `method="mochi.restart"`, `code="0"`); got != 3 {
		t.Errorf("mochi.restart: %v", got)
	}

	// What dies is buried and replaced in its own time.
	wait(t, "every start is an exit or a worker that lives", func() bool {
		e = d.scrape(t)
		living := e.sum("mochipyd_pool_workers", `pool="counted"`) - e.sum("mochipyd_pool_workers", `pool="counted"`, `state="dead"`)
		ended := e.sum("mochipyd_worker_exits_total", `pool="counted"`) - e.sum("mochipyd_worker_exits_total", `reason="start.exec"`)
		return living == 2 && e.sum("mochipyd_pool_workers", `state="ready"`) == 2 && e.sum("mochipyd_worker_starts_total", `pool="counted"`)-ended == living
	})
	// A restart that comes before the second slot has begun is that slot's first start.
	if first := e.sum("mochipyd_worker_starts_total", `reason="first"`); first < 1 || first > 2 {
		t.Errorf("%v workers were the first of their slots", first)
	}
	for reason, least := range map[string]float64{"signal": 1, "exit": 1, "restart": 3} {
		if got := e.sum("mochipyd_worker_exits_total", `reason="`+reason+`"`); got < least {
			t.Errorf("exits by %s: %v", reason, got)
		}
	}
	if ready := e.sum("mochipyd_worker_start_duration_seconds_count"); ready > e.sum("mochipyd_worker_starts_total") || ready < 2 {
		t.Errorf("%v workers became ready", ready)
	}
	for _, name := range []string{"mochipyd_calls_in_flight", "mochipyd_pool_queue_length", "mochipyd_pool_queue_oldest_age_seconds"} {
		if e.sum(name) != 0 {
			t.Errorf("%s is %v when nothing runs", name, e.sum(name))
		}
	}
	if desired := e.sum("mochipyd_pool_workers_desired"); desired != 2 {
		t.Errorf("%v workers are desired", desired)
	}
	if got := e["mochipyd_rpc_connections"]; got != 5 {
		t.Errorf("%v hosts are connected", got)
	}
}

// TestWhatNeverBecameACallIsCounted: refusals of the wire, of the router and of
// the doors.
func TestWhatNeverBecameACallIsCounted(t *testing.T) {
	d := start(t, "[daemon]\nmetrics = \"unix:metrics.sock\"\n[pools.counted]\n", map[string]string{"counted": counted})
	h := dialRaw(t, d.host)
	for _, line := range []string{
		`{"jsonrpc":"2.0","id":1,"method":`,
		`{"jsonrpc":"1.0","id":1,"method":"counted.ok"}`,
		`[]`,
		`[{"jsonrpc":"2.0","id":1,"method":"counted.ok"},{"jsonrpc":"2.0","id":2,"method":7},{"jsonrpc":"2.0","method":"counted.ok"}]`,
		`{"jsonrpc":"2.0","id":3,"method":"math.sqrt","params":[9]}`,
		`{"jsonrpc":"2.0","id":4,"method":"nothing"}`,
		`{"jsonrpc":"2.0","id":5,"method":"mochi.ping"}`,
		`{"jsonrpc":"2.0","id":6,"method":"mochi.status"}`,
		`{"jsonrpc":"2.0","id":7,"method":"counted.ok","meta":{"timeout_ms":"soon"}}`,
	} {
		h.send(t, line)
		if strings.HasPrefix(line, "[{") {
			if _, err := h.in.ReadBytes('\n'); err != nil {
				t.Fatal(err)
			}
			continue
		}
		h.answer(t)
	}
	call(t, dial(t, d.control), "mochi.status", nil)
	var e exposition
	wait(t, "the notification has run", func() bool {
		e = d.scrape(t)
		return e.sum("mochipyd_calls_total", `outcome="ok"`) == 2
	})
	got := exposition{}
	for series, n := range e {
		if labels, ok := strings.CutPrefix(series, "mochipyd_rpc_requests_total"); ok && n > 0 {
			got[labels] = n
		}
	}
	want := exposition{
		`{code="-32700",method="refused"}`:      1,
		`{code="-32600",method="refused"}`:      3, // the version, the empty batch, the number for a method
		`{code="-32602",method="refused"}`:      1,
		`{code="0",method="call"}`:              2,
		`{code="-32009",method="call"}`:         1,
		`{code="-32601",method="call"}`:         1,
		`{code="0",method="mochi.ping"}`:        1,
		`{code="0",method="mochi.status"}`:      1,
		`{code="-32009",method="mochi.status"}`: 1,
	}
	if !maps.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// TestNoHostMakesASeries: names of functions, of modules that do not exist and
// of methods leave no label behind that grows.
func TestNoHostMakesASeries(t *testing.T) {
	d := start(t, "[daemon]\nimport-policy = \"any\"\nmax-pools = 3\nmetrics = \"unix:metrics.sock\"\n", map[string]string{"counted": counted})
	c := dial(t, d.host)
	call(t, c, "counted.ok", nil)
	before := len(d.scrape(t))
	for i := range 20 {
		_ = c.Call(t.Context(), fmt.Sprintf("counted.nosuch%d", i), nil, nil)
		_ = c.Call(t.Context(), fmt.Sprintf("mochi.nosuch%d", i), nil, nil)
		_ = c.Call(t.Context(), fmt.Sprintf("nosuch%d", i), nil, nil)
	}
	if after := len(d.scrape(t)); after > before+4 {
		t.Errorf("%d series became %d", before, after)
	}
}

func TestReadyMeansThatHostsShouldCome(t *testing.T) {
	d := start(t, "[daemon]\nmetrics = \"unix:metrics.sock\"\n[pools.counted]\n[pools.wrong]\nmodule = \"nosuch_module\"\n", map[string]string{"counted": counted})
	if status, body := d.ask(t, "/readyz"); status != http.StatusOK || body != "ready\nbroken: wrong\n" {
		t.Errorf("/readyz: %d %q", status, body)
	}
	if status, body := d.ask(t, "/healthz"); status != http.StatusOK || body != "ok\n" {
		t.Errorf("/healthz: %d %q", status, body)
	}
	c := dial(t, d.host)
	napping := make(chan error, 1)
	go func() { napping <- c.Call(context.Background(), "counted.nap", list{1}, nil) }()
	wait(t, "the nap has begun", func() bool { return d.scrape(t).sum("mochipyd_calls_in_flight") == 1 })
	d.stop()
	wait(t, "it drains", func() bool {
		status, body := d.ask(t, "/readyz")
		return status == http.StatusServiceUnavailable && strings.HasPrefix(body, "draining\n")
	})
	if status, _ := d.ask(t, "/healthz"); status != http.StatusOK {
		t.Errorf("/healthz of one that drains: %d", status)
	}
	if err := <-napping; err != nil {
		t.Error(err)
	}
}

// TestLinesAreCounted: what a worker prints, and what of it was too much.
func TestLinesAreCounted(t *testing.T) {
	d := start(t, "[daemon]\nlog-rate = 50\nmetrics = \"unix:metrics.sock\"\n[pools.counted]\n", map[string]string{"counted": counted})
	c := dial(t, d.host)
	const lines = 2000
	call(t, c, "counted.say", list{lines})
	var e exposition
	wait(t, "each line was logged or dropped", func() bool {
		e = d.scrape(t)
		return e.sum("mochipyd_worker_log_lines_total")+e.sum("mochipyd_worker_log_lines_dropped_total") >= lines
	})
	if e.sum("mochipyd_worker_log_lines_dropped_total") == 0 || e.sum("mochipyd_worker_log_lines_total", `level="info"`) < 50 {
		t.Errorf("%v lines, %v dropped", e.sum("mochipyd_worker_log_lines_total"), e.sum("mochipyd_worker_log_lines_dropped_total"))
	}
}
