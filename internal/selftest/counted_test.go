package selftest

import (
	"maps"
	"testing"
)

// TestTheAuditSeesEachSumThatIsWrong: one series is changed at a time, and the row
// must be broken.
func TestTheAuditSeesEachSumThatIsWrong(t *testing.T) {
	right := counted{
		`mochipyd_calls_total{outcome="ok",pool="plain"}`:               3,
		`mochipyd_calls_total{outcome="worker_lost",pool="plain"}`:      1,
		`mochipyd_call_duration_seconds_count{pool="plain"}`:            4,
		`mochipyd_rpc_requests_total{code="0",method="call"}`:           3,
		`mochipyd_rpc_requests_total{code="-32001",method="call"}`:      1,
		`mochipyd_worker_starts_total{pool="plain",reason="first"}`:     1,
		`mochipyd_worker_starts_total{pool="plain",reason="signal"}`:    1,
		`mochipyd_worker_exits_total{pool="plain",reason="signal"}`:     1,
		`mochipyd_worker_exits_total{pool="plain",reason="start.exec"}`: 5,
		`mochipyd_pool_workers{pool="plain",state="ready"}`:             1,
		`mochipyd_pool_workers{pool="plain",state="dead"}`:              1,
		`mochipyd_calls_in_flight{pool="plain"}`:                        0,
		`mochipyd_pool_queue_length{pool="plain"}`:                      0,
	}
	broken := func(c counted) bool {
		r := &run{book: newLedger()}
		for _, e := range []entry{
			{what: quick, pool: plain, answers: 1, outcome: succeeded},
			{what: quick, pool: plain, answers: 1, outcome: succeeded},
			{what: quick, pool: plain, answers: 1, outcome: lost},
			{what: quick, pool: plain, how: told}, // counted as ok, or not yet
			{what: &function{ends: tooLarge}, pool: plain, answers: 1, outcome: tooLarge},
		} {
			r.book.open(e)
		}
		r.auditCalls(c, r.book.heard(), 0)
		r.auditWorkers(c)
		return r.book.faults[promiseSums] != nil
	}
	if broken(right) {
		t.Error("what adds up is blamed")
	}
	for series := range right {
		for _, change := range []float64{-2, 2} {
			wrong := maps.Clone(right)
			wrong[series] += change
			// A slot may be empty, and what could not be started was no process.
			innocent := series == `mochipyd_pool_workers{pool="plain",state="dead"}` || series == `mochipyd_worker_exits_total{pool="plain",reason="start.exec"}`
			if broken(wrong) == innocent {
				t.Errorf("%s %+v: blamed %t", series, change, !innocent)
			}
		}
	}
}
