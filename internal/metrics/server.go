package metrics

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/mochilang/mochi-pyd/pool"
)

// The bounds of the server. Those who come are a scraper, a probe and a person.
const (
	readTimeout    = 5 * time.Second  // for a request
	answerTimeout  = 10 * time.Second // for its answer, the look at the daemon included
	keepAlive      = 2 * time.Minute  // longer than usual scrape intervals
	maxHeader      = 8 << 10
	maxGuests      = 32 // connections at once
	maxScrapes     = 4  // at once
	partingTimeout = time.Second
)

// Server answers /metrics, /healthz and /readyz.
type Server struct {
	log  hclog.Logger
	eye  *eye
	http *http.Server
}

// NewServer makes a server of what m counts and see sees. see may be called from
// any goroutine, one at a time.
func NewServer(m *Meters, see func() Look, log hclog.Logger) *Server {
	s := &Server{log: log, eye: &eye{see: see, patience: lookTimeout}}
	registry := prometheus.NewRegistry()
	registry.MustRegister(&collector{meters: m, glance: s.eye.glance})
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		// What can be told is told: a scrape without the gauges of a deadlocked
		// pool is worth more than none.
		ErrorHandling: promhttp.ContinueOnError, ErrorLog: errorLog{log}, MaxRequestsInFlight: maxScrapes,
	}))
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "there are GET /metrics, /healthz and /readyz", http.StatusNotFound)
	})
	s.http = &http.Server{
		Handler:           loopbackOnly(mux),
		ReadHeaderTimeout: readTimeout, ReadTimeout: readTimeout, WriteTimeout: answerTimeout, IdleTimeout: keepAlive,
		MaxHeaderBytes: maxHeader,
		ErrorLog:       log.StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Debug}),
	}
	return s
}

// Serve answers until ctx ends, and closes l. What goes wrong is logged: it is
// no reason to end anything else.
func (s *Server) Serve(ctx context.Context, l net.Listener) {
	s.log.Info("metrics are served", "event", "metrics", "address", l.Addr().String())
	done := make(chan struct{})
	defer func() { <-done }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer close(done)
		<-ctx.Done()
		parting, end := context.WithTimeout(context.WithoutCancel(ctx), partingTimeout)
		defer end()
		if s.http.Shutdown(parting) != nil {
			_ = s.http.Close()
		}
	}()
	if err := s.http.Serve(newRoom(l, maxGuests)); !errors.Is(err, http.ErrServerClosed) {
		s.log.Error("metrics are served no more: restart the daemon when it suits", "event", "metrics_failed", "reason", err.Error())
	}
}

// healthz says whether the daemon is alive: somebody answers, and every pool's
// lock can be had.
func (s *Server) healthz(w http.ResponseWriter, r *http.Request) {
	if _, err := s.eye.glance(r.Context()); err != nil {
		answer(w, http.StatusServiceUnavailable, "stuck: "+err.Error())
		return
	}
	answer(w, http.StatusOK, "ok")
}

// readyz says whether hosts should come: every declared pool has been ready, or
// is known to be broken, in which case the others are no reason to keep hosts
// away; the body names it.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	look, err := s.eye.glance(r.Context())
	if err != nil {
		answer(w, http.StatusServiceUnavailable, "stuck: "+err.Error())
		return
	}
	status, lines := ready(look)
	answer(w, status, lines...)
}

func ready(look Look) (status int, lines []string) {
	status, word := http.StatusOK, "ready"
	opening := look.named(pool.Opening)
	switch {
	case look.Draining:
		status, word = http.StatusServiceUnavailable, "draining"
	case len(opening) > 0:
		status, word = http.StatusServiceUnavailable, "opening"
	}
	lines = []string{word}
	for _, of := range []pool.Status{pool.Opening, pool.Broken, pool.Degraded} {
		if names := look.named(of); len(names) > 0 {
			lines = append(lines, string(of)+": "+strings.Join(names, ", "))
		}
	}
	return status, lines
}

func answer(w http.ResponseWriter, status int, lines ...string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, strings.Join(lines, "\n")) // who asked may be gone
}

// loopbackOnly refuses requests that were sent to another name than this
// machine's own: a web page could have its own name resolve to 127.0.0.1, and
// its visitor's browser would read the answer to it.
func loopbackOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
		if _, tcp := local.(*net.TCPAddr); tcp && !loopbackName(r.Host) {
			http.Error(w, "ask for it as localhost or 127.0.0.1", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func loopbackName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.IsLoopback()
}

// errorLog is where the exposition's errors go.
type errorLog struct{ log hclog.Logger }

// Println is what promhttp calls.
func (l errorLog) Println(v ...any) {
	l.log.Warn("not all metrics could be told", "event", "metrics_incomplete", "reason", strings.TrimSpace(fmt.Sprintln(v...)))
}
