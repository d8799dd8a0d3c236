package rpc

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
)

// atOnce reads what one read gives: what one write wrote, on a quiet socket.
func atOnce(t *testing.T, r io.Reader) string {
	t.Helper()
	b := make([]byte, 1<<20)
	n, err := r.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func TestLinesOfOneBurstLeaveInOneWrite(t *testing.T) {
	a, b := socketPair(t)
	s := NewSender(a, 0, 0, nil)
	defer s.Close()
	frames := NewFrameReader(strings.NewReader("x\ny\nz\n"), 0)
	want := ""
	for {
		line, err := frames.Next()
		if err != nil {
			break
		}
		want += string(line) + "\n"
		if err := s.SendIn(frames.Burst(), line, nil, []byte("\n")); err != nil {
			t.Fatal(err)
		}
	}
	if got := atOnce(t, b); got != want {
		t.Errorf("the first read gave %q, want all of the burst: %q", got, want)
	}
}

func TestAnAnswerWaitsForNoMoreThanABoundedBurst(t *testing.T) {
	a, b := socketPair(t)
	s := NewSender(a, 0, 0, nil)
	defer s.Close()
	frames := NewFrameReader(strings.NewReader(strings.Repeat("x\n", burstLines+1)), 0)
	for i := range burstLines + 1 {
		if _, err := frames.Next(); err != nil {
			t.Fatal(err)
		}
		if i == burstLines {
			break // it has been read, and what it will cause may take its time
		}
		if err := s.SendIn(frames.Burst(), fmt.Appendf(nil, "%d\n", i), nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	if got := atOnce(t, b); strings.Count(got, "\n") != burstLines {
		t.Errorf("%q was written, want %d lines", got, burstLines)
	}
}

func TestTheLastLineOfABurstIsWrittenAtOnce(t *testing.T) {
	a, b := socketPair(t)
	s := NewSender(a, 0, 0, nil)
	defer s.Close()
	burst := NewFrameReader(strings.NewReader(""), 0).Burst()
	if err := s.SendIn(burst, []byte("first\n"), nil, nil); err != nil {
		t.Fatal(err)
	}
	burst.Last()
	if err := s.SendIn(burst, []byte("last\n"), nil, nil); err != nil {
		t.Fatal(err)
	}
	if got := atOnce(t, b); got != "first\nlast\n" {
		t.Errorf("%q was written", got)
	}
}

func TestFinishWritesWhatWaitsForABurst(t *testing.T) {
	wires(t, func(t *testing.T, w io.WriteCloser, r io.ReadCloser) {
		s := NewSender(w, 0, 0, nil)
		if err := s.SendIn(NewFrameReader(r, 0).Burst(), []byte("kept\n"), nil, nil); err != nil {
			t.Fatal(err)
		}
		s.Finish()
		got, err := io.ReadAll(r)
		if err != nil || string(got) != "kept\n" {
			t.Errorf("read %q, %v", got, err)
		}
		within(t, "the end of the sender", s.Done())
	})
}

// Several goroutines, each working through bursts of its own, send to one peer
// together with some that have none: nothing is left behind when all bursts are
// over, nothing is torn, and each goroutine's lines are in order. Some lines are
// long and go by reference.
func TestBurstsThatShareASenderLeaveNothingBehind(t *testing.T) {
	const senders, bursts = 4, 300
	wires(t, func(t *testing.T, w io.WriteCloser, r io.ReadCloser) {
		s := NewSender(w, 1<<30, 0, func(err error) { t.Errorf("died: %v", err) })
		long := bytes.Repeat([]byte("l"), 2*referAt)
		var wg sync.WaitGroup
		for g := range senders {
			wg.Go(func() {
				burst := NewFrameReader(strings.NewReader(""), 0).Burst()
				if g == 0 {
					burst = nil
				}
				n := 0
				for i := range bursts {
					for range 1 + i%5 {
						var body []byte
						if n%97 == 0 {
							body = long
						}
						if err := s.SendIn(burst, fmt.Appendf(nil, "%d %d ", g, n), body, []byte("\n")); err != nil {
							t.Error(err)
						}
						n++
					}
					if burst != nil {
						burst.end()
					}
				}
			})
		}
		const total = senders * bursts * 3
		seen := make(chan struct{})
		go func() {
			defer close(seen)
			lines := bufio.NewReaderSize(r, 1<<20)
			var next [senders]int
			for range total {
				line, err := lines.ReadString('\n')
				if err != nil {
					t.Error(err)
					return
				}
				var g, n int
				if _, err := fmt.Sscanf(line, "%d %d", &g, &n); err != nil || n != next[g] {
					t.Errorf("read %.20q, want line %d of %d", line, next[g], g)
				}
				next[g]++
				if is := len(line) > referAt; is != (n%97 == 0) {
					t.Errorf("line %d of %d has %d bytes", n, g, len(line))
				}
			}
		}()
		wg.Wait()
		within(t, "the last line", seen)
		s.Finish()
	})
}
