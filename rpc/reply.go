package rpc

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// envelopeRoom is more than a response has beside its id and result.
const envelopeRoom = 64

// responseTail ends a response line behind its result.
var responseTail = []byte("}\n")

// appendHead begins a response: all that comes before its result.
func appendHead(b, id []byte) []byte {
	b = append(b, `{"jsonrpc":"2.0","id":`...)
	b = append(b, id...)
	return append(b, `,"result":`...)
}

// appendResponse writes one response object. id and result go in as the bytes
// they are; a result with line feeds (an embedder's pretty printing) is made
// compact, because a line feed would end the message.
func appendResponse(b, id, result []byte, failure *Error) []byte {
	if failure == nil {
		start := len(b)
		var ok bool
		if b, ok = appendRaw(appendHead(b, id), result); ok {
			return append(b, '}')
		}
		b = b[:start]
		failure = Errorf(KindInternal, "the result is not JSON")
	}
	b = append(b, `{"jsonrpc":"2.0","id":`...)
	b = append(b, id...)
	b = append(b, `,"error":`...)
	b = appendError(b, failure)
	return append(b, '}')
}

func appendError(b []byte, e *Error) []byte {
	b = append(b, `{"code":`...)
	b = strconv.AppendInt(b, int64(e.Code), 10)
	b = append(b, `,"message":`...)
	b, _ = jsontext.AppendQuote(b, e.Message) // what is no UTF-8 becomes U+FFFD, which is all the error says
	if len(e.Data) > 0 {
		start := len(b)
		b = append(b, `,"data":`...)
		var ok bool
		if b, ok = appendRaw(b, e.Data); !ok {
			b = b[:start]
		}
	}
	return append(b, '}')
}

// appendRaw adds a raw JSON value on one line; an absent one is null.
func appendRaw(b, raw []byte) ([]byte, bool) {
	if len(raw) == 0 {
		return append(b, "null"...), true
	}
	if bytes.IndexByte(raw, '\n') < 0 {
		return append(b, raw...), true
	}
	var compact bytes.Buffer
	if json.Compact(&compact, raw) != nil {
		return b, false
	}
	return append(b, compact.Bytes()...), true
}

// appendBounded is appendResponse that stays within limit bytes: a response no
// peer would take is replaced by an error that says so, with id null where the
// id alone is what does not fit.
func appendBounded(b, id, result []byte, failure *Error, limit int) []byte {
	start := len(b)
	if size := len(result) + len(id); failure != nil || size <= limit {
		b = appendResponse(b, id, result, failure)
		if len(b)-start <= limit {
			return b
		}
	}
	size := max(len(b)-start, len(result))
	if failure != nil {
		size = max(size, len(failure.Message)+len(failure.Data))
	}
	instead := tooLarge(size, limit)
	if b = appendResponse(b[:start], id, nil, instead); len(b)-start <= limit {
		return b
	}
	return appendResponse(b[:start], nullID, nil, instead)
}
