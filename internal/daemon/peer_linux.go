package daemon

import (
	"golang.org/x/sys/unix"

	"github.com/mochilang/mochi-pyd/rpc"
)

func credentials(fd int) rpc.Peer {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return rpc.Peer{}
	}
	return rpc.Peer{PID: int(cred.Pid), UID: int(cred.Uid), GID: int(cred.Gid), OK: true}
}
