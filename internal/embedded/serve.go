package embedded

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/mochilang/mochi-pyd/rpc"
)

// MaxLine is the longest line a process takes, as much as a worker's.
const MaxLine = 16 << 20

// request is a line as a process reads it.
type request struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
	Meta    json.RawMessage `json:"meta"`
}

// Serve answers JSON-RPC requests, one a line, until in ends, and then waits
// for those in flight. Answers come in any order: every call has a thread. A
// line too long or unreadable is answered with null as its id, and the rest is
// read on.
func (i *Interpreter) Serve(in io.Reader, out io.Writer) error {
	var (
		calls  sync.WaitGroup
		writer = &lines{out: out}
		seats  = make(chan struct{}, cap(i.seats)) // what is not begun stays in the pipe
		reader = bufio.NewReaderSize(in, 64<<10)
	)
	defer calls.Wait()
	for {
		line, err := readLine(reader)
		if errors.Is(err, errLong) {
			writer.write(answer(nil, nil, rpc.Errorf(rpc.KindTooLarge, "a message may have %d bytes and this one has more", MaxLine)))
			continue
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			var r request
			if err := json.Unmarshal(line, &r); err != nil || r.JSONRPC != "2.0" || r.Method == "" {
				writer.write(answer(nil, nil, malformed(err)))
			} else {
				seats <- struct{}{}
				calls.Go(func() {
					defer func() { <-seats }()
					result, bad := i.Call(r.Method, r.Params, r.Meta)
					if r.ID != nil {
						writer.write(answer(r.ID, result, bad))
					}
				})
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("embedded: read a request: %w", err)
		}
		if err := writer.failed(); err != nil {
			return err
		}
	}
}

func malformed(err error) *rpc.Error {
	if err != nil {
		return rpc.Errorf(rpc.KindParseError, "the line is no JSON-RPC request: %v", err)
	}
	return rpc.Errorf(rpc.KindInvalidRequest, `a request has "jsonrpc":"2.0" and a method`)
}

var errLong = errors.New("line too long")

// readLine reads one line with bounded memory; of one that is too long nothing
// is left unread.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	long := false
	for {
		piece, err := r.ReadSlice('\n')
		long = long || len(line)+len(piece) > MaxLine
		if long {
			line = nil
		} else {
			line = append(line, piece...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case long && err == nil:
			return nil, errLong
		default:
			return line, err
		}
	}
}

// answer is the line of a response. The result's bytes are the encoder's own.
func answer(id, result json.RawMessage, bad *rpc.Error) []byte {
	if id == nil {
		id = json.RawMessage("null")
	}
	if bad != nil {
		var body bytes.Buffer
		plain := json.NewEncoder(&body)
		plain.SetEscapeHTML(false) // a worker's error passes the daemon unchanged, too
		if err := plain.Encode(bad); err != nil {
			body.Reset()
			fmt.Fprintf(&body, `{"code":%d,"message":"the error cannot be written"}`, bad.Code)
		}
		return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%s,"error":%s}`+"\n", id, bytes.TrimSpace(body.Bytes()))
	}
	return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%s,"result":%s}`+"\n", id, result)
}

// lines writes whole lines from any goroutine and remembers the first failure.
type lines struct {
	mu  sync.Mutex
	out io.Writer
	err error
}

func (l *lines) write(line []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		_, l.err = l.out.Write(line)
	}
}

func (l *lines) failed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return fmt.Errorf("embedded: write an answer: %w", l.err)
	}
	return nil
}
