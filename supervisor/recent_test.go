package supervisor

import (
	"testing"

	"github.com/mochilang/mochi-pyd/rpc"
)

const traceID = "4bf92f3577b34da6a3ce929d0e0e4736"

func tracedCall() *rpc.Call {
	c := rpc.NewCall("f", nil, nil)
	c.Meta.Traceparent = "00-" + traceID + "-00f067aa0ba902b7-01"
	return c
}

// TestACallWithATraceIsKnownForLongAfterItsAnswer: thousands of calls without one do
// not push it out, and its own memory is bounded.
func TestACallWithATraceIsKnownForLongAfterItsAnswer(t *testing.T) {
	var r recent
	r.add(1, tracedCall())
	plain := rpc.NewCall("g", nil, nil)
	for id := uint64(2); id < 5000; id++ {
		r.add(id, plain)
	}
	if by := r.find(1); by != (author{"0", "f", traceID}) {
		t.Errorf("the call is remembered as %+v", by)
	}
	if by := r.find(4999); by != (author{"0", "g", ""}) {
		t.Errorf("the last one is remembered as %+v", by)
	}
	if by := r.find(4999 - recentCalls); by != (author{}) {
		t.Errorf("one of long ago is remembered as %+v", by)
	}
	for id := uint64(5000); id < 5000+recentTraced; id++ {
		r.add(id, tracedCall())
	}
	if by := r.find(1); by != (author{}) {
		t.Errorf("more than %d calls with a trace are remembered: %+v", recentTraced, by)
	}
}

// TestATracebackIsAttributedWhenItBegins: while it waits for its last line its call
// may be answered and forgotten.
func TestATracebackIsAttributedWhenItBegins(t *testing.T) {
	known := author{"7", "f", traceID}
	var got []LogRecord
	p := &pump{stream: "stderr", log: newJournal(0, func(uint64) author { return known }, func(r LogRecord) { got = append(got, r) })}
	p.feed([]byte("\x1e" + `{"call":193,"message":"Traceback (most recent call last):"}` + "\n"))
	known = author{}
	p.feed([]byte("\x1e" + `{"call":193,"message":"ValueError: x"}` + "\n"))
	p.end()
	if len(got) != 1 || got[0].RequestID != "7" || got[0].Function != "f" || got[0].TraceID != traceID {
		t.Errorf("the records are %+v", got)
	}
}

// TestALineKnowsItsTraceWhereTheDaemonHasForgotten: the runtime says it.
func TestALineKnowsItsTraceWhereTheDaemonHasForgotten(t *testing.T) {
	var got []LogRecord
	p := &pump{stream: "stderr", log: newJournal(0, func(uint64) author { return author{} }, func(r LogRecord) { got = append(got, r) })}
	p.feed([]byte("\x1e" + `{"call":193,"trace":"00-` + traceID + `-00f067aa0ba902b7-01","message":"x"}` + "\n"))
	p.feed([]byte("\x1e" + `{"call":193,"trace":"forged\n","message":"x"}` + "\n"))
	if len(got) != 2 || got[0].TraceID != traceID || got[1].TraceID != "" {
		t.Errorf("the records are %+v", got)
	}
}
