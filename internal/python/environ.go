package python

import (
	"path/filepath"
	"slices"
	"strings"
)

// Environ says what a worker's environment is made of.
type Environ struct {
	Daemon     []string          // the daemon's own environment
	Inherit    bool              // no configuration: all of it but the daemon's own business
	Env        map[string]string // the pool's own variables; they win
	PythonPath []string          // searched before an inherited PYTHONPATH
	Venv       string            // the virtual environment, for what user code starts
}

// never are the variables that are the daemon's own business: a worker that
// inherited them would speak to the service manager in the daemon's name, or
// take another interpreter's home for its own.
func never(name string) bool {
	switch name {
	case "NOTIFY_SOCKET", "CREDENTIALS_DIRECTORY", "JOURNAL_STREAM",
		"PYTHONHOME", "PYTHONSTARTUP":
		return true
	}
	for _, prefix := range []string{"LISTEN_", "WATCHDOG_", "MOCHI_PYD_WIRE"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// allowed are the variables that pass when there is a configuration.
func allowed(name string) bool {
	switch name {
	case "PATH", "HOME", "LANG", "TZ", "TMPDIR", "LD_LIBRARY_PATH":
		return true
	}
	for _, prefix := range []string{"LC_", "SSL_CERT_", "CUDA_"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// Build gives the environment, sorted, each variable once.
func (e Environ) Build() []string {
	set := map[string]string{}
	for _, pair := range e.Daemon {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" || never(name) || !e.Inherit && !allowed(name) {
			continue
		}
		set[name] = value
	}
	if e.Venv != "" {
		// What "activate" does: programs that user code starts by name come
		// from the environment too.
		bin := filepath.Join(e.Venv, "bin")
		set["VIRTUAL_ENV"] = e.Venv
		if path := set["PATH"]; path != "" && !strings.HasPrefix(path+":", bin+":") {
			set["PATH"] = bin + ":" + path
		}
	}
	if len(e.PythonPath) > 0 {
		paths := slices.Clone(e.PythonPath)
		if old := set["PYTHONPATH"]; old != "" {
			paths = append(paths, old)
		}
		set["PYTHONPATH"] = strings.Join(paths, string(filepath.ListSeparator))
	}
	for name, value := range e.Env {
		if name == "PYTHONPATH" && len(e.PythonPath) > 0 {
			value = strings.Join(append(slices.Clone(e.PythonPath), value), string(filepath.ListSeparator))
		}
		set[name] = value
	}
	// With it a script does not find what lies beside it, which is our runtime.
	delete(set, "PYTHONSAFEPATH")
	out := make([]string, 0, len(set))
	for name, value := range set {
		out = append(out, name+"="+value)
	}
	slices.Sort(out)
	return out
}

// lookup reads one variable; the last one of a name counts, as in the C library
// of a shell that set it twice.
func lookup(env []string, name string) string {
	value := ""
	for _, pair := range env {
		if v, ok := strings.CutPrefix(pair, name+"="); ok {
			value = v
		}
	}
	return value
}
