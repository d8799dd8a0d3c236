package rpc

import (
	"errors"
	"syscall"
	"unsafe"
)

// tryWrite and tryRead make one system call on a non-blocking descriptor. It
// cannot block, so the scheduler is not told of it, as it must be of a call
// that may: that saves a tenth of a small write.

func tryWrite(fd uintptr, b []byte) (int, error) { return try(syscall.SYS_WRITE, fd, b) }

func tryRead(fd uintptr, b []byte) (int, error) { return try(syscall.SYS_READ, fd, b) }

func try(number, fd uintptr, b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	for {
		n, _, failure := syscall.RawSyscall(number, fd, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
		switch {
		case failure == 0:
			return int(n), nil
		case !errors.Is(failure, syscall.EINTR):
			return 0, failure
		}
	}
}
