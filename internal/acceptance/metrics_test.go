package acceptance

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// promised are the metrics and the labels of each; "le" of histograms apart.
var promised = map[string]string{
	"pool_workers":                   "pool state",
	"pool_workers_desired":           "pool",
	"pool_queue_length":              "pool",
	"pool_queue_oldest_age_seconds":  "pool",
	"calls_total":                    "outcome pool",
	"call_duration_seconds":          "pool",
	"call_queue_seconds":             "pool",
	"calls_in_flight":                "pool",
	"worker_starts_total":            "pool reason",
	"worker_exits_total":             "pool reason",
	"worker_start_duration_seconds":  "pool",
	"worker_resident_memory_bytes":   "pool slot",
	"worker_cpu_seconds_total":       "pool slot",
	"worker_log_lines_total":         "level pool",
	"worker_log_lines_dropped_total": "pool",
	"rpc_connections":                "",
	"rpc_requests_total":             "code method",
	"config_last_reload_successful":  "",
	"build_info":                     "goversion platform revision version",
}

// asks gives a client of the metrics at an address.
func asks(t *testing.T, network, address string) func(path string) (int, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}}}
	t.Cleanup(client.CloseIdleConnections)
	return func(path string) (int, string) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(body)
	}
}

// TestMetricsAreServedOnASocketAndOnAPort, under the promised names and labels and no
// others, fit for Prometheus; and who asks for health is answered.
func TestMetricsAreServedOnASocketAndOnAPort(t *testing.T) {
	t.Parallel()
	onlyWithProc(t) // memory and CPU of workers are the kernel's word
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(t.TempDir(), "m")
	for network, address := range map[string]string{"unix": socket, "tcp": port} {
		metrics := address
		if network == "unix" {
			metrics = "unix:" + address
		}
		d := serve(t, rig.Options{Config: fmt.Sprintf("\n[daemon]\nlog-rate = 20\nmetrics = %q\n[pools.traced]\n[pools.flood]\nworkers = 1\n", metrics)})
		h := dial(t, d)
		call(t, h, "traced.speak", `["w1"]`)
		call(t, h, "flood.stderr", `[1000000]`)
		refused(t, h, "worker_lost", "traced.die", "")
		whole(t, d, "traced")
		ask := asks(t, network, address)
		for path, want := range map[string]string{"/healthz": "ok\n", "/readyz": "ready\n"} {
			if status, body := ask(path); status != http.StatusOK || body != want {
				t.Errorf("%s: %s: %d %q", network, path, status, body)
			}
		}
		if status, _ := ask("/debug/pprof"); status != http.StatusNotFound {
			t.Errorf("%s: what is not there answers %d", network, status)
		}
		dropped := regexp.MustCompile(`(?m)^mochipyd_worker_log_lines_dropped_total\{pool="flood"\} [1-9]`)
		body := ""
		rig.Until(lineLimit, func() bool {
			_, body = ask("/metrics")
			return dropped.MatchString(body)
		})
		if !dropped.MatchString(body) {
			t.Errorf("%s: no dropped lines are counted", network)
		}
		hasThePromised(t, body)
	}
}

func hasThePromised(t *testing.T, body string) {
	t.Helper()
	problems, err := promlint.New(strings.NewReader(body)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	got := map[string]string{}
	labels := regexp.MustCompile(`(\w+)="`)
	kinds := regexp.MustCompile(`(?m)^# TYPE mochipyd_(\w+) (\w+)$`)
	for _, kind := range kinds.FindAllStringSubmatch(body, -1) {
		name := kind[1]
		suffix := ""
		if kind[2] == "histogram" {
			suffix = "_count"
		}
		series := regexp.MustCompile(`(?m)^mochipyd_` + name + suffix + `(?:\{(.*)\})? `).FindStringSubmatch(body)
		if series == nil {
			t.Errorf("%s has no series", name)
			continue
		}
		var has []string
		for _, l := range labels.FindAllStringSubmatch(series[1], -1) {
			has = append(has, l[1])
		}
		slices.Sort(has)
		got[name] = strings.Join(has, " ")
	}
	if !maps.Equal(got, promised) {
		t.Errorf("the metrics and their labels are\n%v, promised\n%v", got, promised)
	}
}

// TestMetricsAreRefusedWhereOthersCouldReadThem: such an address is a mistake of the
// configuration, with its place, for check and for serve.
func TestMetricsAreRefusedWhereOthersCouldReadThem(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"0.0.0.0:9471", "[::]:9471", ":9471", "192.0.2.1:9471"} {
		file := filepath.Join(t.TempDir(), "config.toml")
		if err := os.WriteFile(file, fmt.Appendf(nil, "[daemon]\nmetrics = %q\n", address), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"check", file}, {"serve", "--config", file}} {
			const wrongConfig = 78
			run := exec.CommandContext(t.Context(), binary, args...)
			out, _ := run.CombinedOutput()
			if status := run.ProcessState.ExitCode(); status != wrongConfig || !strings.Contains(string(out), file+":2:11: ") || !strings.Contains(string(out), "other machines") {
				t.Errorf("%s with %s: status %d, %s", args[0], address, status, out)
			}
		}
	}
}

// TestTheMetricOfTheReloadIsTheConfigurations: a pool's code that is loaded anew
// changes nothing about a file that is wrong.
func TestTheMetricOfTheReloadIsTheConfigurations(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "m")
	right := fmt.Sprintf("\n[daemon]\nmetrics = \"unix:%s\"\n[pools.traced]\nworkers = 1\n", socket)
	d := serve(t, rig.Options{Config: right})
	ask := asks(t, "unix", socket)
	reload := func(text, params string, failed bool, want string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(filepath.Dir(d.Socket), "config.toml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if a := operate(t, d, "mochi.reload", params); (a.Error != nil) != failed {
			t.Fatalf("reload %s: %s %+v", params, a.Result, a.Error)
		}
		if _, body := ask("/metrics"); !strings.Contains(body, "\nmochipyd_config_last_reload_successful "+want+"\n") {
			t.Errorf("after reload %s of %q the metric is not %s", params, text, want)
		}
	}
	whole(t, d, "traced")
	reload(right+"wrokers = 2\n", `{"wait":true}`, true, "0")
	reload(right+"wrokers = 2\n", `{"pool":"traced","wait":true}`, false, "0")
	reload(right, `{"wait":true}`, false, "1")
}
