package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// process is a command between two pipes.
type process struct {
	name string
	cmd  *exec.Cmd
	in   *os.File // what it reads
	out  *os.File // what it writes
	said *os.File // its stderr, in a file without a name
}

// endLimit is how long a process may take to end once its input has.
const endLimit = 10 * time.Second

// startProcess starts a command with its stdin and stdout on pipes.
func startProcess(ctx context.Context, name string, env []string, args ...string) (*process, error) {
	theirIn, in, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe for %s: %w", name, err)
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make a pipe for %s: %w", name, err), theirIn.Close(), in.Close())
	}
	said, err := os.CreateTemp("", "said")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make a file for what %s says: %w", name, err), theirIn.Close(), in.Close(), out.Close(), theirOut.Close())
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirIn, theirOut, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // ^C reaches us, and we end them in order
	err = cmd.Start()
	err = errors.Join(err, theirIn.Close(), theirOut.Close(), os.Remove(said.Name()))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", name, err), in.Close(), out.Close(), said.Close())
	}
	return &process{name: name, cmd: cmd, in: in, out: out, said: said}, nil
}

// lastWords is how much of a process's stderr an error quotes.
const lastWords = 400

func (p *process) words() string {
	info, err := p.said.Stat()
	if err != nil || info.Size() == 0 {
		return "it said nothing"
	}
	text := make([]byte, min(info.Size(), lastWords))
	if _, err := p.said.ReadAt(text, info.Size()-int64(len(text))); err != nil {
		return "what it said cannot be read"
	}
	return strings.Join(strings.Fields(string(text)), " ")
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// terminate ends a process that does not read.
func (p *process) terminate() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return errors.Join(fmt.Errorf("end %s: %w", p.name, err), p.end())
	}
	return p.end()
}

// end closes its input, which tells it to end, and waits; one that stays is
// killed.
func (p *process) end() error {
	p.in.Close()
	defer p.said.Close()
	// Its whole group: a peer's host that hangs has a server.
	late := time.AfterFunc(endLimit, func() { _ = syscall.Kill(-p.pid(), syscall.SIGKILL) })
	err := p.cmd.Wait()
	p.out.Close()
	if !late.Stop() {
		return fmt.Errorf("%s did not end within %s of its input's end and was killed: %s", p.name, endLimit, p.words())
	}
	if err != nil {
		return fmt.Errorf("end %s: %w: %s", p.name, err, p.words())
	}
	return nil
}
