package rpc

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"
)

// BenchmarkServer is what the host's leg costs: a bare echo over the same kind
// of socket first, then ours with a handler that answers at once.
func BenchmarkServer(b *testing.B) {
	line := []byte(`{"jsonrpc":"2.0","id":12,"method":"echo","params":[2,3]}` + "\n")
	b.Run("bare echo", func(b *testing.B) {
		x, y := socketPair(b)
		go func() {
			buf := make([]byte, 4096)
			for {
				n, err := y.Read(buf)
				if err != nil {
					return
				}
				if _, err := y.Write(buf[:n]); err != nil {
					return
				}
			}
		}()
		roundTrips(b, x, line)
	})
	b.Run("depth 1", func(b *testing.B) {
		s := serveTest(b, Limits{})
		roundTrips(b, s.dial(b).UnixConn, line)
	})
	b.Run("pipelined", func(b *testing.B) {
		s := serveTest(b, Limits{})
		h := s.dial(b)
		_ = h.SetDeadline(noDeadline)
		b.ReportAllocs()
		b.ResetTimer()
		gate := make(chan struct{}, 64)
		var wg sync.WaitGroup
		wg.Go(func() {
			for range b.N {
				if _, err := h.in.ReadSlice('\n'); err != nil {
					b.Error(err)
					return
				}
				<-gate
			}
		})
		for i := range b.N {
			gate <- struct{}{}
			if _, err := h.Write(appendID(i)); err != nil {
				b.Fatal(err)
			}
		}
		wg.Wait()
	})
	b.Run("rpc.Client", func(b *testing.B) {
		s := serveTest(b, Limits{})
		c := dialClient(b, s)
		var raw json.RawMessage
		b.ReportAllocs()
		for b.Loop() {
			if err := c.Call(context.Background(), "echo", []int{2, 3}, &raw); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func roundTrips(b *testing.B, c *net.UnixConn, line []byte) {
	_ = c.SetDeadline(noDeadline)
	in := bufio.NewReader(c)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Write(line); err != nil {
			b.Fatal(err)
		}
		if _, err := in.ReadSlice('\n'); err != nil {
			b.Fatal(err)
		}
	}
}

var noDeadline time.Time

func appendID(i int) []byte {
	b := append([]byte(nil), `{"jsonrpc":"2.0","id":`...)
	b = strconv.AppendInt(b, int64(i), 10)
	return append(b, `,"method":"echo","params":[2,3]}`+"\n"...)
}
