package bench

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"
)

// contender is one way to get a line answered: a descriptor to write to and one
// to read from, raw, so that what is measured is on the other side.
type contender struct {
	name string
	in   io.Writer
	out  io.Reader
	line []byte // what is asked
	want []byte // what must come back; the line itself for an echo

	buffer []byte
	took   []time.Duration
}

// ask makes one round trip and times it.
func (c *contender) ask() error {
	if c.buffer == nil {
		c.buffer = make([]byte, 64<<10)
	}
	started := time.Now()
	if _, err := c.in.Write(c.line); err != nil {
		return fmt.Errorf("%s: write: %w", c.name, err)
	}
	n := 0
	for n == 0 || c.buffer[n-1] != '\n' {
		more, err := c.out.Read(c.buffer[n:])
		if err != nil {
			return fmt.Errorf("%s: read: %w", c.name, err)
		}
		n += more
	}
	c.took = append(c.took, time.Since(started))
	if !bytes.Equal(c.buffer[:n], c.want) {
		return fmt.Errorf("%s answered %q, want %q", c.name, c.buffer[:n], c.want)
	}
	return nil
}

// p gives a percentile of what was timed.
func (c *contender) p(percent int) time.Duration {
	sorted := slices.Sorted(slices.Values(c.took))
	return sorted[min(len(sorted)-1, len(sorted)*percent/100)]
}

// overPipes starts a command and speaks to it over two pipes.
func overPipes(b *testing.B, name string, line []byte, env []string, args ...string) *contender {
	b.Helper()
	command := exec.Command(args[0], args[1:]...)
	command.Env = append(os.Environ(), env...)
	command.Stderr = os.Stderr
	theirIn, ourOut, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	ourIn, theirOut, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	command.Stdin, command.Stdout = theirIn, theirOut
	if err := command.Start(); err != nil {
		b.Fatalf("start %s: %v", name, err)
	}
	if err := errors.Join(theirIn.Close(), theirOut.Close()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := errors.Join(ourOut.Close(), command.Wait(), ourIn.Close()); err != nil {
			b.Errorf("end %s: %v", name, err)
		}
	})
	return &contender{name: name, in: ourOut, out: ourIn, line: line, want: line}
}

// overSocket speaks to a daemon's socket.
func overSocket(b *testing.B, name, path string, line, want []byte) *contender {
	b.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	return &contender{name: name, in: conn, out: conn, line: line, want: want}
}
