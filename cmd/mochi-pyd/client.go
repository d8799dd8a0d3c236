package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/mochilang/mochi-pyd/internal/sock"
	"github.com/mochilang/mochi-pyd/rpc"
)

// answerLimit bounds an answer: the daemon's own bound is below it.
const answerLimit = 1 << 30

// interruptible ends with ctrl-C.
func interruptible(parent context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(parent, os.Interrupt, syscall.SIGTERM)
}

// ask sends one request to a socket and gives the bytes of its result, exactly
// as they came. It does not use rpc.Client, which reads results as JSON values.
func ask(ctx context.Context, socket, method string, params, meta json.RawMessage) (json.RawMessage, error) {
	conn, err := sock.Dial(ctx, socket)
	switch {
	case err != nil && over(ctx): // the time was over, not the daemon away
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	var remote *rpc.Error
	raw, err := exchange(conn, &rpc.Request{JSONRPC: rpc.Version, ID: json.RawMessage("1"), Method: method, Params: params, Meta: meta})
	switch {
	case ctx.Err() != nil && err != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET):
		return nil, exitf(exitUnreachable, "the daemon at %s went away before it answered: look at its log", socket)
	case err != nil && (notSaid(err) || !errors.As(err, &remote)):
		return nil, exitf(exitFailed, "what answers at %s is no mochi-pyd, or of another version: %w", socket, err)
	}
	return raw, err
}

// over says whether the time is up: the dialer reads the clock, and so may know
// before the context's timer has run.
func over(ctx context.Context) bool {
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		<-ctx.Done()
	}
	return ctx.Err() != nil
}

// unreadable is the codec's own error of what came, which looks like one that a
// daemon sent.
type unreadable struct{ error }

func (u unreadable) Unwrap() error { return u.error }

func notSaid(err error) bool {
	var u unreadable
	return errors.As(err, &u)
}

func exchange(conn net.Conn, request *rpc.Request) (json.RawMessage, error) {
	codec := rpc.NewCodec(conn, conn, answerLimit)
	if err := codec.WriteRequest(request); err != nil {
		return nil, err
	}
	for {
		answer, err := codec.ReadResponse()
		var asked *rpc.NotResponseError
		switch {
		case errors.As(err, &asked):
			if asked.ID != nil { // a callback: nobody is here who could answer it
				_ = codec.WriteResponse(rpc.NewErrorResponse(asked.ID, rpc.Errorf(rpc.KindMethodNotFound, "%s was called from a command line, which answers no callbacks", request.Method)))
			}
			continue
		case err != nil:
			return nil, unreadable{err}
		}
		if answer.Error != nil {
			return nil, answer.Error
		}
		if string(answer.ID) == string(request.ID) {
			return answer.Result, nil
		}
	}
}

// control asks the operators' socket, and reads the result into value.
func (a *app) askControl(ctx context.Context, method string, params any, value any) (json.RawMessage, error) {
	path, err := a.controlPath()
	if err != nil {
		return nil, err
	}
	var raw json.RawMessage
	if params != nil {
		if raw, err = json.Marshal(params); err != nil {
			return nil, err
		}
	}
	result, err := ask(ctx, path, method, raw, nil)
	if err != nil {
		return nil, err
	}
	if value != nil {
		if err := json.Unmarshal(result, value); err != nil {
			return nil, exitf(exitFailed, "the daemon's answer to %s cannot be read (is it of another version?): %w", method, err)
		}
	}
	return result, nil
}

// trouble is what the commands read of an error's data.
type trouble struct {
	Kind      rpc.Kind        `json:"kind"`
	Text      string          `json:"text"`
	Hint      string          `json:"hint"`
	Missing   string          `json:"missing"`
	Argument  string          `json:"argument"`
	Worker    string          `json:"worker"`
	Traceback json.RawMessage `json:"traceback"`
}

func troubleOf(e *rpc.Error) trouble {
	var t trouble
	_ = json.Unmarshal(e.Data, &t) // what cannot be read is not shown
	return t
}

// remoteCode is the exit code of a daemon's error.
func remoteCode(e *rpc.Error) int {
	t := troubleOf(e)
	switch {
	case t.Missing != "":
		return exitNoSuch
	case t.Kind == rpc.KindPermissionDenied:
		return exitPermission
	case t.Kind == rpc.KindDeadlineExceeded:
		return exitTimeout
	case t.Kind == rpc.KindInvalidParams && (t.Argument == "signal" || t.Argument == "level"):
		return exitUsage // a word of the command line that only the daemon knows
	}
	return exitFailed
}

// sentence is what a daemon's error says, what to do where the message does not
// say it, and what a dead worker left behind.
func sentence(e *rpc.Error) string {
	t, left := troubleOf(e), remains(e)
	text := e.Message
	if method, rest, ok := strings.Cut(text, ": "); ok && strings.HasPrefix(method, "mochi.") && !strings.Contains(method, " ") {
		text = rest // nobody typed the method's name
	}
	switch { // a host reads data, a person the lines below
	case left != "":
		text = strings.Replace(text, inData, "what it left behind is below", 1)
	default:
		text = strings.Replace(text, ": "+inData+"; ", ": ", 1)
	}
	if t.Hint != "" && !strings.Contains(text, t.Hint) {
		text += "\n  hint: " + t.Hint
	}
	if text += left; e.Kind() == rpc.KindWorkerLost && t.Worker != "" {
		text += "\n  more of it: mochi-pyd describe " + t.Worker
	}
	return text
}

// inData is what the message of a lost worker says to hosts.
const inData = "data says what it left behind"
