package rpc

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
)

// Error is the error object of JSON-RPC 2.0 section 5.1 (the seed's RPCError).
// A host reaches it with errors.As on whatever Client.Call returned.
type Error struct {
	Code    int             `json:"code"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data,omitempty"`
}

// Error is safe on nil, as the seed asks: a nil *Error in an error interface
// must not take the caller down while it is being printed.
func (e *Error) Error() string {
	if e == nil {
		return "rpc: no error"
	}
	return fmt.Sprintf("%s (%d)", e.Message, e.Code)
}

// Kind reads data.kind; "" when the error carries none (a peer that is not us).
func (e *Error) Kind() Kind {
	if e == nil || len(e.Data) == 0 {
		return ""
	}
	var data struct {
		Kind Kind `json:"kind"`
	}
	if json.Unmarshal(e.Data, &data) != nil {
		return ""
	}
	return data.Kind
}

// Fields are the members of an error's data beside kind.
type Fields map[string]any

// NewError makes an error of a kind: its code, a sentence that says what
// happened and what to do, and the fields ERRORS.md lists for the kind.
func NewError(kind Kind, message string, fields Fields) *Error {
	data := make(Fields, len(fields)+1)
	maps.Copy(data, fields)
	data["kind"] = kind
	raw, err := json.Marshal(data)
	if err != nil { // a field that JSON cannot hold: keep the kind, which callers switch on
		raw = fmt.Appendf(nil, `{"kind":%q}`, string(kind))
	}
	return &Error{Code: kind.Code(), Message: message, Data: raw}
}

// With is a copy of the error with one more member in its data.
func (e *Error) With(key string, value any) *Error {
	data := Fields{}
	if len(e.Data) > 0 && json.Unmarshal(e.Data, &data) != nil {
		return e
	}
	data[key] = value
	raw, err := json.Marshal(data)
	if err != nil {
		return e
	}
	return &Error{Code: e.Code, Message: e.Message, Data: raw}
}

// Errorf is NewError with a formatted message and no fields.
func Errorf(kind Kind, format string, args ...any) *Error {
	return NewError(kind, fmt.Sprintf(format, args...), nil)
}

// AsError gives the *Error in err's chain; any other error becomes -32603
// internal with the error's own text.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) && e != nil {
		return e
	}
	return NewError(KindInternal, err.Error(), nil)
}

// RPCError is the name the error type has in MEP-71.
type RPCError = Error
