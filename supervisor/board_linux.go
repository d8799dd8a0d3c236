package supervisor

import (
	"os"

	"golang.org/x/sys/unix"
)

// sharedMemory is a file without a name that both sides can map.
func sharedMemory(name string) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}
