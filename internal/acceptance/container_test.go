package acceptance

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

const (
	containerBuild = 4 * time.Minute // a toolchain with nothing cached, on two cores
	containerStop  = 20 * time.Second
)

// A container is a script's process that is the first of its namespace.
type container struct {
	guest
	cmd  *exec.Cmd
	said *strings.Builder
	gone chan error
}

// contain runs a script in mount and process namespaces of its own. What it
// becomes by exec is their first process.
func contain(t *testing.T, script string, env ...string) *container {
	t.Helper()
	c := &container{said: &strings.Builder{}, gone: make(chan error, 1)}
	c.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), "unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child=SIGKILL", "bash", "-c", script)
	c.cmd.Env = append(os.Environ(), env...)
	c.cmd.Stdout, c.cmd.Stderr = c.said, c.said
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { c.gone <- c.cmd.Wait() }()
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill() // and what is inside with it
		<-c.gone
		if t.Failed() {
			t.Logf("the container said:\n%s", c.said)
		}
	})
	return c
}

// dial connects to a socket in the container as soon as there is one.
func (c *container) dial(t *testing.T, socket string) *rig.Host {
	t.Helper()
	var h *rig.Host
	ended := false
	rig.Until(containerBuild, func() bool {
		select {
		case err := <-c.gone:
			c.gone <- err
			ended = true
			return true
		default:
		}
		unshare := strconv.Itoa(c.cmd.Process.Pid)
		children, _ := os.ReadFile(filepath.Join("/proc", unshare, "task", unshare, "children"))
		c.pid = strings.TrimSpace(string(children))
		var err error
		h, err = rig.Dial(filepath.Join("/proc", c.pid, "root", socket))
		return err == nil
	})
	if ended || h == nil {
		t.Fatal("nothing listens in the container")
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// stop sends the first process SIGTERM, which must end it well.
func (c *container) stop(t *testing.T) {
	t.Helper()
	pid, err := strconv.Atoi(c.pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-c.gone:
		c.gone <- err
		if err != nil {
			t.Errorf("SIGTERM ended the container with %v", err)
		}
	case <-time.After(containerStop):
		t.Errorf("SIGTERM did not end the container in %s", containerStop)
	}
}
