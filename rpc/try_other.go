//go:build !linux

package rpc

import "syscall"

func tryWrite(fd uintptr, b []byte) (int, error) {
	return retry(func() (int, error) { return syscall.Write(int(fd), b) })
}

func tryRead(fd uintptr, b []byte) (int, error) {
	return retry(func() (int, error) { return syscall.Read(int(fd), b) })
}
