package daemon

import (
	"net"
	"os"
	"syscall"
)

// pairOfSockets makes two connected sockets that no worker inherits: the fork
// lock stands in for SOCK_CLOEXEC, which not every kernel has.
func pairOfSockets() ([2]int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return fds, os.NewSyscallError("socketpair", err)
	}
	for _, fd := range fds {
		syscall.CloseOnExec(fd)
	}
	return fds, nil
}

// connOf makes a connection of a descriptor, which it closes.
func connOf(fd int) (net.Conn, error) {
	f := os.NewFile(uintptr(fd), "self")
	defer f.Close()
	return net.FileConn(f)
}

func closeFD(fd int) { _ = syscall.Close(fd) }
