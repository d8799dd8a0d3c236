package selftest

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// scrapeLimit bounds the text of the metrics: this daemon has three pools.
const scrapeLimit = 4 << 20

// counted are the daemon's metrics: each series as it was written.
type counted map[string]float64

var (
	sample = regexp.MustCompile(`(?m)^(mochipyd_\w+(?:\{[^}]*\})?) (\S+)$`)
	label  = regexp.MustCompile(`(\w+)="([^"]*)"`)
)

// scrape asks for the metrics, as a Prometheus does.
func (s *subject) scrape(ctx context.Context) (counted, error) {
	ctx, cancel := context.WithTimeout(ctx, controlLimit)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(s.dir, "metrics.sock"))
	}}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://metrics/metrics", nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask for the metrics: %w", err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, scrapeLimit))
	if err != nil {
		return nil, fmt.Errorf("read the metrics: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the metrics are not told: %s", response.Status)
	}
	c := counted{}
	for _, m := range sample.FindAllStringSubmatch(string(text), -1) {
		if c[m[1]], err = strconv.ParseFloat(m[2], 64); err != nil {
			return nil, fmt.Errorf("the metrics have the line %q: %w", m[0], err)
		}
	}
	return c, nil
}

// by adds up a metric's series by the words of some labels, joined with a space.
func (c counted) by(metric string, labels ...string) map[string]int {
	sums := map[string]int{}
	for series, value := range c {
		name, has, _ := strings.Cut(series, "{")
		if name != metric {
			continue
		}
		word := map[string]string{}
		for _, m := range label.FindAllStringSubmatch(has, -1) {
			word[m[1]] = m[2]
		}
		var key []string
		for _, l := range labels {
			key = append(key, word[l])
		}
		if value != 0 {
			sums[strings.Join(key, " ")] += int(value)
		}
	}
	return sums
}

// audit holds the metrics against what happened, when all is at rest: hosts' answers
// in the ledger, workers' ends in the log.
func (r *run) audit(ctx context.Context) {
	// Every end is in the metrics before it is in the log, which we read a moment
	// later still.
	limit, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	var c counted
	var err error
	var ends map[string]int
	agree := until(limit, func() bool {
		if c, err = r.subject.scrape(limit); err != nil {
			return true
		}
		ends = map[string]int{}
		_, exits, dropped, _ := r.subject.log.history()
		for _, e := range exits {
			ends[e.Pool+" "+e.Reason]++
		}
		return dropped || maps.Equal(ends, c.by("mochipyd_worker_exits_total", "pool", "reason"))
	})
	if err != nil {
		r.book.blame(promiseSums, "%v", err)
		return
	}
	if !agree {
		r.book.blame(promiseSums, "workers ended %v, and %v were counted", ends, c.by("mochipyd_worker_exits_total", "pool", "reason"))
	}
	lines, _ := r.malformed()
	r.auditCalls(c, r.book.heard(), lines)
	r.auditWorkers(c)
}

// heard is what hosts were told of their calls to pools, by pool and outcome, and how
// many calls there were of which nobody can say.
type heard struct {
	answers map[string]int // "POOL OUTCOME"
	silent  map[string]int // by pool: notifications, and calls whose host did not wait
}

// heard reads the ledger. A call that was too large never came to a pool.
func (l *ledger) heard() heard {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := heard{map[string]int{}, map[string]int{}}
	for i := range l.calls {
		e := &l.calls[i]
		switch {
		case e.what.ends == tooLarge && e.what.runs == 0:
		case e.how == asked && e.answers > 0:
			h.answers[e.pool+" "+e.outcome.counted()]++
		default:
			h.silent[e.pool]++
		}
	}
	return h
}

// counted is the word that an outcome is counted by.
func (o outcome) counted() string {
	if o == succeeded {
		return "ok"
	}
	return o.String()
}

// auditCalls: each answer that a host heard is counted, and nothing is counted that
// was no call. Lines that are malformed may still name a pool.
func (r *run) auditCalls(c counted, h heard, malformed int) {
	calls := c.by("mochipyd_calls_total", "pool", "outcome")
	for _, key := range slices.Sorted(maps.Keys(h.answers)) {
		if calls[key] < h.answers[key] {
			r.book.blame(promiseSums, "%s: hosts heard it %d times, and it was counted %d times", key, h.answers[key], calls[key])
		}
	}
	told, took := c.by("mochipyd_calls_total", "pool"), c.by("mochipyd_call_duration_seconds_count", "pool")
	all := 0
	for _, pool := range []string{plain, mixed, calm} {
		least := 0
		for key, n := range h.answers {
			if strings.HasPrefix(key, pool+" ") {
				least += n
			}
		}
		if most := least + h.silent[pool] + malformed; told[pool] < least || told[pool] > most || took[pool] != told[pool] {
			r.book.blame(promiseSums, "pool %s: %d calls were counted and %d timed, and there were %d to %d", pool, told[pool], took[pool], least, most)
		}
		all += told[pool]
	}
	if requests := c.by("mochipyd_rpc_requests_total", "method")["call"]; requests != all {
		r.book.blame(promiseSums, "%d requests for calls were counted, and %d calls", requests, all)
	}
	r.counted = all
}

// auditWorkers: what was started has ended or lives, and at rest nothing waits.
func (r *run) auditWorkers(c counted) {
	starts, exits := c.by("mochipyd_worker_starts_total", "pool"), c.by("mochipyd_worker_exits_total", "pool", "reason")
	living := c.by("mochipyd_pool_workers", "pool", "state")
	for _, pool := range []string{plain, mixed, calm} {
		ended, lives := 0, 0
		for key, n := range exits {
			if strings.HasPrefix(key, pool+" ") && key != pool+" start.exec" { // nothing was started
				ended += n
			}
		}
		for key, n := range living {
			if strings.HasPrefix(key, pool+" ") && key != pool+" dead" {
				lives += n
			}
		}
		if starts[pool] != ended+lives {
			r.book.blame(promiseSums, "pool %s: %d workers were started, %d ended and %d live", pool, starts[pool], ended, lives)
		}
	}
	for _, metric := range []string{"mochipyd_calls_in_flight", "mochipyd_pool_queue_length"} {
		if at := c.by(metric, "pool"); len(at) > 0 {
			r.book.blame(promiseSums, "at rest, %s is %v", metric, at)
		}
	}
}
