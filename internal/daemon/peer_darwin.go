package daemon

import (
	"golang.org/x/sys/unix"

	"github.com/mochilang/mochi-pyd/rpc"
)

// credentials has the process from one option and its user from another; a
// process that has ended since has no number any more.
func credentials(fd int) rpc.Peer {
	cred, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err != nil || cred.Ngroups < 1 {
		return rpc.Peer{}
	}
	process, err := unix.GetsockoptInt(fd, unix.SOL_LOCAL, unix.LOCAL_PEERPID)
	if err != nil {
		process = 0
	}
	return rpc.Peer{PID: process, UID: int(cred.Uid), GID: int(cred.Groups[0]), OK: true}
}
