//go:build !linux

package main

import (
	"runtime"

	"golang.org/x/sys/unix"
)

func (d *doctor) limitOf(_ string, resource int) (limit uint64, whose string) {
	var r unix.Rlimit
	if unix.Getrlimit(resource, &r) != nil {
		return 1 << 63, "here"
	}
	return uint64(r.Max), "here"
}

func (d *doctor) lookAtProcesses(int) {}

// lookAtKernel names what Linux has and this kernel has not.
func (d *doctor) lookAtKernel() { d.lacks(runtime.GOOS) }
