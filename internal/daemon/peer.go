package daemon

import (
	"io"
	"os"
	"syscall"

	"github.com/mochilang/mochi-pyd/rpc"
	"golang.org/x/sys/unix"
)

var (
	pid = os.Getpid()
	uid = os.Geteuid()
)

// peerOf asks the kernel who connected.
func peerOf(c io.ReadWriteCloser) rpc.Peer {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return rpc.Peer{}
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return rpc.Peer{}
	}
	var cred *unix.Ucred
	if ctlErr := raw.Control(func(fd uintptr) {
		cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); ctlErr != nil || err != nil {
		return rpc.Peer{}
	}
	return rpc.Peer{PID: int(cred.Pid), UID: int(cred.Uid), GID: int(cred.Gid), OK: true}
}
