package sock

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// MaxPath is the longest path a Unix socket can be bound to (108 bytes of
// sun_path and its final NUL).
const MaxPath = 107

// lockTries bounds how often a lock file may vanish between opening and
// locking it, which happens only while another daemon ends.
const lockTries = 10

// Spec is a socket to bind.
type Spec struct {
	Path  string
	Mode  os.FileMode // 0 = 0600
	Group string      // name or number; "" = as it comes
}

// Listener is a bound socket, or one that was passed to us.
type Listener struct {
	*net.UnixListener
	path   string
	lock   *os.File // nil when the socket is not ours
	device uint64
	inode  uint64
	close  sync.Once
	err    error
}

// Path is where the socket is.
func (l *Listener) Path() string { return l.path }

// Passed says that the service manager bound it, and keeps it.
func (l *Listener) Passed() bool { return l.lock == nil }

// Shut removes the socket, if it is still the one that was bound here: a client
// sees "missing", and not "stale", while those that wait are accepted. It is
// false for one that was passed, in which they may wait for the next daemon.
func (l *Listener) Shut() bool {
	if l.lock == nil {
		return false
	}
	if device, inode, err := identify(l.path); err == nil && device == l.device && inode == l.inode {
		_ = os.Remove(l.path)
	}
	return true
}

// Close stops listening and removes the socket, if it is still the one that
// was bound here.
func (l *Listener) Close() error {
	l.close.Do(func() {
		l.Shut()
		l.err = l.UnixListener.Close()
		if l.lock != nil {
			_ = os.Remove(lockPath(l.path))
			_ = l.lock.Close()
		}
	})
	return l.err
}

// BusyError says that a live daemon has the socket.
type BusyError struct {
	Path string
	PID  int // of its holder; 0 when unknown
}

func (e *BusyError) Error() string {
	if e.PID > 0 {
		return fmt.Sprintf("%s belongs to a live daemon (pid %d): stop it, or choose another --socket", e.Path, e.PID)
	}
	return fmt.Sprintf("%s is served by another program: stop it, or choose another --socket", e.Path)
}

// umask is the process's, so binding is one at a time; it is also why Listen is
// called before anything else makes files: one made meanwhile would lose its
// group and other bits. (Binding in a private directory and renaming avoids
// umask, but then every listing of sockets shows a path that does not exist.)
var umask sync.Mutex

// Listen binds a socket. Its directory must be safe: ours or root's, and not
// writable by everybody.
func Listen(s Spec) (*Listener, error) {
	if err := checkPath(s.Path); err != nil {
		return nil, err
	}
	gid, err := groupID(s.Group)
	if err != nil {
		return nil, err
	}
	if err := prepareDir(filepath.Dir(s.Path)); err != nil {
		return nil, err
	}
	lock, err := takeLock(s.Path)
	if err != nil {
		return nil, err
	}
	l, err := bind(s, gid)
	if err != nil {
		_ = os.Remove(lockPath(s.Path))
		_ = lock.Close()
		return nil, err
	}
	l.lock = lock
	return l, nil
}

func checkPath(path string) error {
	switch {
	case path == "" || path[0] == '@' || path[0] == 0:
		return fmt.Errorf("%q is no path: abstract sockets have no permissions, so they are not used", path)
	case len(path) > MaxPath:
		return fmt.Errorf("the socket's path has %d bytes, and the kernel takes %d: choose a shorter --socket than %s", len(path), MaxPath, path)
	}
	return nil
}

func bind(s Spec, gid int) (*Listener, error) {
	if err := clearStale(s.Path); err != nil {
		return nil, err
	}
	umask.Lock()
	old := unix.Umask(0o177)
	ul, err := net.ListenUnix("unix", &net.UnixAddr{Name: s.Path, Net: "unix"})
	unix.Umask(old)
	umask.Unlock()
	if err != nil {
		return nil, fmt.Errorf("bind %s: %w", s.Path, rootCause(err))
	}
	ul.SetUnlinkOnClose(false)
	l := &Listener{UnixListener: ul, path: s.Path}
	if l.device, l.inode, err = identify(s.Path); err == nil && gid >= 0 {
		err = os.Chown(s.Path, -1, gid)
	}
	if err == nil && s.Mode != 0 {
		err = os.Chmod(s.Path, s.Mode)
	}
	if err != nil {
		_ = os.Remove(s.Path)
		_ = ul.Close()
		return nil, fmt.Errorf("set the permissions of %s: %w", s.Path, rootCause(err))
	}
	return l, nil
}

// clearStale removes a socket that nobody listens on. The lock is held, so it
// is no daemon of ours; another program's is left alone.
func clearStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s exists and is no socket: remove it, or choose another --socket", path)
	}
	conn, err := net.Dial("unix", path)
	if err == nil {
		_ = conn.Close()
		return &BusyError{Path: path}
	}
	if !errors.Is(err, unix.ECONNREFUSED) {
		return fmt.Errorf("%s is in the way: %w", path, rootCause(err))
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is stale and cannot be removed: %w", path, rootCause(err))
	}
	return nil
}

func lockPath(path string) string { return path + ".lock" }

// takeLock opens and locks the file beside the socket. The daemon that ends
// removes its lock file, so the file that was locked must still be the one
// that has the name.
func takeLock(path string) (*os.File, error) {
	name := lockPath(path)
	for range lockTries {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
		if err != nil {
			return nil, fmt.Errorf("lock %s: %w", name, rootCause(err))
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			pid := make([]byte, 20)
			n, _ := f.ReadAt(pid, 0)
			_ = f.Close()
			holder, _ := strconv.Atoi(string(pid[:n]))
			return nil, &BusyError{Path: path, PID: holder}
		}
		var mine unix.Stat_t
		device, inode, err := identify(name)
		if unix.Fstat(int(f.Fd()), &mine) == nil && err == nil && deviceOf(&mine) == device && mine.Ino == inode {
			_ = f.Truncate(0)
			_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())), 0)
			return f, nil
		}
		_ = f.Close()
	}
	return nil, fmt.Errorf("lock %s: it keeps vanishing", name)
}

func identify(path string) (device, inode uint64, err error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return 0, 0, err
	}
	return deviceOf(&st), st.Ino, nil
}

func groupID(group string) (int, error) {
	if group == "" {
		return -1, nil
	}
	if gid, err := strconv.Atoi(group); err == nil && gid >= 0 {
		return gid, nil
	}
	g, err := user.LookupGroup(group)
	if err != nil {
		return 0, fmt.Errorf("there is no group %q: create it (groupadd --system %s), or leave the key out", group, group)
	}
	return strconv.Atoi(g.Gid)
}

// rootCause drops the operation and the path that a wrapped error repeats.
func rootCause(err error) error {
	var path *os.PathError
	var call *os.SyscallError
	switch {
	case errors.As(err, &call):
		return call.Err
	case errors.As(err, &path):
		return path.Err
	}
	return err
}
