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
		w.layer(c.pools[name], c.pool(name, c.pools[name]))
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
