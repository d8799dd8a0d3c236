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
func (d *doctor) lookAtKernel() {
	const fix = "run it on Linux where that matters"
	d.say(doctorWarn, "kernel", fix, "%s has no signal on a pipe's end: workers learn of the daemon's death when they next read, and one that computes goes on until then", runtime.GOOS)
	d.say(doctorWarn, "kernel", fix, "%s has no subreaper: what a worker's children leave behind is not found", runtime.GOOS)
	d.say(doctorWarn, "cgroups", fix, "%s has no cgroups and no /proc: max-memory and MEM are not known, and preload is not there", runtime.GOOS)
}
