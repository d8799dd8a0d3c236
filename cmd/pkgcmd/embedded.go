package pkgcmd

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/mochilang/mochi-pyd/internal/embedded/program"
	"github.com/mochilang/mochi-pyd/internal/mochitoml"
	"github.com/mochilang/mochi-pyd/internal/sock"
	"github.com/mochilang/mochi-pyd/rpc"
)

// maxAnswer bounds one answer of the embedded interpreter.
const maxAnswer = 1 << 30

// embedded is a process that holds the interpreter, behind a socket that speaks
// as the daemon's does: what asks it need not know.
type embedded struct {
	modules []string
	names   map[string]string // what the program calls them

	mu      sync.Mutex
	in      io.WriteCloser
	last    uint64
	waiting map[string]*rpc.Call
	gone    *rpc.Error
}

// embed starts the process and the socket.
func (o *options) embed(ctx context.Context, p *plan, b *backend) error {
	path, err := program.Find()
	if err != nil {
		return exitf(ExitFailed, "%w", err)
	}
	dir, err := b.directory()
	if err != nil {
		return err
	}
	e := &embedded{names: map[string]string{}, waiting: map[string]*rpc.Call{}}
	for _, i := range p.imports {
		e.names[i.As] = i.Module
		if !slices.Contains(e.modules, i.Module) {
			e.modules = append(e.modules, i.Module)
		}
	}
	if len(e.modules) == 0 {
		e.modules = []string{"builtins"} // a program without Python asks for nothing
	}
	args := []string{"--python", p.env.interpreter.Path, "--dir", dir}
	if p.loop == mochitoml.LoopPerCall {
		args = append(args, "--per-call")
	}
	// It ends when its stdin does and its calls have been answered; an interrupted
	// run waits for none.
	cmd := exec.CommandContext(ctx, path, append(args, e.modules...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopGrace
	cmd.Stderr = o.err
	if e.in, err = cmd.StdinPipe(); err != nil {
		return exitf(ExitFailed, "%w", err)
	}
	out, theirs, err := os.Pipe()
	if err != nil {
		return exitf(ExitFailed, "%w", err)
	}
	cmd.Stdout = theirs
	if err := cmd.Start(); err != nil {
		return exitf(ExitFailed, "start the embedded interpreter: %w", errors.Join(err, out.Close(), theirs.Close()))
	}
	_ = theirs.Close()
	read := make(chan struct{})
	go func() { defer close(read); defer out.Close(); e.read(out) }()
	b.close = append(b.close, func() error {
		_ = e.in.Close() // whoever writes is told
		<-read
		_ = cmd.Wait() // who waited for an answer has been told; the others are done
		return nil
	})
	return e.open(b, filepath.Join(dir, sock.HostName))
}

// open puts the process behind a socket.
func (e *embedded) open(b *backend, path string) error {
	b.socket = path
	door, err := sock.Listen(sock.Spec{Path: path, Mode: 0o600})
	if err != nil {
		return exitf(ExitFailed, "%w", err)
	}
	server, err := rpc.NewServer(e, rpc.Limits{})
	if err != nil {
		return exitf(ExitFailed, "%w", err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(context.Background(), door) }()
	b.close = append(b.close, func() error {
		cut, stop := context.WithCancel(context.Background())
		stop()
		_ = server.Drain(cut) // whoever still asks is cut
		return <-served
	})
	return nil
}

// Handle passes a call on, under the name that the interpreter knows.
func (e *embedded) Handle(c *rpc.Call) {
	method, params, refused := e.translate(c)
	if refused != nil {
		c.Fail(refused)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.gone != nil {
		c.Fail(e.gone)
		return
	}
	e.last++
	id := strconv.FormatUint(e.last, 10)
	line, err := json.Marshal(rpc.Request{JSONRPC: rpc.Version, ID: json.RawMessage(id), Method: method, Params: params, Meta: c.RawMeta})
	if err != nil {
		c.Fail(err)
		return
	}
	e.waiting[id] = c
	if _, err := e.in.Write(append(line, '\n')); err != nil {
		delete(e.waiting, id)
		c.Fail(fmt.Errorf("ask the embedded interpreter: %w", err))
	}
}

// translate does what the daemon does to names, for what pkg run needs of it.
func (e *embedded) translate(c *rpc.Call) (method string, params json.RawMessage, refused *rpc.Error) {
	switch c.Method {
	case "mochi.ping":
		return c.Method, nil, nil
	case "mochi.attr":
		var p []json.RawMessage
		var module, name string
		if json.Unmarshal(c.Params, &p) != nil || len(p) < 3 || json.Unmarshal(p[0], &module) != nil || json.Unmarshal(p[1], &name) != nil {
			return "", nil, rpc.Errorf(rpc.KindInvalidParams, "mochi.attr takes a module, a name and an array of arguments")
		}
		inner, refused := e.name(module + "." + name)
		if refused != nil {
			return "", nil, refused
		}
		if len(p) < 4 {
			p = append(p, json.RawMessage("false"))
		}
		p[1], _ = json.Marshal(inner) // a string always marshals
		params, _ = json.Marshal(p)   // and so does JSON
		return c.Method, params, nil
	case "mochi.import":
		return "mochi.ping", nil, nil // all of the program's were imported as it began
	}
	method, refused = e.name(c.Method)
	return method, c.Params, refused
}

// name is what the interpreter calls a function: without its module where there
// is only one.
func (e *embedded) name(full string) (string, *rpc.Error) {
	for i := strings.LastIndexByte(full, '.'); i > 0; i = strings.LastIndexByte(full[:i], '.') {
		module := full[:i]
		if other, ok := e.names[module]; ok {
			module = other
		}
		if !slices.Contains(e.modules, module) {
			continue
		}
		if len(e.modules) == 1 {
			return full[i+1:], nil
		}
		return module + full[i:], nil
	}
	return "", rpc.Errorf(rpc.KindMethodNotFound, "%s is of no module that is embedded here (%s): import it in the program", full, strings.Join(e.modules, ", "))
}

// read hands the answers to who asked, until the process ends.
func (e *embedded) read(out io.Reader) {
	codec := rpc.NewCodec(bufio.NewReader(out), io.Discard, maxAnswer)
	for {
		answer, err := codec.ReadResponse()
		if err != nil {
			e.fall(err)
			return
		}
		e.mu.Lock()
		c := e.waiting[string(answer.ID)]
		delete(e.waiting, string(answer.ID))
		e.mu.Unlock()
		switch {
		case c == nil:
		case answer.Error != nil:
			c.Fail(answer.Error)
		default:
			c.Reply(answer.Result)
		}
	}
}

// fall answers what can no longer be answered: with the interpreter in one
// process, what ends one call ends all.
func (e *embedded) fall(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.gone = rpc.NewError(rpc.KindWorkerLost, "the embedded interpreter ended", rpc.Fields{"started": true, "retryable": false})
	if !errors.Is(err, io.EOF) {
		e.gone = rpc.NewError(rpc.KindWorkerLost, fmt.Sprintf("the embedded interpreter ended: %v", err), rpc.Fields{"started": true, "retryable": false})
	}
	for id, c := range e.waiting {
		c.Fail(e.gone)
		delete(e.waiting, id)
	}
}
