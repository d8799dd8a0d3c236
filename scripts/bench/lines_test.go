package main

import (
	"bufio"
	"context"
	"errors"
	"net"
	"strings"
	"testing"
)

// answering is the other side of a connection: it answers every line as told.
func answering(t *testing.T, answer func(line string) string) net.Conn {
	t.Helper()
	near, far := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		in := bufio.NewReader(far)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			if _, err := far.Write([]byte(answer(line))); err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		near.Close()
		far.Close()
		<-done
	})
	return near
}

func TestEveryCallIsAnsweredOnce(t *testing.T) {
	conn := answering(t, func(string) string { return `{"jsonrpc":"2.0","id":1,"result":7}` + "\n" })
	l := newLines("test", conn, conn, "add")
	m, err := l.ask(t.Context(), 20, 1)
	if err != nil || len(m.each) != 20 || l.last != 20 {
		t.Errorf("%d calls timed, %d sent: %v; want 20 of each", len(m.each), l.last, err)
	}
}

func TestAWrongAnswerIsNoMeasurement(t *testing.T) {
	conn := answering(t, func(string) string { return `{"jsonrpc":"2.0","id":1,"error":{}}` + "\n" })
	if _, err := newLines("test", conn, conn, "add").ask(t.Context(), 1, 1); err == nil || !strings.Contains(err.Error(), "error") {
		t.Errorf("error %v, want one that quotes the answer", err)
	}
}

func TestALaneThatDoesNotWarmUpIsNamedAndLeft(t *testing.T) {
	broken := errors.New("it is broken")
	good := &contender{name: "good", ask: func(_ context.Context, calls, _ int) (measured, error) {
		return measured{calls: calls, took: 1}, nil
	}}
	bad := &contender{name: "bad", ask: func(context.Context, int, int) (measured, error) { return measured{}, broken }}
	f := &family{name: "test", rounds: 1}
	f.add(good, nil, 1, 1)
	f.add(bad, nil, 1, 1)
	f.add(&contender{name: "absent"}, errUnavailable, 1, 1)
	result, err := f.run(t.Context(), 2)
	if !errors.Is(err, broken) || errors.Is(err, errUnavailable) {
		t.Errorf("error %v: want what is broken, and not what this machine cannot run", err)
	}
	if len(result.Rows) != 1 || len(result.Rows[0].Runs) != 2 || len(result.Missing) != 2 {
		t.Errorf("rows %+v, missing %+v", result.Rows, result.Missing)
	}
}
