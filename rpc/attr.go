package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// attrMethod is the daemon's method that calls as Mochi's script does: the result
// is a string that holds what the script would print (Python's json.dump, with
// whatever that makes of NaN), or, when json.dump failed, what it had printed and
// its traceback.
const attrMethod = "mochi.attr"

// AttrResult is what mochi.attr answers.
type AttrResult struct {
	Out    string // what the script prints
	Text   string // the traceback of a json.dump that failed
	Failed bool   // it did
}

// UnmarshalJSON reads both forms of the answer.
func (r *AttrResult) UnmarshalJSON(raw []byte) error { return r.read(raw) }

func (r *AttrResult) read(raw []byte) error {
	if text, ok := PlainText(raw); ok {
		r.Out = string(text)
		return nil
	}
	if len(raw) > 0 && raw[0] == '"' {
		return json.Unmarshal(raw, &r.Out)
	}
	var failed struct{ Out, Text string }
	if err := json.Unmarshal(raw, &failed); err != nil {
		return err
	}
	*r = AttrResult{Out: failed.Out, Text: failed.Text, Failed: true}
	return nil
}

// attrIdle is how many connections wait for the next Attr.
const attrIdle = 16

// attrs keeps the connections of Attr.
var attrs struct {
	mu   sync.Mutex
	idle []*Caller
}

// Attr gives an attribute of a Python module, or what it returns when it is a
// routine: the function by which Mochi calls Python, with its signature and its
// results (numbers are float64, as json.Unmarshal has them). Module and function
// live in a worker of the daemon that Socket finds, so that a call costs tens of
// microseconds, prints do no harm and there is no bound of 128 KiB.
//
// An exception's error begins with "python error:" and holds the traceback; it
// is an *Error in the chain, as are the daemon's own refusals.
func Attr(module, name string, args ...any) (any, error) {
	params, err := attrParams(module, name, args)
	if err != nil {
		return nil, err
	}
	raw, err := attr(context.Background(), params)
	if err != nil {
		return nil, attrError(err)
	}
	var printed AttrResult
	if err := printed.read(raw); err != nil { // raw is JSON: to check it again would double the time
		return nil, fmt.Errorf("decode error: %w\noutput: %s", err, raw)
	}
	if printed.Failed {
		return nil, fmt.Errorf("python error: exit status 1\n%s%s", printed.Out, printed.Text)
	}
	var result any
	if err := json.Unmarshal([]byte(printed.Out), &result); err != nil {
		return nil, fmt.Errorf("decode error: %w\noutput: %s", err, printed.Out)
	}
	return result, nil
}

// attrParams writes the params by hand around the arguments: reflection over
// three values would take as long as the rest of what Attr does here.
func attrParams(module, name string, args []any) ([]byte, error) {
	if args == nil {
		args = []any{}
	}
	list, err := json.Marshal(args)
	if err != nil {
		return nil, err
	}
	b := make([]byte, 0, len(module)+len(name)+len(list)+len(`["","",]`))
	if b, err = jsontext.AppendQuote(append(b, '['), module); err != nil {
		return nil, fmt.Errorf("module: %w", err)
	}
	if b, err = jsontext.AppendQuote(append(b, ','), name); err != nil {
		return nil, fmt.Errorf("name: %w", err)
	}
	return append(append(append(b, ','), list...), ']'), nil
}

// attr calls over a connection of its own. One that has waited may have lost its
// daemon meanwhile; then nothing was sent, and the next one is tried.
func attr(ctx context.Context, params json.RawMessage) (json.RawMessage, error) {
	for {
		caller, waited, err := borrowCaller(ctx)
		if err != nil {
			return nil, err
		}
		result, err := caller.Call(ctx, attrMethod, params, nil)
		giveBackCaller(caller)
		if !waited || !errors.Is(err, ErrUnsent) {
			return result, err
		}
	}
}

func borrowCaller(ctx context.Context) (c *Caller, waited bool, err error) {
	attrs.mu.Lock()
	if last := len(attrs.idle) - 1; last >= 0 {
		c, attrs.idle = attrs.idle[last], attrs.idle[:last]
	}
	attrs.mu.Unlock()
	if c != nil {
		return c, true, nil
	}
	socket := Socket()
	if socket == "" {
		return nil, false, errors.New("rpc: no daemon runs here: start one with mochi-pyd serve, or name its socket in " + SocketVariable)
	}
	c, err = DialCaller(ctx, socket)
	return c, false, err
}

func giveBackCaller(c *Caller) {
	if !c.Usable() {
		return
	}
	attrs.mu.Lock()
	defer attrs.mu.Unlock()
	if len(attrs.idle) < attrIdle {
		attrs.idle = append(attrs.idle, c)
		return
	}
	_ = c.Close()
}

// attrError says what Python said, as the process that today's Mochi starts does.
func attrError(err error) error {
	var remote *Error
	if !errors.As(err, &remote) || remote.Kind() != KindPythonError {
		return err
	}
	var data struct {
		Text string `json:"text"`
	}
	if json.Unmarshal(remote.Data, &data) != nil || data.Text == "" {
		return fmt.Errorf("python error: %w", err)
	}
	return &pythonError{text: "python error: exit status 1\n" + strings.TrimRight(data.Text, "\n") + "\n", cause: remote}
}

// pythonError prints as the process did, and is an *Error too.
type pythonError struct {
	text  string
	cause *Error
}

func (e *pythonError) Error() string { return e.text }
func (e *pythonError) Unwrap() error { return e.cause }
