package embedded

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/mochilang/mochi-pyd/render"
	"github.com/mochilang/mochi-pyd/rpc"
)

//go:embed host.py
var hostSource string

// DefaultConcurrency is how many calls are in the interpreter at once. Each
// holds a thread, a coroutine's too: whoever waits, waits in C.
const DefaultConcurrency = 64

var (
	errMemory = errors.New("embedded: the interpreter is out of memory")
	errRaised = errors.New("embedded: the call's host raised: what it said is on stderr")
	errClosed = errors.New("embedded: the interpreter is closed")
)

// Options are what an interpreter serves; at least one module.
type Options struct {
	Modules     []string // with more than one, a function's name begins with its module's
	Methods     []string // exactly these, dotted; none: what the modules hold
	Path        []string // put before sys.path, as PYTHONPATH would be
	Dir         string   // where rendered scripts are kept; "" is a directory that Close removes
	PerCall     bool     // a loop for each coroutine instead of one for all
	Concurrency int      // 0 is DefaultConcurrency
}

// Interpreter is CPython in this process.
type Interpreter struct {
	Library Library

	c        *capi
	main     chan func() // runs on the thread that initialised it, which finalises it
	function object
	state    uintptr
	seats    chan struct{}
	last     atomic.Int64
	scratch  string

	mu     sync.RWMutex // calls hold it to read, Close to write
	closed bool
}

// had says that this process has had its interpreter.
var had atomic.Bool

// Open loads the library of an interpreter (a name on PATH or a path),
// initialises it and imports the modules. A module that cannot be imported is
// the import_failed that a worker would have died of; the process's one
// interpreter is used up by it as well. ctx bounds the questions to the
// interpreter, not the import: nobody can stop that inside a process.
func Open(ctx context.Context, interpreter string, o Options) (*Interpreter, error) {
	script, err := render.RenderWorker(render.WorkerOptions{Public: true, Modules: o.Modules, Methods: o.Methods})
	if err != nil {
		return nil, err
	}
	library, err := Find(ctx, interpreter)
	if err != nil {
		return nil, err
	}
	i := &Interpreter{Library: library, main: make(chan func())}
	if o.Dir == "" {
		if i.scratch, err = os.MkdirTemp("", "mochi-embedded"); err != nil {
			return nil, fmt.Errorf("embedded: make a directory for the runtime: %w", err)
		}
		o.Dir = i.scratch
	}
	if err := i.open(script, o); err != nil {
		os.RemoveAll(i.scratch)
		return nil, err
	}
	return i, nil
}

func (i *Interpreter) open(script render.Script, o Options) error {
	path, err := (&render.Store{Dir: o.Dir}).Put(script)
	if err != nil {
		return err
	}
	setup, err := json.Marshal(map[string]any{"directory": filepath.Dir(path), "path": o.Path, "per_call": o.PerCall, "modules": o.Modules})
	if err != nil {
		return fmt.Errorf("embedded: %w", err)
	}
	if !had.CompareAndSwap(false, true) {
		return errAgain
	}
	if i.c, err = load(i.Library.Path); err != nil {
		had.Store(false) // nothing was initialised
		return err
	}
	if o.Concurrency <= 0 {
		o.Concurrency = DefaultConcurrency
	}
	i.seats = make(chan struct{}, o.Concurrency)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with its interpreter
		for what := range i.main {
			what()
		}
	}()
	started := make(chan error)
	i.main <- func() { started <- i.begin(filepath.Join(filepath.Dir(path), "mochi_pyd", "embedded.py")) }
	err = <-started
	if err == nil {
		err = i.setUp(setup)
	}
	if err != nil {
		return errors.Join(err, i.Close())
	}
	return nil
}

// begin runs on the interpreter's main thread. The host gets a file name beside
// the runtime, so that tracebacks leave it out as they leave the runtime out.
func (i *Interpreter) begin(file string) error {
	i.state = i.c.start(i.Library.Executable)
	held := i.c.ensure()
	defer i.c.release(held)
	source, err := json.Marshal([]string{hostSource, file}) // literals of Python's as well
	if err != nil {
		return fmt.Errorf("embedded: %w", err)
	}
	if i.c.run("exec(compile(*"+string(source)+", 'exec'))") != 0 {
		return errRaised
	}
	i.function = i.c.attribute(i.c.addModule("__main__"), "mochi_call")
	if i.function == 0 {
		i.c.print()
		return errRaised
	}
	return nil
}

// setUp imports the modules; the first call does it.
func (i *Interpreter) setUp(setup []byte) error {
	raw, err := i.c.invoke(i.function, setup)
	if err != nil {
		return err
	}
	if _, bad := result(raw); bad != nil {
		return bad
	}
	return nil
}

// Call calls a function by its dotted name inside the modules. params and meta
// are JSON, or nil for none; the result is JSON, to the byte as a worker would
// have written it.
func (i *Interpreter) Call(method string, params, meta json.RawMessage) (json.RawMessage, *rpc.Error) {
	request, err := json.Marshal(struct {
		JSONRPC string          `json:"jsonrpc"`
		ID      int64           `json:"id"`
		Method  string          `json:"method"`
		Params  json.RawMessage `json:"params,omitempty"`
		Meta    json.RawMessage `json:"meta,omitempty"`
	}{"2.0", i.last.Add(1), method, params, meta})
	if err != nil {
		return nil, rpc.Errorf(rpc.KindInvalidParams, "params and meta must be JSON: %v", err)
	}
	i.mu.RLock()
	defer i.mu.RUnlock()
	if i.closed {
		return nil, rpc.AsError(errClosed)
	}
	i.seats <- struct{}{}
	defer func() { <-i.seats }()
	answer, err := i.c.invoke(i.function, request)
	if err != nil {
		return nil, rpc.AsError(err)
	}
	return result(answer)
}

// result reads a response.
func result(answer []byte) (json.RawMessage, *rpc.Error) {
	var response struct {
		Result json.RawMessage `json:"result"`
		Error  *rpc.Error      `json:"error"`
	}
	if err := json.Unmarshal(answer, &response); err != nil {
		return nil, rpc.Errorf(rpc.KindInternal, "the interpreter answered what is no response: %v", err)
	}
	return response.Result, response.Error
}

// Close waits for the calls in flight, runs what Python does at exit, and ends
// the interpreter's thread.
func (i *Interpreter) Close() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closed {
		return nil
	}
	i.closed = true
	var unfinished error
	if i.function != 0 { // an empty line ends the loop's thread
		_, unfinished = i.c.invoke(i.function, nil)
	}
	ended := make(chan int32)
	i.main <- func() {
		i.c.restoreThread(i.state)
		ended <- i.c.finalize()
	}
	status := <-ended
	close(i.main)
	os.RemoveAll(i.scratch)
	if status != 0 {
		return errors.Join(unfinished, errors.New("embedded: Python could not flush its output when it ended"))
	}
	return unfinished
}
