package sock

import (
	"fmt"
	"net"
	"os"
	"slices"

	"github.com/coreos/go-systemd/v22/activation"
	"golang.org/x/sys/unix"
)

// The FileDescriptorName= of the two sockets.
const (
	FDHost    = "rpc"
	FDControl = "ctl"
)

// Passed gives the sockets that the service manager bound for us, by
// descriptor name, and takes LISTEN_* out of the environment. They are its
// sockets: Close never removes them.
func Passed() (map[string]*Listener, error) { return adopt(activation.FilesWithNames()) }

func adopt(files map[string][]*os.File) (map[string]*Listener, error) {
	out := map[string]*Listener{}
	var first error
	for name, list := range files {
		for _, f := range list {
			l, err := adoptOne(name, f, out)
			_ = f.Close() // the listener has a descriptor of its own
			if err != nil {
				if first == nil {
					first = err
				}
				continue
			}
			out[name] = l
		}
	}
	if first != nil {
		for _, l := range out {
			_ = l.Close()
		}
		return nil, first
	}
	return out, nil
}

func adoptOne(name string, f *os.File, have map[string]*Listener) (*Listener, error) {
	if !slices.Contains([]string{FDHost, FDControl}, name) {
		return nil, fmt.Errorf("the service manager passed a socket named %q: FileDescriptorName= must be %s or %s", name, FDHost, FDControl)
	}
	if have[name] != nil {
		return nil, fmt.Errorf("the service manager passed two sockets named %q", name)
	}
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("the passed socket %q: %w", name, rootCause(err))
	}
	ul, ok := l.(*net.UnixListener)
	if !ok || !listens(ul) {
		_ = l.Close()
		return nil, fmt.Errorf("the passed socket %q is no Unix stream socket that listens: use ListenStream=/path, and Accept=no", name)
	}
	ul.SetUnlinkOnClose(false)
	return &Listener{UnixListener: ul, path: ul.Addr().String()}, nil
}

// listens says that connections can be accepted, which net does not look at. It
// is asked of the listener: os.File.Fd could make both descriptors blocking.
func listens(l *net.UnixListener) (yes bool) {
	raw, err := l.SyscallConn()
	if err != nil {
		return false
	}
	err = raw.Control(func(fd uintptr) {
		kind, bad := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TYPE)
		accepts, worse := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
		yes = bad == nil && worse == nil && kind == unix.SOCK_STREAM && accepts != 0
	})
	return yes && err == nil
}
