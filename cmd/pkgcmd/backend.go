package pkgcmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/mochilang/mochi-pyd/internal/config"
	"github.com/mochilang/mochi-pyd/internal/daemon"
	"github.com/mochilang/mochi-pyd/internal/mochitoml"
	"github.com/mochilang/mochi-pyd/internal/sock"
	"github.com/mochilang/mochi-pyd/internal/version"
	"github.com/mochilang/mochi-pyd/rpc"
)

// knockLimit is how long a daemon that may be there has to answer a ping.
const knockLimit = 2 * time.Second

// runPattern names the directories of runs.
const runPattern = "mochi-pkg-"

// backend is who answers the calls of one run.
type backend struct {
	socket string
	env    environment
	close  []func() error // in the order they were begun
}

// end ends what the run began, the last thing first.
func (b *backend) end() error {
	var errs []error
	for i := len(b.close) - 1; i >= 0; i-- {
		errs = append(errs, b.close[i]())
	}
	return errors.Join(errs...)
}

// choose says which daemon is attached to ("" for one of our own), and what the
// plan calls that.
func (o *options) choose(ctx context.Context, p *plan) (socket, why string) {
	named := os.Getenv(rpc.SocketVariable)
	if o.Socket != nil {
		named = o.Socket()
	}
	switch {
	case p.mode == mochitoml.ModeEmbedded:
		return "", "a process that holds the interpreter"
	case o.private:
		return "", "a private daemon (--private)"
	case named != "":
		return named, "the daemon at " + named
	case p.env.own:
		return "", "a private daemon, with the package's interpreter"
	}
	if usual := rpc.Socket(); usual != "" && answers(ctx, usual) {
		return usual, "the daemon at " + usual
	}
	return "", "a private daemon"
}

func answers(ctx context.Context, socket string) bool {
	ctx, cancel := context.WithTimeout(ctx, knockLimit)
	defer cancel()
	c, err := rpc.DialCaller(ctx, socket)
	if err != nil {
		return false
	}
	defer c.Close()
	_, err = c.Call(ctx, "mochi.ping", nil, nil)
	return err == nil
}

// begin makes sure that there is somebody to answer, and that what the program
// imports can be imported.
func (o *options) begin(ctx context.Context, p *plan, socket string) (*backend, error) {
	b := &backend{socket: socket, env: p.env}
	var err error
	switch {
	case p.mode == mochitoml.ModeEmbedded:
		err = o.embed(ctx, p, b)
	case socket == "":
		err = o.startDaemon(ctx, p, b)
	}
	if err == nil && p.program != "" {
		err = b.imports(ctx, p)
	}
	if err != nil {
		return nil, errors.Join(err, b.end())
	}
	return b, nil
}

// imports asks for every module of the program before the program is run: what
// is missing is told with the program's own line, and not in the middle of it.
func (b *backend) imports(ctx context.Context, p *plan) error {
	client, err := rpc.Dial(ctx, b.socket)
	if err != nil {
		return exitf(ExitFailed, "%w", err)
	}
	defer client.Close()
	asked := make([]chan error, len(p.imports))
	for n, i := range p.imports {
		asked[n] = make(chan error, 1)
		go func() {
			asked[n] <- client.Call(ctx, "mochi.import", map[string]string{"module": i.Module, "as": i.As}, nil)
		}()
	}
	var errs []error
	for n, i := range p.imports {
		if err := <-asked[n]; err != nil {
			errs = append(errs, fmt.Errorf("%s:%d: import python %q: %w", p.program, i.Line, i.Module, err))
		}
	}
	if len(errs) > 0 {
		return &ExitError{Code: ExitFailed, Err: errors.Join(errs...)}
	}
	return nil
}

// startDaemon runs a daemon in this process, in a directory of its own, until
// the backend ends. One worker a module: a Mochi program makes one call at a
// time, and module state that it sets is there for its next call.
func (o *options) startDaemon(ctx context.Context, p *plan, b *backend) error {
	dir, err := b.directory()
	if err != nil {
		return err
	}
	c := config.Default()
	here, err := os.Getwd()
	if err != nil {
		return exitf(ExitFailed, "the current directory: %w", err)
	}
	for key, value := range map[string]string{"python": p.env.interpreter.Path, "event-loop": p.loop, "workers": "1"} {
		if err := c.Set(config.SectionPoolDefaults, key, here, value); err != nil {
			return exitf(ExitFailed, "%w", err)
		}
	}
	log, end := o.logger()
	d, err := daemon.New(daemon.Options{Config: c, Logger: log, Version: version.Of(o.Version), Environ: os.Environ(), RuntimeDir: filepath.Join(dir, "runtime")})
	if err != nil {
		return exitf(ExitFailed, "%w", errors.Join(err, end()))
	}
	b.socket = filepath.Join(dir, sock.HostName)
	door, err := sock.Listen(sock.Spec{Path: b.socket, Mode: 0o600})
	if err != nil {
		return exitf(ExitFailed, "%w", errors.Join(err, end()))
	}
	running, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(running, daemon.Listeners{Host: door}) }()
	b.close = append(b.close, func() error {
		if ctx.Err() != nil {
			d.Force() // who was interrupted waits for no call
		}
		stop()
		return errors.Join(<-ended, end())
	})
	return nil
}

// directory makes the run's own directory, which nobody else can look into.
func (b *backend) directory() (string, error) {
	dir, err := os.MkdirTemp("", runPattern)
	if err == nil && len(filepath.Join(dir, sock.HostName)) > sock.MaxPath {
		// TMPDIR is longer than the path of a socket may be.
		_ = os.Remove(dir)
		dir, err = os.MkdirTemp("/tmp", runPattern)
	}
	if err != nil {
		return "", exitf(ExitFailed, "a directory for the run: %w", err)
	}
	b.close = append(b.close, func() error { return os.RemoveAll(dir) })
	return dir, nil
}
