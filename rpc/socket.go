package rpc

import (
	"os"
	"path/filepath"
	"strconv"
)

// SocketVariable names the daemon's socket in a host's environment.
const SocketVariable = "MOCHI_PYD_SOCKET"

// Socket is where a host finds the daemon: what MOCHI_PYD_SOCKET says, else the
// first socket that exists of a service's (/run/mochi-pyd), the user's
// ($XDG_RUNTIME_DIR/mochi-pyd) and the one in the user's private directory of
// the temporary one; "" when there is none.
func Socket() string {
	if path := os.Getenv(SocketVariable); path != "" {
		return path
	}
	own := "mochi-pyd-" + strconv.Itoa(os.Geteuid())
	for _, dir := range []string{"/run/mochi-pyd", filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "mochi-pyd"), filepath.Join(os.TempDir(), own)} {
		if !filepath.IsAbs(dir) {
			continue
		}
		// Everybody may write in the temporary directory: a directory there that
		// others can look into was not made by a daemon of ours.
		if info, err := os.Lstat(dir); err != nil || filepath.Base(dir) == own && info.Mode().Perm() != 0o700 {
			continue
		}
		path := filepath.Join(dir, "rpc.sock")
		if info, err := os.Stat(path); err == nil && info.Mode()&os.ModeSocket != 0 {
			return path
		}
	}
	return ""
}
