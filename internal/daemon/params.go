package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/mochilang/mochi-pyd/rpc"
)

// bind reads a call's parameters into a struct: an object by its members, or
// an array in the order of names. An unknown member is an error, for a typing
// mistake must not silently restart everything.
func bind(c *rpc.Call, into any, names ...string) *rpc.Error {
	raw := bytes.TrimSpace(c.Params)
	if len(raw) == 0 {
		return nil
	}
	if raw[0] == '[' {
		var list []json.RawMessage
		if err := json.Unmarshal(raw, &list); err != nil {
			return badParams(c, err, names)
		}
		if len(list) > len(names) {
			return rpc.Errorf(rpc.KindInvalidParams, "%s takes at most %d parameters (%s), not %d", c.Method, len(names), orNone(names), len(list))
		}
		object := map[string]json.RawMessage{}
		for i, v := range list {
			object[names[i]] = v
		}
		raw, _ = json.Marshal(object) // raw JSON values always marshal
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return badParams(c, err, names)
	}
	return nil
}

func badParams(c *rpc.Call, err error, names []string) *rpc.Error {
	message := strings.TrimPrefix(err.Error(), "json: ")
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return rpc.NewError(rpc.KindInvalidParams, fmt.Sprintf("%s: %s must be a %s", c.Method, wrong.Field, wrong.Type), rpc.Fields{"argument": wrong.Field})
	}
	return rpc.Errorf(rpc.KindInvalidParams, "%s: %s; it takes %s", c.Method, message, orNone(names))
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// method is one of the daemon's own.
type method struct {
	params []string // in the order of a positional call; those with a ? may be left out
	doc    string
	run    func(*rpc.Call)
}

// own calls a method of the daemon.
func (d *Daemon) own(c *rpc.Call, table map[string]method) {
	if d.counting {
		c.Told = d.meters.Own(c.Method)
	}
	if m, ok := table[c.Method]; ok {
		if len(m.params) == 0 {
			if err := bind(c, &struct{}{}); err != nil {
				c.Fail(err)
				return
			}
		}
		m.run(c)
		return
	}
	if _, elsewhere := d.controls[c.Method]; elsewhere {
		c.Fail(rpc.Errorf(rpc.KindPermissionDenied, "%s is for operators: call it on the control socket", c.Method))
		return
	}
	c.Fail(rpc.Errorf(rpc.KindMethodNotFound, "there is no %s: rpc.discover lists what there is", c.Method))
}

// reply answers with a value of ours.
func reply(c *rpc.Call, value any) {
	raw, err := marshal(value)
	if err != nil {
		c.Fail(fmt.Errorf("%s: %w", c.Method, err))
		return
	}
	c.Reply(raw)
}

// marshal leaves <, > and & as they are: nobody puts our answers into HTML.
func marshal(value any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// cancelFunc lets a call of ours that takes a while be cancelled.
type cancelFunc context.CancelCauseFunc

// CancelCall ends the work; it then answers with the cause.
func (f cancelFunc) CancelCall(_ *rpc.Call, cause *rpc.Error) { f(cause) }

// later answers a call off the reader's goroutine, within the call's own
// deadline.
func (d *Daemon) later(c *rpc.Call, work func(context.Context) (any, error)) {
	held, cancel := context.WithCancelCause(d.hard)
	if cause := c.HeldBy(cancelFunc(cancel)); cause != nil {
		cancel(nil)
		c.Fail(cause)
		return
	}
	d.work.Go(func() {
		defer cancel(nil)
		ctx := held
		if c.Meta.Timeout > 0 {
			var end context.CancelFunc
			ctx, end = context.WithTimeoutCause(ctx, c.Meta.Timeout,
				rpc.NewError(rpc.KindDeadlineExceeded, fmt.Sprintf("%s did not end within %s", c.Method, c.Meta.Timeout), rpc.Fields{"started": true, "stack": ""}))
			defer end()
		}
		value, err := work(ctx)
		switch {
		case err == nil:
			reply(c, value)
		case ctx.Err() != nil && errors.Is(err, ctx.Err()):
			c.Fail(d.whyEnded(ctx))
		default:
			c.Fail(err)
		}
	})
}

func (d *Daemon) whyEnded(ctx context.Context) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, errForced) {
		return errDraining
	}
	if e := rpc.AsError(cause); e.Kind() == rpc.KindRequestCancelled {
		return e.With("started", true)
	}
	return cause
}
