package metrics

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/mochilang/mochi-pyd/internal/version"
	"github.com/mochilang/mochi-pyd/pool"
	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// patience is how long the servers of these tests wait for a pool.
const patience = 500 * time.Millisecond

// served answers for m and see on a Unix socket, and gives a client that asks
// it.
func served(t *testing.T, m *Meters, see func() Look) func(path string) (status int, body string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "mochi-metrics-")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "m.sock")
	l, err := Listen("unix", path, 0o600, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		server := NewServer(m, see, hclog.NewNullLogger())
		server.eye.patience = patience
		server.Serve(ctx, l)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		if _, err := os.Stat(path); err == nil {
			t.Error("the socket was left behind")
		}
		_ = os.RemoveAll(dir)
	})
	return asker(t, "unix", path, "metrics")
}

// asker asks a server for a path, under the name host.
func asker(t *testing.T, network, address, host string) func(path string) (int, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}}}
	t.Cleanup(client.CloseIdleConnections)
	return func(path string) (int, string) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+host+path, nil)
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
}

// busy are meters and a look in which every metric has something to say.
func busy() (*Meters, func() Look) {
	m := New(version.Of("test"), "mochi.ping")
	p := m.Open("math")
	for i, err := range []*rpc.Error{nil, nil, rpc.Errorf(rpc.KindPythonError, "boom"), rpc.Errorf(rpc.KindInternal, "bug"), {Code: 42}} {
		p.Answered(&rpc.Call{Arrived: time.Unix(0, 0), Service: time.Duration(i) * time.Millisecond}, time.Unix(0, 3e6), err)
	}
	id := supervisor.Identity{Pool: "math", PID: os.Getpid()}
	m.Observe(supervisor.Spawned{Identity: id})
	m.Observe(supervisor.Spawned{Identity: id, Reason: supervisor.ReasonOOM})
	m.Observe(supervisor.BecameReady{Identity: id, Took: 30 * time.Millisecond})
	m.Observe(supervisor.Exited{Identity: id, Exit: supervisor.Exit{Reason: supervisor.ReasonOOM}})
	m.Observe(supervisor.Logged{Identity: id, Record: supervisor.LogRecord{Level: "warning", Dropped: 7}})
	m.Own("mochi.ping")(nil, time.Time{}, nil)
	m.Own("mochi.nosuch")(nil, time.Time{}, rpc.Errorf(rpc.KindMethodNotFound, "no"))
	m.Refused(rpc.Errorf(rpc.KindParseError, "no"))
	m.Unrouted(nil, time.Time{}, rpc.Errorf(rpc.KindPermissionDenied, "no"))
	worker := &supervisor.WorkerStat{Identity: id, State: supervisor.Ready}
	return m, func() Look {
		return Look{Connections: 3, Pools: []PoolLook{{Declared: true, Stat: pool.Stat{
			Name: "math", Status: pool.Open, Desired: 1, Ready: 1, Busy: 2, Queue: 4, Waited: 1500 * time.Millisecond,
			Slots: []pool.SlotStat{{SlotStat: supervisor.SlotStat{Slot: 0, Worker: worker}}, {SlotStat: supervisor.SlotStat{Slot: 1}}, {SlotStat: supervisor.SlotStat{Slot: 2, Worker: worker}, Spare: true}},
		}}}}
	}
}

// has wants a line of an exposition.
func has(t *testing.T, body string, lines ...string) {
	t.Helper()
	all := strings.Split(body, "\n")
	for _, line := range lines {
		if !slices.Contains(all, line) {
			name, _, _ := strings.Cut(line, "{")
			var near []string
			for _, l := range all {
				if strings.HasPrefix(l, name) {
					near = append(near, l)
				}
			}
			t.Errorf("there is no %s among\n%s", line, strings.Join(near, "\n"))
		}
	}
}

func TestEachMetricSaysWhatHappened(t *testing.T) {
	m, see := busy()
	status, body := served(t, m, see)("/metrics")
	if status != http.StatusOK {
		t.Fatalf("status %d: %s", status, body)
	}
	has(t, body,
		`mochipyd_calls_total{outcome="ok",pool="math"} 2`,
		`mochipyd_calls_total{outcome="python_error",pool="math"} 1`,
		`mochipyd_calls_total{outcome="internal",pool="math"} 1`,
		`mochipyd_calls_total{outcome="other",pool="math"} 1`,
		`mochipyd_calls_total{outcome="worker_lost",pool="math"} 0`,
		`mochipyd_call_duration_seconds_count{pool="math"} 5`,
		`mochipyd_call_duration_seconds_sum{pool="math"} 0.015`,
		`mochipyd_call_duration_seconds_bucket{pool="math",le="0.0025"} 0`,
		`mochipyd_call_duration_seconds_bucket{pool="math",le="0.005"} 5`,
		`mochipyd_call_queue_seconds_count{pool="math"} 4`,
		`mochipyd_call_queue_seconds_sum{pool="math"} 0.003`,
		`mochipyd_worker_starts_total{pool="math",reason="first"} 1`,
		`mochipyd_worker_starts_total{pool="math",reason="oom"} 1`,
		`mochipyd_worker_exits_total{pool="math",reason="oom"} 1`,
		`mochipyd_worker_start_duration_seconds_bucket{pool="math",le="0.05"} 1`,
		`mochipyd_worker_log_lines_total{level="warning",pool="math"} 1`,
		`mochipyd_worker_log_lines_dropped_total{pool="math"} 7`,
		`mochipyd_rpc_requests_total{code="0",method="call"} 2`,
		`mochipyd_rpc_requests_total{code="-32603",method="call"} 2`,
		`mochipyd_rpc_requests_total{code="-32009",method="call"} 1`,
		`mochipyd_rpc_requests_total{code="other",method="call"} 1`,
		`mochipyd_rpc_requests_total{code="0",method="mochi.ping"} 1`,
		`mochipyd_rpc_requests_total{code="-32601",method="unknown"} 1`,
		`mochipyd_rpc_requests_total{code="-32700",method="refused"} 1`,
		`mochipyd_pool_workers{pool="math",state="ready"} 1`,
		`mochipyd_pool_workers{pool="math",state="spare"} 1`,
		`mochipyd_pool_workers{pool="math",state="dead"} 1`,
		`mochipyd_pool_workers{pool="math",state="draining"} 0`,
		`mochipyd_pool_workers_desired{pool="math"} 1`,
		`mochipyd_pool_queue_length{pool="math"} 4`,
		`mochipyd_pool_queue_oldest_age_seconds{pool="math"} 1.5`,
		`mochipyd_calls_in_flight{pool="math"} 2`,
		`mochipyd_rpc_connections 3`,
		`mochipyd_config_last_reload_successful 1`,
	)
	if strings.Contains(body, `pid="`) {
		t.Error("a label is a pid")
	}
	m.Reloaded(false)
	_, body = served(t, m, see)("/metrics")
	has(t, body, `mochipyd_config_last_reload_successful 0`)
}

// TestTheExpositionLints: names, units, help and types are as Prometheus wants
// them, and each metric of the catalogue is there.
func TestTheExpositionLints(t *testing.T) {
	m, see := busy()
	_, body := served(t, m, see)("/metrics")
	problems, err := promlint.New(strings.NewReader(body)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	for _, m := range Catalogue() {
		_, err := os.Stat("/proc/self/stat")
		if needsProc := m.Name == workerMemory.Name || m.Name == workerCPU.Name; err != nil && needsProc {
			continue
		}
		if !strings.Contains(body, fmt.Sprintf("# TYPE %s %s\n", m.Name, m.Type)) {
			t.Errorf("%s is in the catalogue and not in the exposition", m.Name)
		}
	}
}

// TestTheWordsAreTheVocabularies: a reason or a kind that is added gets its
// series.
func TestTheWordsAreTheVocabularies(t *testing.T) {
	for _, v := range []struct {
		file, prefix string
		words        []string
	}{
		{"../../supervisor/exit.go", "Reason", stringsOf(exitReasons)},
		{"../../rpc/kind.go", "Kind", outcomes[1 : outcomeCount-1]},
	} {
		want := constants(t, v.file, v.prefix)
		got := slices.Sorted(slices.Values(v.words))
		if !slices.Equal(got, want) {
			t.Errorf("%s has %q, and the metrics %q", v.file, want, got)
		}
	}
	for _, bounds := range [][]time.Duration{callBounds, queueBounds, startBounds} {
		if len(bounds) > maxBounds || !slices.IsSorted(bounds) {
			t.Errorf("%v are more than %d, or not in order", bounds, maxBounds)
		}
	}
	if len(outcomes) != outcomeCount {
		t.Errorf("outcomeCount must be %d", len(outcomes))
	}
}

func stringsOf[W ~string](words []W) (out []string) {
	for _, w := range words {
		out = append(out, string(w))
	}
	return out
}

// constants are the values of the string constants whose names begin so.
func constants(t *testing.T, file, prefix string) (values []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Names) != 1 || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, prefix) {
			return true
		}
		if literal, ok := spec.Values[0].(*ast.BasicLit); ok && literal.Kind == token.STRING {
			value, _ := strconv.Unquote(literal.Value)
			values = append(values, value)
		}
		return true
	})
	slices.Sort(values)
	return values
}

func TestForgottenPoolsAreBoundedAndTheirCallsStay(t *testing.T) {
	m := New(version.Of("test"))
	const pools = 3 * maxForgotten
	call := &rpc.Call{Arrived: time.Unix(0, 0)}
	for i := range pools {
		name := fmt.Sprint("nosuch", i)
		m.Open(name).Answered(call, time.Unix(1, 0), rpc.Errorf(rpc.KindImportFailed, "no"))
		m.Forget(name)
		m.Forget(name) // once too often does no harm
	}
	m.Open("kept").Answered(call, time.Unix(1, 0), nil)
	m.Open("kept") // made anew before the old one is forgotten
	m.Forget("kept")
	m.Open(fmt.Sprint("nosuch", pools-1)).Answered(call, time.Unix(1, 0), rpc.Errorf(rpc.KindImportFailed, "no"))
	known, _ := m.snapshot()
	if len(known) != maxForgotten+1 {
		t.Errorf("%d pools are known", len(known))
	}
	_, body := served(t, m, func() Look { return Look{} })("/metrics")
	has(t, body,
		fmt.Sprintf(`mochipyd_rpc_requests_total{code="-32005",method="call"} %d`, pools+1),
		`mochipyd_rpc_requests_total{code="0",method="call"} 1`,
		fmt.Sprintf(`mochipyd_calls_total{outcome="import_failed",pool="nosuch%d"} 2`, pools-1),
	)
}

// BenchmarkAnswered is what counting adds to a call.
func BenchmarkAnswered(b *testing.B) {
	p := newPool()
	c := &rpc.Call{Arrived: time.Unix(0, 0), Service: 20 * time.Microsecond}
	at := time.Unix(0, 60_000)
	for b.Loop() {
		p.Answered(c, at, nil)
	}
}

// BenchmarkScrape is a scrape of a daemon with 16 pools, beside the kernel's part.
func BenchmarkScrape(b *testing.B) {
	m := New(version.Of("test"))
	for i := range 16 {
		m.Open(fmt.Sprint("pool", i))
	}
	server := NewServer(m, func() Look { return Look{} }, hclog.NewNullLogger())
	request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "/metrics", nil)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		w := &sink{header: http.Header{}}
		server.http.Handler.ServeHTTP(w, request)
		b.SetBytes(w.size)
	}
}

type sink struct {
	header http.Header
	size   int64
}

func (s *sink) Header() http.Header { return s.header }
func (s *sink) WriteHeader(int)     {}
func (s *sink) Write(p []byte) (int, error) {
	s.size += int64(len(p))
	return len(p), nil
}
