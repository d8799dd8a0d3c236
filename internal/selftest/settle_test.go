package selftest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mochilang/mochi-pyd/rpc"
)

var (
	quick = &function{"echo", both, keyOnly, succeeded, 1, false}
	nap   = &function{"nap", both, seconds(1), succeeded, 1, true}
	none  = &function{"nosuch", both, keyOnly, notFound, 0, false}
)

// TestTheLedgerSeesEachBrokenPromise: a check that cannot fail proves nothing,
// so each is made to.
func TestTheLedgerSeesEachBrokenPromise(t *testing.T) {
	result := answer{Result: []byte("0")}
	dead := func(started string) answer {
		return answer{Error: &rpc.Error{Code: rpc.CodeWorkerLost, Message: "gone", Data: []byte(`{"kind":"worker_lost"` + started + `}`)}}
	}
	yes, no := dead(`,"started":true`), dead(`,"started":false`)
	busy := answer{Error: rpc.Errorf(rpc.KindOverloaded, "full")}
	for name, tc := range map[string]struct {
		call    entry
		answers []answer
		runs    uint8
		broken  []string
	}{
		"kept":                        {entry{what: quick, pool: plain}, []answer{result}, 1, nil},
		"kept, lost":                  {entry{what: quick, pool: plain}, []answer{yes}, 1, nil},
		"kept, notification":          {entry{what: quick, pool: plain, how: told}, nil, 0, nil},
		"kept, hung up":               {entry{what: nap, pool: plain, how: left}, nil, 1, nil},
		"kept, idempotent":            {entry{what: quick, pool: plain, idempotent: true}, []answer{result}, 3, nil},
		"no answer":                   {entry{what: quick, pool: plain}, nil, 1, []string{promiseAnswered}},
		"two answers":                 {entry{what: quick, pool: plain}, []answer{result, result}, 1, []string{promiseOnce}},
		"another's answer":            {entry{what: quick, pool: plain}, []answer{{Result: []byte("10")}}, 1, []string{promiseOwn}},
		"a list of another's":         {entry{what: quick, pool: plain}, []answer{{Result: []byte(`[1,"x"]`)}}, 1, []string{promiseOwn}},
		"ran twice":                   {entry{what: quick, pool: plain}, []answer{yes}, 2, []string{promiseAtMost}},
		"notified twice":              {entry{what: quick, pool: plain, how: told}, nil, 2, []string{promiseAtMost}},
		"idempotent four times":       {entry{what: quick, pool: plain, idempotent: true}, []answer{yes}, 4, []string{promiseAtMost}},
		"a result of no run":          {entry{what: quick, pool: plain}, []answer{result}, 0, []string{promiseExactly}},
		"lost, not started":           {entry{what: quick, pool: plain}, []answer{no}, 0, []string{promiseStarted}},
		"lost, not started, but ran":  {entry{what: quick, pool: plain}, []answer{no}, 1, []string{promiseNever, promiseStarted}},
		"refused for nothing":         {entry{what: quick, pool: plain}, []answer{busy}, 0, []string{promiseFits}},
		"late without a deadline":     {entry{what: nap, pool: plain}, []answer{{Error: rpc.Errorf(rpc.KindDeadlineExceeded, "late")}}, 1, []string{promiseFits}},
		"ran what is not there":       {entry{what: none, pool: plain}, []answer{{Error: rpc.Errorf(rpc.KindMethodNotFound, "no")}}, 1, []string{promiseNever}},
		"our bug":                     {entry{what: quick, pool: plain}, []answer{{Error: rpc.Errorf(rpc.KindInternal, "oh")}}, 1, []string{promiseKinds}},
		"a kind with another's code":  {entry{what: quick, pool: plain}, []answer{{Error: &rpc.Error{Code: 1, Message: "x", Data: []byte(`{"kind":"overloaded"}`)}}}, 0, []string{promiseKinds}},
		"calm: a lost call":           {entry{what: quick, pool: calm}, []answer{yes}, 1, []string{promiseFits}},
		"calm: a lost notification":   {entry{what: quick, pool: calm, how: told}, nil, 0, []string{promiseCalm}},
		"shutting down before it was": {entry{what: quick, pool: plain}, []answer{{Error: rpc.Errorf(rpc.KindShuttingDown, "x")}}, 0, []string{promiseFits}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLedger()
			key := l.open(tc.call)
			for _, a := range tc.answers {
				o, s := judge(a.Error)
				l.answer("test", key, o, s, a)
			}
			l.add([]uint8{tc.runs})
			var got []string
			for promise := range l.faults {
				got = append(got, promise)
			}
			slices.Sort(got)
			slices.Sort(tc.broken)
			if !slices.Equal(got, tc.broken) {
				t.Errorf("blamed %q, want %q", got, tc.broken)
			}
		})
	}
}

// TestEachDeathNeedsACause holds the daemon's reports against what was done.
func TestEachDeathNeedsACause(t *testing.T) {
	for name, tc := range map[string]struct {
		exits []exit
		wrong int
	}{
		"all explained": {[]exit{
			{PID: 1, Reason: "signal", Signal: "SIGKILL"},
			{PID: 2, Reason: "exit", ExitCode: 7},
			{PID: 3, Reason: "signal", Signal: "SIGSEGV"},
			{PID: 4, Reason: "restart"},
		}, 0},
		"nobody did it": {[]exit{
			{PID: 1, Reason: "signal", Signal: "SIGKILL"},
			{PID: 2, Reason: "exit", ExitCode: 7},
			{PID: 3, Reason: "signal", Signal: "SIGSEGV"},
			{PID: 4, Reason: "protocol", Signal: "SIGKILL"},
		}, 1},
		"another reason": {[]exit{
			{PID: 1, Reason: "exit", Signal: "SIGKILL"},
			{PID: 2, Reason: "exit", ExitCode: 7},
			{PID: 3, Reason: "signal", Signal: "SIGABRT"},
		}, 2},
		"none reported": {nil, 3},
	} {
		t.Run(name, func(t *testing.T) {
			r := &run{book: newLedger(), chaos: &chaos{kills: map[int]int{1: 1}}}
			r.deaths(tc.exits, wills{2: {"exit"}, 3: {"SIGSEGV"}})
			got := 0
			if f := r.book.faults[promiseDeaths]; f != nil {
				got = f.count
			}
			if got != tc.wrong {
				t.Errorf("blamed %d deaths, want %d: %+v", got, tc.wrong, r.book.faults[promiseDeaths])
			}
		})
	}
}

// TestAPidMayBeSeveralWorkers: a long run uses up the system's pids, which then
// come round again.
func TestAPidMayBeSeveralWorkers(t *testing.T) {
	r := &run{book: newLedger(), chaos: &chaos{}}
	r.deaths([]exit{
		{PID: 3, Reason: "signal", Signal: "SIGSEGV"},
		{PID: 3, Reason: "exit", ExitCode: 7},
	}, wills{3: {"SIGSEGV", "exit"}})
	if f := r.book.faults[promiseDeaths]; f != nil {
		t.Errorf("blamed: %+v", f)
	}
	r.deaths([]exit{{PID: 4, Reason: "exit", ExitCode: 7}, {PID: 4, Reason: "exit", ExitCode: 7}}, wills{4: {"exit"}})
	if f := r.book.faults[promiseDeaths]; f == nil || f.count != 1 {
		t.Errorf("one will explained two deaths: %+v", f)
	}
}

// TestRunsAreCountedByKey reads the file that the functions append to.
func TestRunsAreCountedByKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "runs")
	if err := os.WriteFile(file, []byte("0\n2\n2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	runs, err := runsOf(file, 3)
	if err != nil || !slices.Equal(runs, []uint8{1, 0, 2}) {
		t.Errorf("runs %v %v, want [1 0 2]", runs, err)
	}
	if _, err := runsOf(file, 2); err == nil || !strings.Contains(err.Error(), "no call's key") {
		t.Errorf("a key that was never given: %v", err)
	}
}

// TestTheLogIsReadAcrossCuts: the log is read line by line however it is cut.
func TestTheLogIsReadAcrossCuts(t *testing.T) {
	c := newChronicle(nil)
	text := `{"event":"worker_started","pool":"p","slot":1,"generation":2}
{"event":"worker_exited","pool":"p","slot":1,"generation":2,"pid":7,"reason":"signal","signal":"SIGKILL"}
WARNING: DATA RACE
{"@level":"warn","@message":"3 log lines dropped: whoever reads them is too slow","event":"log_dropped"}
`
	for i := range text {
		if _, err := c.Write([]byte(text[i : i+1])); err != nil {
			t.Fatal(err)
		}
	}
	started, exits, dropped, alarms := c.history()
	if started["p/1.2"] != 1 || len(exits) != 1 || exits[0].PID != 7 || !dropped || len(alarms) != 1 {
		t.Errorf("read %v %v %t %v", started, exits, dropped, alarms)
	}
}
