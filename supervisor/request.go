package supervisor

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
)

// longParams is the size from which arguments go from the host's line to the
// worker's pipe without a copy in between.
const longParams = 64 << 10

// requestLine is the line of one call: head, and when the params are long, they
// and what follows them.
type requestLine struct {
	head, params, tail []byte

	ledger *Ledger // of the handles that the call may add to
}

// write makes the line in b. The host's bytes go out as they came in, but for
// newlines between tokens, which a caller in this process may have left in. c is
// nil for a question of ours.
func (r *requestLine) write(b []byte, id uint64, method string, params, meta []byte, c *rpc.Call, now time.Time) {
	b = append(b, `{"jsonrpc":"2.0","id":`...)
	b = strconv.AppendUint(b, id, 10)
	b = append(b, `,"method":`...)
	b = appendString(b, method)
	if len(meta) > 0 {
		b = append(b, `,"meta":`...)
		b = appendValue(b, meta)
	}
	if c != nil {
		b = appendExtras(b, c, now)
	}
	if c != nil && len(meta) > 0 {
		b = r.ledger.append(b)
	}
	if len(params) > 0 {
		b = append(b, `,"params":`...)
		if len(params) >= longParams && bytes.IndexByte(params, '\n') < 0 {
			r.head, r.params, r.tail = b, params, requestTail
			return
		}
		b = appendValue(b, params)
	}
	r.head = append(b, requestTail...)
}

var requestTail = []byte("}\n")

func appendValue(b, raw []byte) []byte {
	if bytes.IndexByte(raw, '\n') < 0 {
		return append(b, raw...)
	}
	var oneLine bytes.Buffer
	if json.Compact(&oneLine, raw) != nil {
		return append(b, "null"...) // not JSON: the worker refuses it as params
	}
	return append(b, oneLine.Bytes()...)
}

// appendString quotes a method's name; nearly all of them need no escapes.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c > '~' {
			quoted, err := json.Marshal(s)
			if err != nil {
				return append(b, `""`...) // strings always marshal
			}
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
