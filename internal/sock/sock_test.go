package sock

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// socketDir is a private directory with a path short enough for a socket.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "mochi-sock-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func listen(t *testing.T, s Spec) *Listener {
	t.Helper()
	l, err := Listen(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func TestALiveDaemonsSocketIsNeverStolen(t *testing.T) {
	path := filepath.Join(socketDir(t), HostName)
	first := listen(t, Spec{Path: path})
	_, err := Listen(Spec{Path: path})
	var busy *BusyError
	if !errors.As(err, &busy) || busy.PID != os.Getpid() {
		t.Fatalf("got %v", err)
	}
	// Even when its socket file is gone: the lock is what makes it live.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(Spec{Path: path}); !errors.As(err, &busy) {
		t.Fatalf("got %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	listen(t, Spec{Path: path})
}

func TestAnotherProgramsSocketIsLeftAlone(t *testing.T) {
	path := filepath.Join(socketDir(t), HostName)
	other, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	var busy *BusyError
	if _, err := Listen(Spec{Path: path}); !errors.As(err, &busy) {
		t.Fatalf("got %v", err)
	}
	if _, err := os.Lstat(lockPath(path)); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a lock file was left behind")
	}
}

func TestAStaleSocketIsTakenOver(t *testing.T) {
	path := filepath.Join(socketDir(t), HostName)
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	_ = dead.Close()
	if err := os.WriteFile(lockPath(path), []byte("999999"), 0o600); err != nil {
		t.Fatal(err)
	}
	var d *DialError
	if _, err := Dial(context.Background(), path); !errors.As(err, &d) || d.Trouble != Stale {
		t.Fatalf("before: %v", err)
	}
	l := listen(t, Spec{Path: path})
	conn, err := Dial(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestASocketThatIsNoLongerOursIsNotRemoved(t *testing.T) {
	path := filepath.Join(socketDir(t), HostName)
	l := listen(t, Spec{Path: path})
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	other, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	_ = l.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the other program's socket is gone: %v", err)
	}
}

func TestNobodyButTheOwnerGetsInUnlessTold(t *testing.T) {
	dir := socketDir(t)
	for mode, want := range map[os.FileMode]os.FileMode{0: 0o600, 0o660: 0o660} {
		path := filepath.Join(dir, mode.String())
		listen(t, Spec{Path: path, Mode: mode})
		info, err := os.Lstat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("mode %o gives %o (%v)", mode, info.Mode().Perm(), err)
		}
	}
}

func TestAnUnsafeDirectoryIsRefused(t *testing.T) {
	dir := filepath.Join(socketDir(t), "d")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(Spec{Path: filepath.Join(dir, "s")}); err == nil || !strings.Contains(err.Error(), "everybody may write") {
		t.Errorf("world-writable: %v", err)
	}
	if err := os.Chmod(dir, 0o777|fs.ModeSticky); err != nil {
		t.Fatal(err)
	}
	listen(t, Spec{Path: filepath.Join(dir, "s")})

	if os.Geteuid() != 0 {
		t.Skip("not root: a directory of somebody else's cannot be made")
	}
	theirs := filepath.Join(socketDir(t), "t")
	if err := os.Mkdir(theirs, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(theirs, 65534, -1); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(Spec{Path: filepath.Join(theirs, "s")}); err == nil || !strings.Contains(err.Error(), "belongs to uid 65534") {
		t.Errorf("somebody else's: %v", err)
	}
}

func TestAPathTheKernelCannotTakeIsAClearError(t *testing.T) {
	path := "/" + strings.Repeat("x", MaxPath)
	if _, err := Listen(Spec{Path: path}); err == nil || !strings.Contains(err.Error(), "has 108 bytes, and the kernel takes 107") {
		t.Errorf("listen: %v", err)
	}
	if _, err := Dial(context.Background(), path); err == nil || !strings.Contains(err.Error(), "108 bytes") {
		t.Errorf("dial: %v", err)
	}
	if _, err := Listen(Spec{Path: "@abstract"}); err == nil {
		t.Error("an abstract socket was bound")
	}
	// The longest path that fits does work.
	dir := socketDir(t)
	listen(t, Spec{Path: filepath.Join(dir, strings.Repeat("y", MaxPath-len(dir)-1))})
}

func TestAFileInTheWayIsNotDeleted(t *testing.T) {
	path := filepath.Join(socketDir(t), HostName)
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(Spec{Path: path}); err == nil || !strings.Contains(err.Error(), "is no socket") {
		t.Errorf("got %v", err)
	}
	if body, _ := os.ReadFile(path); string(body) != "precious" {
		t.Error("the file is gone")
	}
}

func TestThreeSocketTroublesEachSayWhatToType(t *testing.T) {
	dir := socketDir(t)
	path := filepath.Join(dir, HostName)
	var d *DialError
	_, err := Dial(context.Background(), path)
	if !errors.As(err, &d) || d.Trouble != Missing || !strings.Contains(d.Error(), "mochi-pyd serve --socket "+path) {
		t.Errorf("missing: %v", err)
	}
	l := listen(t, Spec{Path: path, Mode: 0o660})
	// Root opens anything, so the thread that dials becomes nobody.
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if os.Geteuid() == 0 {
			becomeNobody()
		} else {
			_ = os.Chmod(path, 0)
		}
		_, err := Dial(context.Background(), path)
		done <- err
	}()
	if err := <-done; !errors.As(err, &d) || d.Trouble != Forbidden || !strings.Contains(d.Hint, "sudo") {
		t.Errorf("forbidden: %v", err)
	}
	l.lock = nil // a daemon that was killed removes nothing
	_ = l.UnixListener.Close()
	_, err = Dial(context.Background(), path)
	if !errors.As(err, &d) || d.Trouble != Stale || !strings.Contains(d.Error(), "it takes the socket over") {
		t.Errorf("stale: %v", err)
	}
}

func TestAPassedSocketIsNeverRemoved(t *testing.T) {
	path := filepath.Join(socketDir(t), HostName)
	bound, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	bound.SetUnlinkOnClose(false)
	defer bound.Close()
	f, err := bound.File()
	if err != nil {
		t.Fatal(err)
	}
	got, err := adopt(map[string][]*os.File{FDHost: {f}})
	if err != nil {
		t.Fatal(err)
	}
	if got[FDHost].Path() != path {
		t.Errorf("path %q", got[FDHost].Path())
	}
	_ = got[FDHost].Close()
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("it was removed: %v", err)
	}
	f, _ = bound.File()
	if _, err := adopt(map[string][]*os.File{"mochi-pyd.socket": {f}}); err == nil || !strings.Contains(err.Error(), "FileDescriptorName=") {
		t.Errorf("a socket without our name: %v", err)
	}
}

// TestAPassedSocketThatAcceptsNobodyIsRefused: a daemon that took it would say
// that it is ready and never be.
func TestAPassedSocketThatAcceptsNobodyIsRefused(t *testing.T) {
	for name, kind := range map[string]int{"ListenDatagram=": unix.SOCK_DGRAM, "ListenSequentialPacket=": unix.SOCK_SEQPACKET, "Accept=yes": unix.SOCK_STREAM} {
		fds, err := unix.Socketpair(unix.AF_UNIX, kind, 0)
		if err != nil {
			t.Fatal(err)
		}
		_ = unix.Close(fds[1])
		got, err := adopt(map[string][]*os.File{FDHost: {os.NewFile(uintptr(fds[0]), "passed")}})
		if err == nil || !strings.Contains(err.Error(), "ListenStream=") {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestSocketsAreFoundWhereADaemonPutsThem(t *testing.T) {
	dir := socketDir(t)
	env := map[string]string{}
	p := Place{Getenv: func(k string) string { return env[k] }, Temp: filepath.Join(dir, "tmp"), System: filepath.Join(dir, "run")}
	for _, d := range []string{"tmp", "run", "xdg"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	inTemp, err := p.ServeDir()
	if err != nil || filepath.Dir(inTemp) != p.Temp {
		t.Fatalf("without XDG_RUNTIME_DIR: %s, %v", inTemp, err)
	}
	if got := p.Find(HostName); got != filepath.Join(inTemp, HostName) {
		t.Errorf("nothing exists: %s", got)
	}
	env["XDG_RUNTIME_DIR"] = filepath.Join(dir, "xdg")
	inXDG, err := p.ServeDir()
	if err != nil || inXDG != filepath.Join(dir, "xdg", "mochi-pyd") {
		t.Fatalf("with it: %s, %v", inXDG, err)
	}
	// The first that exists wins.
	touch := func(path string) {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{filepath.Join(inTemp, HostName), filepath.Join(inXDG, HostName), filepath.Join(p.System, HostName)} {
		touch(path)
		if got := p.Find(HostName); got != path {
			t.Errorf("found %s, want %s", got, path)
		}
	}
	env[HostVariable] = "/x/y.sock"
	if got := p.Find(HostName); got != "/x/y.sock" {
		t.Errorf("the variable gives %s", got)
	}
	if got := p.Find(ControlName); got != "/x/ctl.sock" {
		t.Errorf("the control socket beside it: %s", got)
	}
	// A directory that others can look into is not trusted.
	delete(env, HostVariable)
	_ = os.Remove(filepath.Join(p.System, HostName))
	_ = os.Remove(filepath.Join(inXDG, HostName))
	if err := os.Chmod(inTemp, 0o755); err != nil {
		t.Fatal(err)
	}
	if got := p.Find(HostName); got != filepath.Join(inXDG, HostName) {
		t.Errorf("an open directory was trusted: %s", got)
	}
	if _, err := (Place{Getenv: func(string) string { return "" }, Temp: p.Temp}).ServeDir(); err == nil {
		t.Error("an open directory was used")
	}
}
