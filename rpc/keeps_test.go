package rpc

import (
	"bytes"
	"context"
	"fmt"
	"testing"
)

// A handler may answer a long request through its burst with bytes of its own,
// and use them again.
func TestAHandlersOwnBytesAreCopiedWhateverItsRequestWas(t *testing.T) {
	own := make([]byte, 4<<20) // more than the socket takes at once
	a, b := socketPair(t)
	s, err := NewServer(HandlerFunc(func(c *Call) {
		own = append(append(append(own[:0], '"'), bytes.Repeat([]byte("a"), 4<<20-2)...), '"')
		c.ReplyIn(c.Burst(), own)
		for i := range own {
			own[i] = 'X'
		}
	}), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.ServeConn(context.Background(), a) }()
	go fmt.Fprintf(b, `{"jsonrpc":"2.0","id":1,"method":"m","params":["%s"]}`+"\n", bytes.Repeat([]byte("p"), 1<<20))
	line, err := NewFrameReader(b, 0).Next()
	if err != nil {
		t.Fatal(err)
	}
	if bytes.IndexByte(line, 'X') >= 0 {
		t.Error("the answer holds what was written after it")
	}
	_ = b.Close()
	<-done
}
