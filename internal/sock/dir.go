package sock

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// The names of the two sockets in their directory.
const (
	HostName    = "rpc.sock"
	ControlName = "ctl.sock"
)

// The variables that name the sockets.
const (
	HostVariable    = "MOCHI_PYD_SOCKET"
	ControlVariable = "MOCHI_PYD_CONTROL_SOCKET"
)

// SystemDir is where a service keeps its sockets.
const SystemDir = "/run/mochi-pyd"

// prepareDir makes the directory if it is missing and refuses one in which
// somebody else could replace the socket.
func prepareDir(dir string) error {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make the socket's directory %s: %w", dir, rootCause(err))
		}
		info, err = os.Stat(dir)
	}
	if err != nil {
		return fmt.Errorf("the socket's directory %s: %w", dir, rootCause(err))
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is no directory", dir)
	}
	// A sticky directory, such as the temporary one, may be everybody's: what
	// is in it can only be removed by its owner.
	if info.Mode()&fs.ModeSticky != 0 {
		return nil
	}
	if uid := ownerOf(info); uid != 0 && uid != os.Geteuid() {
		return fmt.Errorf("the socket's directory %s belongs to uid %d, who could replace the socket: choose another --socket", dir, uid)
	}
	if info.Mode()&0o002 != 0 {
		return fmt.Errorf("everybody may write in the socket's directory %s, and so replace the socket: chmod o-w %s", dir, dir)
	}
	return nil
}

// ownDir checks, without following links, that dir is ours alone.
func ownDir(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	switch {
	case !info.IsDir():
		return fmt.Errorf("%s is no directory", dir)
	case ownerOf(info) != os.Geteuid():
		return fmt.Errorf("%s belongs to uid %d, not to us", dir, ownerOf(info))
	case info.Mode()&0o077 != 0:
		return fmt.Errorf("others may look into %s: chmod 0700 %s", dir, dir)
	}
	return nil
}

func ownerOf(info fs.FileInfo) int {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid)
	}
	return -1
}

// Place finds sockets; the fields are the process's, set by tests.
type Place struct {
	Getenv func(string) string
	Temp   string // the temporary directory
	System string // the service's directory
}

// Here is the process's own Place.
func Here() Place { return Place{Getenv: os.Getenv, Temp: os.TempDir(), System: SystemDir} }

// runtimeDir and tempDir are the places of a daemon that a user started.
func (p Place) runtimeDir() string {
	if base := p.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(base) {
		return filepath.Join(base, "mochi-pyd")
	}
	return ""
}

func (p Place) tempDir() string {
	return filepath.Join(p.Temp, "mochi-pyd-"+strconv.Itoa(os.Geteuid()))
}

// ServeDir makes and gives the directory of a daemon that was told no socket:
// $XDG_RUNTIME_DIR/mochi-pyd where that is ours, else a 0700 one in the
// temporary directory.
func (p Place) ServeDir() (string, error) {
	if dir := p.runtimeDir(); dir != "" {
		if info, err := os.Stat(filepath.Dir(dir)); err == nil && ownerOf(info) == os.Geteuid() {
			if err := makeOwn(dir); err == nil {
				return dir, nil
			}
		}
	}
	dir := p.tempDir()
	if err := makeOwn(dir); err != nil {
		return "", fmt.Errorf("no safe place for the sockets: %w: name one with --socket", err)
	}
	return dir, nil
}

func makeOwn(dir string) error {
	if err := unix.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make %s: %w", dir, err)
	}
	return ownDir(dir)
}

// Find gives the path of a daemon's socket, name being HostName or
// ControlName: what the variable says, else the first that exists of the
// places, else where a daemon started now would put it.
func (p Place) Find(name string) string {
	variable := map[string]string{HostName: HostVariable, ControlName: ControlVariable}[name]
	if path := p.Getenv(variable); path != "" {
		return path
	}
	if name == ControlName {
		if host := p.Getenv(HostVariable); host != "" {
			return Beside(host)
		}
	}
	path := filepath.Join(p.System, name)
	if _, err := os.Lstat(path); err == nil || errors.Is(err, fs.ErrPermission) {
		return path
	}
	first := ""
	for _, dir := range []string{p.runtimeDir(), p.tempDir()} {
		if dir == "" {
			continue
		}
		path := filepath.Join(dir, name)
		if first == "" {
			first = path
		}
		if _, err := os.Lstat(path); err == nil && ownDir(dir) == nil {
			return path
		}
	}
	return first
}

// Beside gives the control socket's path in the directory of a hosts' socket.
func Beside(host string) string { return filepath.Join(filepath.Dir(host), ControlName) }

// RuntimeDir makes and gives the directory that rendered scripts are kept in:
// below the service's own, else below the user's. It is the same at each start,
// so that Python's cached bytecode is still there.
func (p Place) RuntimeDir() (string, error) {
	base, _, _ := strings.Cut(p.Getenv("RUNTIME_DIRECTORY"), ":")
	if !filepath.IsAbs(base) {
		var err error
		if base, err = p.ServeDir(); err != nil {
			return "", err
		}
	}
	dir := filepath.Join(base, "runtime")
	if err := makeOwn(dir); err != nil {
		return "", fmt.Errorf("no safe place for the workers' scripts: %w", err)
	}
	return dir, nil
}
