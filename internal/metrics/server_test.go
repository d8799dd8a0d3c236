package metrics

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/mochilang/mochi-pyd/pool"
)

func TestHealthIsALookThroughEveryLock(t *testing.T) {
	stuck := make(chan struct{})
	defer close(stuck)
	m, _ := busy()
	ask := served(t, m, func() Look { <-stuck; return Look{} })
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, body := ask(path); status != http.StatusServiceUnavailable || !strings.HasPrefix(body, "stuck: ") {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	status, body := ask("/metrics")
	if status != http.StatusOK || strings.Contains(body, "pool_queue_length") {
		t.Errorf("status %d", status)
	}
	has(t, body, `mochipyd_calls_total{outcome="ok",pool="math"} 2`)
}

func TestABugInALookCostsAScrape(t *testing.T) {
	m, see := busy()
	broken := true
	ask := served(t, m, func() Look {
		if broken {
			panic("boom")
		}
		return see()
	})
	if status, body := ask("/healthz"); status != http.StatusServiceUnavailable || !strings.Contains(body, "boom") {
		t.Errorf("%d %s", status, body)
	}
	broken = false
	if status, body := ask("/healthz"); status != http.StatusOK || body != "ok\n" {
		t.Errorf("%d %s", status, body)
	}
}

func TestReadyNamesTheBroken(t *testing.T) {
	of := func(draining bool, statuses ...pool.Status) Look {
		look := Look{Draining: draining}
		for i, s := range statuses {
			look.Pools = append(look.Pools, PoolLook{Declared: i < 3, Stat: pool.Stat{Name: fmt.Sprint("p", i), Status: s}})
		}
		return look
	}
	for _, test := range []struct {
		look   Look
		status int
		lines  []string
	}{
		{of(false), 200, []string{"ready"}},
		{of(false, pool.Open, pool.Open), 200, []string{"ready"}},
		{of(false, pool.Open, pool.Opening), 503, []string{"opening", "opening: p1"}},
		{of(false, pool.Open, pool.Broken, pool.Degraded), 200, []string{"ready", "broken: p1", "degraded: p2"}},
		{of(false, pool.Broken, pool.Opening, pool.Broken), 503, []string{"opening", "opening: p1", "broken: p0, p2"}},
		{of(false, pool.Open, pool.Open, pool.Open, pool.Opening, pool.Broken), 200, []string{"ready"}}, // imported ones
		{of(true, pool.Open), 503, []string{"draining"}},
	} {
		if status, lines := ready(test.look); status != test.status || !slices.Equal(lines, test.lines) {
			t.Errorf("%+v: %d %q, want %d %q", test.look, status, lines, test.status, test.lines)
		}
	}
}

func TestOnlyThisMachineIsLetIn(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0"} {
		if l, err := Listen("tcp", address, 0, ""); err == nil {
			_ = l.Close()
			t.Errorf("%s was opened", address)
		}
	}
	l, err := Listen("tcp", "localhost:0", 0, "")
	if err != nil {
		t.Fatal(err)
	}
	m, see := busy()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		NewServer(m, see, hclog.NewNullLogger()).Serve(ctx, l)
	}()
	for host, want := range map[string]int{"localhost": 200, "127.0.0.1:9": 200, "[::1]": 200, "evil.example": 421, "127.0.0.1.evil.example": 421} {
		if status, body := asker(t, "tcp", l.Addr().String(), host)("/healthz"); status != want {
			t.Errorf("as %s: %d %s", host, status, body)
		}
	}
	cancel()
	<-ended
}

func TestASlowGuestKeepsNobodyOut(t *testing.T) {
	dir := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, "m"))
	if err != nil {
		t.Fatal(err)
	}
	r := newRoom(l, 1)
	dial := func() net.Conn {
		c, err := net.Dial("unix", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	one, two := dial(), dial()
	defer one.Close()
	defer two.Close()
	first, err := r.Accept()
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan net.Conn)
	go func() {
		c, _ := r.Accept()
		accepted <- c
	}()
	_ = first.Close()
	_ = first.Close() // gives one seat back, not two
	second := <-accepted
	_ = r.Close()
	if c, err := r.Accept(); err == nil {
		_ = c.Close()
		t.Error("a closed door let somebody in")
	}
	_ = second.Close()
}
