package sock

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Trouble is why a daemon cannot be reached.
type Trouble string

// The three, and whatever else the kernel may say.
const (
	Missing   Trouble = "missing"
	Stale     Trouble = "stale"
	Forbidden Trouble = "forbidden"
	Other     Trouble = "other"
)

// DialError says why a daemon cannot be reached, and what to type next.
type DialError struct {
	Path    string
	Trouble Trouble
	Hint    string
	Err     error
}

func (e *DialError) Error() string {
	switch e.Trouble {
	case Missing:
		return fmt.Sprintf("there is no socket at %s: %s", e.Path, e.Hint)
	case Stale:
		return fmt.Sprintf("nobody listens on %s, its daemon died: %s", e.Path, e.Hint)
	case Forbidden:
		return fmt.Sprintf("%s may not open %s: %s", whoami(), e.Path, e.Hint)
	}
	return fmt.Sprintf("cannot connect to %s: %v", e.Path, e.Err)
}

func (e *DialError) Unwrap() error { return e.Err }

// Dial connects to a daemon's socket. An error is a *DialError.
func Dial(ctx context.Context, path string) (net.Conn, error) {
	if len(path) > MaxPath {
		return nil, &DialError{Path: path, Trouble: Other, Err: fmt.Errorf("the path has %d bytes, and the kernel takes %d", len(path), MaxPath)}
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err == nil {
		return conn, nil
	}
	d := &DialError{Path: path, Err: rootCause(err)}
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR):
		d.Trouble, d.Hint = Missing, "start the daemon: mochi-pyd serve"+serveArgs(path)
	case errors.Is(err, unix.ECONNREFUSED):
		d.Trouble, d.Hint = Stale, "start it again, it takes the socket over: mochi-pyd serve"+serveArgs(path)
	case errors.Is(err, fs.ErrPermission):
		d.Trouble, d.Hint = Forbidden, admission(path)
	default:
		d.Trouble = Other
	}
	return nil, d
}

// serveArgs is what serve needs to be told to listen on path: nothing when it
// would choose it by itself.
func serveArgs(path string) string {
	dir := filepath.Dir(path)
	p := Here()
	if dir == p.runtimeDir() || dir == p.tempDir() {
		return ""
	}
	if filepath.Base(path) == ControlName {
		return " --control-socket " + path
	}
	return " --socket " + path
}

// admission is the command that would let this user in.
func admission(path string) string {
	info, err := os.Stat(path)
	if err != nil { // not even its directory lets us look
		if info, err = os.Stat(filepath.Dir(path)); err != nil {
			return "become the user who runs the daemon: sudo -u USER mochi-pyd …"
		}
	}
	owner, group := namesOf(info)
	// Nobody should join root's group for it.
	if info.Mode()&0o020 != 0 && group != "root" {
		return fmt.Sprintf("join its group: sudo usermod -aG %s %s, then log in again", group, whoami())
	}
	return fmt.Sprintf("it is %s's alone: sudo -u %s mochi-pyd …", owner, owner)
}

func whoami() string {
	uid := strconv.Itoa(os.Geteuid())
	if u, err := user.LookupId(uid); err == nil {
		return u.Username
	}
	return "uid " + uid
}

// namesOf gives the user and group a file belongs to, by name where they have
// one.
func namesOf(info fs.FileInfo) (owner, group string) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "its owner", "its group"
	}
	owner, group = strconv.Itoa(int(st.Uid)), strconv.Itoa(int(st.Gid))
	if u, err := user.LookupId(owner); err == nil {
		owner = u.Username
	}
	if g, err := user.LookupGroupId(group); err == nil {
		group = g.Name
	}
	return owner, group
}
