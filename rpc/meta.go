package rpc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Meta holds a call's own options (protocol: "meta" beside "params"). The zero
// value means "nothing asked for". Unknown members are ignored, a known member
// of the wrong type is -32602.
type Meta struct {
	Timeout     time.Duration // timeout_ms; 0 = none asked for (a 0 or negative one on the wire is -32602)
	Traceparent string        // W3C trace context
	Affinity    string        // same worker while it lives
	Encoding    string        // "json" (default) or "tagged"
	Returns     string        // "value" (default), "ref", "none"
	Ref         string        // the handle a $ref.* method is for

	// Side by side, as each would take eight bytes of every call elsewhere.
	Idempotent bool // may be run again after a worker is lost
	Stream     bool // generator items as $/progress
	Progress   bool // the function's own reports are sent
}

// readOptions are for small parts of a line that has been scanned: what the
// scanner let pass is not refused there.
var readOptions = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

// parseMeta reads raw, which the scanner has proved to be JSON. The values are
// copied: Meta may outlive the line.
func parseMeta(raw []byte) (m Meta, bad *Error) {
	if len(raw) == 0 {
		return m, nil
	}
	if raw[0] != '{' {
		return m, badMeta("meta", "an object")
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(raw), readOptions...)
	if _, err := dec.ReadToken(); err != nil {
		return m, parseError(notJSON(err))
	}
	for dec.PeekKind() == jsontext.KindString {
		name, err := dec.ReadValue()
		if err != nil {
			return m, parseError(notJSON(err))
		}
		key := string(unquote(name))
		value, err := dec.ReadValue()
		if err != nil {
			return m, parseError(notJSON(err))
		}
		if want := m.set(key, value); want != "" {
			return Meta{}, badMeta("meta."+key, want)
		}
	}
	return m, nil
}

// set files one member; it gives what the value should have been when it is not.
func (m *Meta) set(key string, value jsontext.Value) (want string) {
	ok := true
	switch key {
	case "timeout_ms":
		m.Timeout, ok = milliseconds(value)
		want = "a number over 0"
	case "traceparent":
		m.Traceparent, ok = text(value)
		want = "a string"
	case "idempotent":
		m.Idempotent, ok = truth(value)
		want = "true or false"
	case "affinity":
		m.Affinity, ok = text(value)
		want = "a string"
	case "stream":
		m.Stream, ok = truth(value)
		want = "true or false"
	case "encoding":
		m.Encoding, ok = text(value)
		ok = ok && (m.Encoding == "json" || m.Encoding == "tagged")
		want = `"json" or "tagged"`
	case "returns":
		m.Returns, ok = text(value)
		ok = ok && (m.Returns == "value" || m.Returns == "ref" || m.Returns == "none")
		want = `"value", "ref" or "none"`
	case "progress":
		m.Progress, ok = truth(value)
		want = "true or false"
	case "ref":
		m.Ref, ok = text(value)
		want = "a string"
	}
	if ok {
		return ""
	}
	return want
}

func badMeta(member, want string) *Error {
	return NewError(KindInvalidParams, fmt.Sprintf("%s must be %s", member, want), Fields{"argument": member})
}

func text(v jsontext.Value) (string, bool) {
	if v.Kind() != jsontext.KindString {
		return "", false
	}
	return string(unquote(v)), true
}

func truth(v jsontext.Value) (value, ok bool) {
	return v.Kind() == jsontext.KindTrue, v.Kind() == jsontext.KindTrue || v.Kind() == jsontext.KindFalse
}

// milliseconds takes any JSON number over 0; one too big for a duration is as
// good as the longest.
func milliseconds(v jsontext.Value) (time.Duration, bool) {
	if v.Kind() != jsontext.KindNumber {
		return 0, false
	}
	ms, _ := strconv.ParseFloat(string(v), 64) // out of range gives ±Inf, which is what it is
	switch ns := ms * float64(time.Millisecond); {
	case !(ms > 0):
		return 0, false
	case ns >= math.MaxInt64:
		return math.MaxInt64, true
	default:
		return max(time.Duration(ns), 1), true
	}
}

// MarshalJSON writes the members that are asked for, as hosts write them.
func (m Meta) MarshalJSON() ([]byte, error) {
	var wire struct {
		TimeoutMs   float64 `json:"timeout_ms,omitempty"`
		Traceparent string  `json:"traceparent,omitempty"`
		Idempotent  bool    `json:"idempotent,omitempty"`
		Affinity    string  `json:"affinity,omitempty"`
		Stream      bool    `json:"stream,omitempty"`
		Encoding    string  `json:"encoding,omitempty"`
		Returns     string  `json:"returns,omitempty"`
		Progress    bool    `json:"progress,omitempty"`
		Ref         string  `json:"ref,omitempty"`
	}
	wire.TimeoutMs = float64(m.Timeout) / float64(time.Millisecond)
	wire.Traceparent, wire.Idempotent, wire.Affinity, wire.Stream = m.Traceparent, m.Idempotent, m.Affinity, m.Stream
	wire.Encoding, wire.Returns, wire.Progress, wire.Ref = m.Encoding, m.Returns, m.Progress, m.Ref
	return json.Marshal(wire)
}

// UnmarshalJSON reads what MarshalJSON writes, by the rules of the wire.
func (m *Meta) UnmarshalJSON(raw []byte) error {
	parsed, bad := parseMeta(raw)
	if bad != nil {
		return bad
	}
	*m = parsed
	return nil
}
