package daemon

import (
	"io"
	"os"
	"syscall"

	"github.com/mochilang/mochi-pyd/rpc"
)

var (
	pid = os.Getpid()
	uid = os.Geteuid()
)

// peerOf asks the kernel who connected.
func peerOf(c io.ReadWriteCloser) (p rpc.Peer) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return rpc.Peer{}
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return rpc.Peer{}
	}
	if raw.Control(func(fd uintptr) { p = credentials(int(fd)) }) != nil {
		return rpc.Peer{}
	}
	return p
}
