package config

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mochilang/mochi-pyd/internal/tomldoc"
)

// Warnings are what is well-formed and will probably not do: a path that is not
// there, a key that has no effect. They depend on this machine and this user,
// so they stop nobody: the daemon may run as another user, and what is missing
// now may be there then.
func (c *Config) Warnings() []*tomldoc.Error {
	if c.doc == nil {
		return nil
	}
	w := &warner{c: c}
	w.daemon(c.Daemon())
	w.layer(c.defaults, c.pool("", nil))
	for _, name := range c.names {
		p := c.pool(name, c.pools[name])
		p.Declared = true
		w.layer(c.pools[name], p)
	}
	slices.SortStableFunc(w.found, func(a, b *tomldoc.Error) int { return a.Line - b.Line })
	return w.found
}

type warner struct {
	c     *Config
	found []*tomldoc.Error
}

func (w *warner) warnf(s setting, format string, args ...any) {
	w.found = append(w.found, w.c.doc.Errorf(s.at, format, args...))
}

func (w *warner) daemon(d Daemon) {
	for key, path := range map[string]string{"socket": d.Socket, "control-socket": d.ControlSocket} {
		if s, ok := w.c.daemon[key]; ok {
			if err := directory(filepath.Dir(path)); err != nil {
				w.warnf(s, "%s: its directory %s", key, err)
			}
		}
	}
	if s, ok := w.c.daemon["allow-modules"]; ok && len(d.AllowModules) == 0 {
		w.warnf(s, "allow-modules is empty: nothing is on the list")
	}
	w.doors(d)
	w.bounds(d)
}

// groupUse is what a group needs of a socket to connect to it.
const groupUse = 0o060

// doors: a group that owns a socket which its members cannot use.
func (w *warner) doors(d Daemon) {
	for _, door := range []struct {
		key, group string
		modeKey    string
		mode       os.FileMode
	}{
		{"socket-group", d.SocketGroup, "socket-mode", d.SocketMode},
		{"control-group", d.ControlGroup, "control-mode", d.ControlMode},
	} {
		if s, ok := w.c.daemon[door.key]; ok && door.group != "" && door.mode&groupUse != groupUse {
			w.warnf(s, "%s does nothing: with %s %04o nobody of group %s can connect", door.key, door.modeKey, door.mode, door.group)
		}
	}
}

// bounds: one that another is reached before.
func (w *warner) bounds(d Daemon) {
	say := func(key string, wrong bool, format string, args ...any) {
		if s, ok := w.c.daemon[key]; ok && wrong {
			w.warnf(s, format, args...)
		}
	}
	say("max-connections-per-uid", d.MaxConnectionsPerUID > d.MaxConnections,
		"max-connections-per-uid (%d) is above max-connections (%d), which ends it first", d.MaxConnectionsPerUID, d.MaxConnections)
	say("max-batch", d.MaxBatch > d.MaxInFlight,
		"max-batch (%d) is above max-in-flight (%d): entries past that are refused", d.MaxBatch, d.MaxInFlight)
	say("max-inbound", d.MaxInbound < 2*d.MaxMessage,
		"max-inbound (%s) is below twice max-message (%s), and twice max-message holds", d.MaxInbound, d.MaxMessage)
	say("max-inbound-total", d.MaxInboundTotal < d.MaxInbound,
		"max-inbound-total (%s) is below max-inbound (%s), and that holds", d.MaxInboundTotal, d.MaxInbound)
}

// layer looks at what one table sets; p is the pool with everything laid over.
func (w *warner) layer(own layer, p Pool) {
	if s, ok := own["venv"]; ok && p.Venv != "" {
		if err := environment(p.Venv); err != nil {
			w.warnf(s, "venv %s", err)
		}
	}
	if s, ok := own["python"]; ok {
		if _, err := exec.LookPath(p.Python); err != nil {
			w.warnf(s, "python %q cannot be run: %s", p.Python, reason(err))
		}
	}
	if s, ok := own["cwd"]; ok && p.Cwd != "" {
		if err := directory(p.Cwd); err != nil {
			w.warnf(s, "cwd %s", err)
		}
	}
	if s, ok := own["python-path"]; ok {
		for _, dir := range p.PythonPath {
			if err := readable(dir); err != nil {
				w.warnf(s, "python-path %s", err)
			}
		}
	}
	if s, ok := own["max-requests-jitter"]; ok && p.MaxRequests == 0 && p.MaxRequestsJitter > 0 {
		w.warnf(s, "max-requests-jitter does nothing without max-requests")
	}
	if s, ok := own["idle-timeout"]; ok && p.Declared && p.MaxWorkers <= p.Workers && p.IdleTimeout > 0 {
		w.warnf(s, "idle-timeout does nothing: the pool is declared and not elastic (max-workers)")
	}
	most := w.c.Daemon().MaxHandles
	if s, ok := own["max-handles"]; ok && most > 0 && p.MaxHandles > most {
		w.warnf(s, "max-handles (%d) is above that of [daemon] (%d), which all pools share", p.MaxHandles, most)
	}
	if s, ok := own["queue-timeout"]; ok && p.QueueTimeout > p.CallTimeout {
		w.warnf(s, "queue-timeout (%s) is above call-timeout (%s), which ends the call first", duration(p.QueueTimeout), duration(p.CallTimeout))
	}
}

// environment looks at a virtual environment as a spawn will.
func environment(venv string) error {
	if err := directory(venv); err != nil {
		return err
	}
	python := filepath.Join(venv, "bin", "python")
	if _, err := exec.LookPath(python); err != nil {
		return fmt.Errorf("%s has no interpreter: %s: %s", venv, python, reason(err))
	}
	if err := readable(filepath.Join(venv, "pyvenv.cfg")); err != nil {
		return fmt.Errorf("%s is no virtual environment: %w", venv, err)
	}
	return nil
}

func directory(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return fmt.Errorf("%s cannot be read: %s", path, reason(err))
	case !info.IsDir():
		return fmt.Errorf("%s is no directory", path)
	}
	return readable(path)
}

// readable: a python-path may also be a zip file.
func readable(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("%s cannot be read: %s", path, reason(err))
	}
	return f.Close()
}

// reason is the error without the operation and the path, which stand there
// already.
func reason(err error) string {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	var look *exec.Error
	if errors.As(err, &look) {
		return reason(look.Err)
	}
	return strings.TrimPrefix(err.Error(), "exec: ")
}
