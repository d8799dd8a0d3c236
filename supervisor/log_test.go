package supervisor

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// logRig pumps two connections that a test writes to, under a test's clock.
type logRig struct {
	stdout, stderr net.Conn
	pumps          *pumps
	log            *journal

	mu      sync.Mutex
	records []LogRecord
}

func newLogRig(rate int) *logRig {
	r := &logRig{}
	r.log = newJournal(rate, func(id uint64) author {
		return author{requestID: fmt.Sprint("host-", id), function: "f"}
	}, func(rec LogRecord) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.records = append(r.records, rec)
	})
	var out, err net.Conn
	r.stdout, out = net.Pipe()
	r.stderr, err = net.Pipe()
	r.pumps = r.log.pump(out, err)
	return r
}

func (r *logRig) write(t *testing.T, to net.Conn, lines ...string) {
	t.Helper()
	for _, l := range lines {
		if _, err := to.Write([]byte(l + "\n")); err != nil {
			t.Fatal(err)
		}
	}
}

// close ends both streams and waits.
func (r *logRig) close() {
	r.stdout.Close()
	r.stderr.Close()
	r.pumps.wait()
}

// got are the records so far, shortened to level, stream, text.
func (r *logRig) got() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var s []string
	for _, rec := range r.records {
		s = append(s, rec.Level+" "+rec.Stream+" "+rec.Message)
	}
	return s
}

func TestLinesBecomeRecords(t *testing.T) {
	for _, c := range []struct {
		name string
		in   string
		want []string
	}{
		{"plain", "hello\nworld\n", []string{"info stderr hello", "info stderr world"}},
		{"no last newline", "hello", []string{"info stderr hello"}},
		{"CRLF and blank lines", "a\r\n\r\n\nb\n", []string{"info stderr a", "info stderr b"}},
		{"invalid UTF-8", "caf\xe9 \xff\xfe\n", []string{"info stderr caf� ��"}},
		{"control characters", "\x1b[31mred\x07\tx\u009b\u2028\n", []string{`info stderr \x1b[31mred\x07` + "\t" + `x\u009b\u2028`}},
		{"a long line", strings.Repeat("x", logLine+100) + "\nnext\n", []string{
			"info stderr " + strings.Repeat("x", logLine) + " … (100 more bytes)", "info stderr next",
		}},
		{
			"tagged", "\x1e" + `{"call":7,"level":"warning","logger":"app.db","message":"slow","stream":"stderr"}` + "\n",
			[]string{"warning stderr slow"},
		},
		{"tagged for the other stream", "\x1e" + `{"message":"hi","stream":"stdout"}` + "\n", []string{"info stdout hi"}},
		{"tagged of an unknown level", "\x1e" + `{"message":"hi","level":"loud"}` + "\n", []string{"info stderr hi"}},
		{"tagged in pieces of a line", "\x1e" + `{"message":"a\nb\u001b"}` + "\n", []string{`info stderr a` + "\n" + `b\x1b`}},
		{"a tag that does not parse", "\x1e{nonsense\n", []string{`info stderr \x1e{nonsense`}},
		{"JSON that is no record", `{"message":"not tagged"}` + "\n" + "\x1e[1]\n\x1e{}\n", []string{
			`info stderr {"message":"not tagged"}`, `info stderr \x1e[1]`, `info stderr \x1e{}`,
		}},
		{
			"a traceback", "before\n" + `Traceback (most recent call last):
  File "a.py", line 1, in <module>
    f()
    ~^^
ValueError: no
after
`, []string{"info stderr before", `error stderr Traceback (most recent call last):
  File "a.py", line 1, in <module>
    f()
    ~^^
ValueError: no`, "info stderr after"},
		},
		{
			"a chain", `Traceback (most recent call last):
  File "a.py", line 1, in <module>
KeyError: 'x'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "a.py", line 3, in <module>
ValueError: no

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "a.py", line 3, in <module>
OSError

`, []string{`error stderr Traceback (most recent call last):
  File "a.py", line 1, in <module>
KeyError: 'x'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "a.py", line 3, in <module>
ValueError: no

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "a.py", line 3, in <module>
OSError`},
		},
		{
			"two tracebacks", `Traceback (most recent call last):
  File "a.py", line 1, in <module>
KeyError: 'x'
Traceback (most recent call last):
  File "b.py", line 1, in <module>
KeyError: 'y'
`, []string{`error stderr Traceback (most recent call last):
  File "a.py", line 1, in <module>
KeyError: 'x'`, `error stderr Traceback (most recent call last):
  File "b.py", line 1, in <module>
KeyError: 'y'`},
		},
		{
			"an exception group", `  + Exception Group Traceback (most recent call last):
  |   File "a.py", line 1, in <module>
  | ExceptionGroup: two (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | ValueError: 1
    +------------------------------------
done
`, []string{`error stderr   + Exception Group Traceback (most recent call last):
  |   File "a.py", line 1, in <module>
  | ExceptionGroup: two (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | ValueError: 1
    +------------------------------------`, "info stderr done"},
		},
		{
			"a fatal error", `Fatal Python error: Segmentation fault

Current thread 0x00007f0000000000 (most recent call first):
  File "a.py", line 1 in f
  <no Python frame>

Extension modules: numpy (total: 1)
bye
`, []string{`critical stderr Fatal Python error: Segmentation fault

Current thread 0x00007f0000000000 (most recent call first):
  File "a.py", line 1 in f
  <no Python frame>

Extension modules: numpy (total: 1)`, "info stderr bye"},
		},
		{
			"a traceback printed line by line by a call",
			"\x1e" + `{"call":7,"message":"Traceback (most recent call last):"}` + "\n" +
				"\x1e" + `{"call":7,"message":"  File \"a.py\", line 1, in f"}` + "\n" +
				"\x1e" + `{"call":7,"message":"OSError"}` + "\n" + "\x1e" + `{"call":8,"message":"other"}` + "\n",
			[]string{"error stderr Traceback (most recent call last):\n  File \"a.py\", line 1, in f\nOSError", "info stderr other"},
		},
		{
			"a traceback that is cut off", "Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\n",
			[]string{"error stderr Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			// In one piece, and byte by byte: where reads end must not matter.
			for _, step := range []int{len(c.in), 1} {
				synctest.Test(t, func(t *testing.T) {
					r := newLogRig(0)
					for chunk := range slices.Chunk([]byte(c.in), step) {
						if _, err := r.stderr.Write(chunk); err != nil {
							t.Fatal(err)
						}
					}
					r.close()
					if d := cmp.Diff(c.want, r.got()); d != "" {
						t.Errorf("in steps of %d: %s", step, d)
					}
				})
			}
		})
	}
}

func TestStdoutLinesAreInfo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newLogRig(0)
		r.write(t, r.stdout, "printed")
		r.close()
		if d := cmp.Diff([]string{"info stdout printed"}, r.got()); d != "" {
			t.Error(d)
		}
		if tail, _ := r.log.lastWords(); len(tail) != 0 {
			t.Errorf("stdout is in the tail of stderr: %q", tail)
		}
	})
}

func TestCallOfALineIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newLogRig(0)
		r.write(t, r.stderr, "\x1e"+`{"call":7,"logger":"app","level":"error","message":"x"}`)
		r.close()
		want := LogRecord{Stream: "stderr", Level: "error", Logger: "app", Message: "x", RequestID: "host-7", Function: "f"}
		got := r.records[0]
		got.Time = time.Time{}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	})
}

func TestUnfinishedTracebackIsGivenOutAfterAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newLogRig(0)
		r.write(t, r.stderr, "Traceback (most recent call last):", `  File "a.py", line 1`)
		synctest.Wait()
		if got := r.got(); len(got) != 0 {
			t.Errorf("given out early: %q", got)
		}
		pause := time.NewTimer(logIdle + time.Millisecond)
		<-pause.C
		synctest.Wait()
		if got := r.got(); len(got) != 1 {
			t.Errorf("after the pause: %q", got)
		}
		r.write(t, r.stderr, "ValueError: late")
		r.close()
		if got := r.got(); len(got) != 2 {
			t.Errorf("in the end: %q", got)
		}
	})
}

func TestJoinedRecordIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newLogRig(1 << 20)
		r.write(t, r.stderr, "Traceback (most recent call last):")
		line := "    " + strings.Repeat("x", 1000)
		for range 100 {
			r.write(t, r.stderr, line)
		}
		r.close()
		if got := r.got(); len(got) < 2 || len(got[0]) > logRecord+100 {
			t.Errorf("%d records, the first of %d bytes", len(got), len(got[0]))
		}
	})
}

func TestFloodIsLimitedCountedAndItsLastLineKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newLogRig(10)
		for i := range 100 {
			r.write(t, r.stderr, fmt.Sprint("line ", i))
		}
		pause := time.NewTimer(logIdle + time.Millisecond)
		<-pause.C
		synctest.Wait()
		r.mu.Lock()
		n, last := len(r.records), r.records[len(r.records)-1]
		r.mu.Unlock()
		if n != 11 || last.Message != "line 99" || last.Dropped != 89 {
			t.Errorf("%d records, the last %q after %d dropped", n, last.Message, last.Dropped)
		}
		second := time.NewTimer(time.Second)
		<-second.C
		r.write(t, r.stderr, "later")
		r.close()
		r.mu.Lock()
		defer r.mu.Unlock()
		if last := r.records[len(r.records)-1]; last.Message != "later" || last.Dropped != 0 {
			t.Errorf("%+v", last)
		}
	})
}

func TestPumpEndsAtItsDeadlineWhoeverHoldsThePipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newLogRig(0)
		r.write(t, r.stderr, "Traceback (most recent call last):")
		begin := time.Now()
		r.pumps.finishBy(begin.Add(drainGrace))
		r.pumps.wait()
		if took := time.Since(begin); took != drainGrace {
			t.Errorf("it took %v", took)
		}
		if got := r.got(); len(got) != 1 {
			t.Errorf("records: %q", got)
		}
		r.stdout.Close()
		r.stderr.Close()
	})
}

func TestTailKeepsTheLastLinesAndTheStack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newLogRig(1) // what the limit drops is remembered all the same
		for i := range 50 {
			r.write(t, r.stderr, fmt.Sprint("line ", i))
		}
		r.write(t, r.stderr, "Fatal Python error: Aborted", "", "Current thread 0x01 (most recent call first):", `  File "a.py", line 1 in f`, "the end")
		r.write(t, r.stderr, "\x1e"+`{"message":"tagged"}`, "\x1e"+`{"message":"of stdout","stream":"stdout"}`, strings.Repeat("y", 2*tailWidth))
		r.close()
		tail, stack := r.log.lastWords()
		if len(tail) != tailLines-1 || tail[len(tail)-2] != "tagged" || !strings.HasPrefix(tail[len(tail)-1], "yyy") || len(tail[len(tail)-1]) > tailWidth+50 {
			t.Errorf("tail: %q", tail)
		}
		if !strings.HasPrefix(stack, "Fatal Python error: Aborted\n\nCurrent thread") || !strings.HasSuffix(stack, "line 1 in f") {
			t.Errorf("stack: %q", stack)
		}
	})
}

func TestCutTaggedLineShowsItsMessage(t *testing.T) {
	for _, m := range []string{
		strings.Repeat("x", 2*logLine), strings.Repeat(`\n`, logLine), strings.Repeat(`\u00e9`, logLine), strings.Repeat(`\\`, logLine) + "x",
	} {
		for shift := range 7 {
			raw := "\x1e" + `{"call":3,"message":"` + strings.Repeat("a", shift) + m
			e := logEntry{stream: "stderr", raw: []byte(raw[:logLine]), over: len(raw) - logLine + 2}.parse()
			if e.call != 3 || strings.Contains(e.record.Message, "message") || !strings.HasSuffix(e.record.Message, "more bytes)") {
				t.Errorf("shift %d of %.12s: %.60q", shift, m, e.record.Message)
			}
		}
	}
}
