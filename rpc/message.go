package rpc

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// Version is the only protocol version there is.
const Version = "2.0"

// Request is a request, or without an id a notification. ID, Params and Meta
// are raw JSON; nil means that the member is absent.
type Request struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id,omitempty"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params,omitempty"`
	Meta    json.RawMessage `json:"meta,omitempty"`
}

// Response is the answer to a request: exactly one of Result and Error is set.
type Response struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *Error          `json:"error,omitempty"`
}

// NewRequest makes a request. id is a string, a number, or raw JSON of one;
// params is anything that JSON encodes as an array or object, nil for none.
func NewRequest(id any, method string, params any) (*Request, error) {
	r, err := NewNotification(method, params)
	if err != nil {
		return nil, err
	}
	if r.ID, err = encode(id); err != nil {
		return nil, fmt.Errorf("rpc: the id of %s: %w", method, err)
	}
	if r.ID == nil {
		r.ID = nullID
	}
	if !validID(r.ID) {
		return nil, errBadID
	}
	return r, nil
}

// NewNotification makes a request that is not answered.
func NewNotification(method string, params any) (*Request, error) {
	raw, err := encode(params)
	if err != nil {
		return nil, fmt.Errorf("rpc: the params of %s: %w", method, err)
	}
	if len(raw) > 0 && raw[0] != '[' && raw[0] != '{' {
		return nil, errParamsType
	}
	return &Request{JSONRPC: Version, Method: method, Params: raw}, nil
}

// NewResponse answers the request with this id; a nil result is null.
func NewResponse(id json.RawMessage, result any) (*Response, error) {
	raw, err := encode(result)
	if err != nil {
		return nil, fmt.Errorf("rpc: the result: %w", err)
	}
	if raw == nil {
		raw = nullID
	}
	return &Response{JSONRPC: Version, ID: id, Result: raw}, nil
}

// NewErrorResponse answers with an error; one that is no *Error becomes -32603.
// A nil id is null, which is what a request without a readable id gets.
func NewErrorResponse(id json.RawMessage, err error) *Response {
	e := AsError(err)
	if e == nil {
		e = Errorf(KindInternal, "an error response without an error")
	}
	return &Response{JSONRPC: Version, ID: id, Error: e}
}

// encode is json.Marshal without the escaping of <, > and &, which would change
// strings on their way. Raw JSON passes as it is.
func encode(v any) (json.RawMessage, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case json.RawMessage:
		return v, nil
	case jsontext.Value:
		return json.RawMessage(v), nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}

// check judges a request by the rules that the reader of it will apply.
func (r *Request) check() error {
	switch {
	case r.JSONRPC != Version:
		return errVersion
	case r.Method == "":
		return errNoMethod
	case r.ID != nil && (!json.Valid(r.ID) || !validID(bytes.TrimSpace(r.ID))):
		return errBadID
	case r.Params != nil && !json.Valid(r.Params):
		return parseError(fmt.Errorf("the params are not JSON"))
	case r.Params != nil && bytes.TrimSpace(r.Params)[0] != '[' && bytes.TrimSpace(r.Params)[0] != '{':
		return errParamsType
	case r.Meta != nil && !json.Valid(r.Meta):
		return parseError(fmt.Errorf("the meta member is not JSON"))
	}
	return nil
}

// append writes the request on one line, its raw members as the bytes they are.
func (r *Request) append(b []byte) ([]byte, error) {
	if err := r.check(); err != nil {
		return b, err
	}
	b = append(b, `{"jsonrpc":"2.0"`...)
	if r.ID != nil {
		b = append(append(b, `,"id":`...), r.ID...)
	}
	b = append(b, `,"method":`...)
	b, _ = jsontext.AppendQuote(b, r.Method)
	if r.Params != nil {
		b = append(b, `,"params":`...)
		b, _ = appendRaw(b, r.Params) // valid, as checked
	}
	if r.Meta != nil {
		b = append(b, `,"meta":`...)
		b, _ = appendRaw(b, r.Meta)
	}
	return append(b, '}'), nil
}

func (r *Response) check() error {
	switch {
	case r.JSONRPC != Version:
		return errVersion
	case r.ID != nil && (!json.Valid(r.ID) || !validID(bytes.TrimSpace(r.ID))):
		return errBadID
	case (r.Result == nil) == (r.Error == nil):
		return Errorf(KindInvalidRequest, "a response has a result or an error, exactly one of them")
	case r.Result != nil && !json.Valid(r.Result):
		return parseError(fmt.Errorf("the result is not JSON"))
	}
	return nil
}

func (r *Response) append(b []byte) ([]byte, error) {
	if err := r.check(); err != nil {
		return b, err
	}
	id := []byte(r.ID)
	if id == nil {
		id = nullID
	}
	return appendResponse(b, id, r.Result, r.Error), nil
}
