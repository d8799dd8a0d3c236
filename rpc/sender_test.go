package rpc

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// socketPair is a connected pair of real unix stream sockets.
func socketPair(t testing.TB) (a, b *net.UnixConn) {
	t.Helper()
	l, err := net.Listen("unix", socketPath(t))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	d, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); d.Close() })
	return c.(*net.UnixConn), d.(*net.UnixConn)
}

func within(t testing.TB, what string, ch <-chan struct{}) {
	t.Helper()
	select {
	case <-ch:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s did not happen within 10 s", what)
	}
}

// wires are the kinds of descriptor a Sender meets.
func wires(t *testing.T, run func(t *testing.T, w io.WriteCloser, r io.ReadCloser)) {
	t.Run("socket", func(t *testing.T) {
		a, b := socketPair(t)
		run(t, a, b)
	})
	t.Run("os pipe", func(t *testing.T) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close(); w.Close() })
		run(t, w, r)
	})
	t.Run("io pipe", func(t *testing.T) {
		r, w := io.Pipe()
		run(t, w, r)
	})
}

// Lines of many goroutines, most of them too big for the socket's buffer, come
// whole and in each goroutine's own order.
func TestSenderKeepsLinesWholeAndInOrder(t *testing.T) {
	wires(t, func(t *testing.T, w io.WriteCloser, r io.ReadCloser) {
		const senders, each = 8, 200
		s := NewSender(w, 1<<30, 0, func(err error) { t.Errorf("died: %v", err) })
		var wg sync.WaitGroup
		for g := range senders {
			wg.Go(func() {
				pad := strings.Repeat(string(rune('a'+g)), 100+g*3000)
				for i := range each {
					if err := s.Send(fmt.Appendf(nil, "%d %dx %s\n", g, i, pad)); err != nil {
						t.Errorf("send: %v", err)
						return
					}
				}
			})
		}
		go func() { wg.Wait(); s.Finish() }()
		last := make([]int, senders)
		in := bufio.NewReader(r)
		n := 0
		for {
			line, err := in.ReadString('\n')
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			var g, i int
			head, pad, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "x ")
			if _, err := fmt.Sscanf(head, "%d %d", &g, &i); err != nil {
				t.Fatalf("torn line %.40q: %v", line, err)
			}
			if i != last[g] || len(pad) != 100+g*3000 || strings.Trim(pad, string(rune('a'+g))) != "" {
				t.Fatalf("sender %d: line %d of %d bytes, want line %d", g, i, len(pad), last[g])
			}
			last[g]++
			n++
		}
		if n != senders*each {
			t.Errorf("%d lines came, %d were sent", n, senders*each)
		}
		within(t, "Done", s.Done())
		if err := s.Send([]byte("late\n")); !errors.Is(err, ErrSenderClosed) {
			t.Errorf("send after Finish: %v", err)
		}
	})
}

func TestSenderNeverBlocksAndCutsWhoDoesNotRead(t *testing.T) {
	wires(t, func(t *testing.T, w io.WriteCloser, r io.ReadCloser) {
		dead := make(chan error, 2)
		s := NewSender(w, 1<<20, time.Hour, func(err error) { dead <- err })
		line := append(bytes.Repeat([]byte("x"), 64<<10), '\n')
		var err error
		sent := 0
		for ; err == nil && sent < 1000; sent++ {
			err = s.Send(line)
		}
		if !errors.Is(err, ErrSlowPeer) {
			t.Fatalf("after %d lines: %v, want ErrSlowPeer", sent, err)
		}
		select {
		case why := <-dead:
			if !errors.Is(why, ErrSlowPeer) {
				t.Errorf("onDead got %v", why)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("onDead was not called")
		}
		within(t, "Done", s.Done())
	})
}

func TestSenderCutsAPeerThatTakesNothingForTheTimeout(t *testing.T) {
	wires(t, func(t *testing.T, w io.WriteCloser, r io.ReadCloser) {
		dead := make(chan error, 2)
		s := NewSender(w, 0, 50*time.Millisecond, func(err error) { dead <- err })
		if err := s.Send(append(make([]byte, 2<<20), '\n')); err != nil {
			t.Fatalf("a line that only has to wait was refused: %v", err)
		}
		if s.Queued() == 0 {
			t.Error("nothing waits, so nothing was tested")
		}
		select {
		case why := <-dead:
			if !errors.Is(why, ErrSlowPeer) {
				t.Errorf("onDead got %v", why)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("the peer was not cut")
		}
		within(t, "Done", s.Done())
	})
}

// deadlines passes on when the write deadline is taken away.
type deadlines struct {
	*net.UnixConn
	cleared chan struct{}
}

func (d deadlines) SetWriteDeadline(t time.Time) error {
	err := d.UnixConn.SetWriteDeadline(t)
	if t.IsZero() {
		d.cleared <- struct{}{}
	}
	return err
}

// A write deadline that served the queue must not fail a later direct write.
func TestSenderGoesOnAfterItsQueueWasWritten(t *testing.T) {
	a, b := socketPair(t)
	cleared := make(chan struct{}, 10)
	s := NewSender(deadlines{a, cleared}, 0, 0, func(err error) { t.Errorf("died: %v", err) })
	defer s.Close()
	big := append(bytes.Repeat([]byte("q"), 1<<20), '\n')
	in := bufio.NewReaderSize(b, 1<<16)
	for range 3 {
		if err := s.Send(big); err != nil {
			t.Fatal(err)
		}
		if _, err := in.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		within(t, "taking the deadline away", cleared)
		if err := s.Send([]byte("small\n")); err != nil {
			t.Fatal(err)
		}
		if line, err := in.ReadString('\n'); err != nil || line != "small\n" {
			t.Fatalf("%q, %v", line, err)
		}
	}
}

func TestSenderTellsThatThePeerIsGone(t *testing.T) {
	a, b := socketPair(t)
	dead := make(chan error, 2)
	s := NewSender(a, 0, 0, func(err error) { dead <- err })
	b.Close()
	err := s.Send([]byte("x\n"))
	if !errors.Is(err, syscall.EPIPE) {
		t.Errorf("got %v, want EPIPE", err)
	}
	if why := <-dead; !errors.Is(why, syscall.EPIPE) {
		t.Errorf("onDead got %v", why)
	}
	within(t, "Done", s.Done())
}

func TestSenderCloseDropsWhatWaitsAndTellsNobody(t *testing.T) {
	wires(t, func(t *testing.T, w io.WriteCloser, r io.ReadCloser) {
		s := NewSender(w, 0, 0, func(err error) { t.Errorf("onDead: %v", err) })
		if err := s.Send(append(make([]byte, 2<<20), '\n')); err != nil {
			t.Fatal(err)
		}
		s.Close()
		s.Close()
		within(t, "Done", s.Done())
	})
}

func TestSendAllocatesNothing(t *testing.T) {
	a, b := socketPair(t)
	go io.Copy(io.Discard, b)
	s := NewSender(a, 0, 0, nil)
	defer s.Close()
	line := []byte(`{"jsonrpc":"2.0","id":1,"result":3.0}` + "\n")
	if n := testing.AllocsPerRun(200, func() { s.Send(line) }); n > 0.1 {
		t.Errorf("%v allocations a line", n)
	}
}
