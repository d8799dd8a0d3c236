package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	cgroupRoot = "/sys/fs/cgroup"
	// pipePages is what a worker's pipes take of its user's: 7 of 256 KiB.
	pipePages = 7 * 64
	// processesPerWorker is a worker with the threads that a library starts.
	processesPerWorker = 4
)

// limitOf is the daemon's limit where one runs, else ours, which one that we start
// would have: Go raises the soft one to the hard one.
func (d *doctor) limitOf(name string, resource int) (limit uint64, whose string) {
	if d.status != nil {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", d.status.Daemon.PID))
		for line := range strings.Lines(string(raw)) {
			rest, ok := strings.CutPrefix(line, name)
			fields := strings.Fields(rest)
			if !ok || len(fields) < 2 {
				continue
			}
			if fields[0] == "unlimited" {
				return 1 << 63, "to the daemon"
			}
			if n, bad := strconv.ParseUint(fields[0], 10, 64); err == nil && bad == nil {
				return n, "to the daemon"
			}
		}
	}
	var r unix.Rlimit
	if unix.Getrlimit(resource, &r) != nil {
		return 1 << 63, "here"
	}
	return r.Max, "here"
}

func (d *doctor) lookAtProcesses(workers int) {
	need := uint64(workers * processesPerWorker) //nolint:gosec // small and positive
	limit, whose := d.limitOf("Max processes", unix.RLIMIT_NPROC)
	if limit < need {
		d.say(doctorWarn, "processes", "raise TasksMax= and LimitNPROC= of the service, or ulimit -u", "%s allowed %s, and %s may come to %s with their threads", limitText(limit), whose, plural(workers, "worker"), count(need))
	} else {
		d.say(doctorOK, "processes", "", "%s allowed %s, %s can be needed", limitText(limit), whose, count(need))
	}
	if raw, err := os.ReadFile("/proc/sys/fs/pipe-user-pages-soft"); err == nil {
		soft, _ := strconv.Atoi(strings.TrimSpace(string(raw)))
		if d.who.uid != 0 && soft > 0 && workers*pipePages > soft {
			d.say(doctorWarn, "pipes", fmt.Sprintf("sysctl fs.pipe-user-pages-soft=%d", workers*pipePages*2), "%s want %d pages of pipe, and one user has %d: the last ones get small pipes, which are slower with large values", plural(workers, "worker"), workers*pipePages, soft)
		}
	}
}

// lookAtKernel: what the daemon needs of the kernel, and cgroups.
func (d *doctor) lookAtKernel() {
	if fd, err := unix.MemfdCreate("mochi-pyd-doctor", unix.MFD_CLOEXEC); err != nil {
		d.say(doctorFail, "kernel", "allow memfd_create in the sandbox's system call filter", "no shared memory for the scoreboard: memfd_create: %v", err)
	} else {
		_ = unix.Close(fd)
		var name unix.Utsname
		_ = unix.Uname(&name) // an empty one is shown empty
		d.say(doctorOK, "kernel", "", "%s %s", unix.ByteSliceToString(name.Sysname[:]), unix.ByteSliceToString(name.Release[:]))
	}
	var st unix.Statfs_t
	switch err := unix.Statfs(cgroupRoot, &st); {
	case err != nil:
		d.say(doctorWarn, "cgroups", "mount -t cgroup2 none "+cgroupRoot, "%s: %v: the kernel limits nothing, max-memory is watched by the daemon alone", cgroupRoot, err)
	case st.Type == unix.CGROUP2_SUPER_MAGIC:
		d.lookAtCgroup()
	default:
		d.say(doctorWarn, "cgroups", "boot with systemd.unified_cgroup_hierarchy=1 for cgroup v2", "no cgroup v2 at %s: limits written there would land in a file system that ignores them; max-memory is watched by the daemon alone", cgroupRoot)
	}
}

// lookAtCgroup reads the limits of the group that the daemon is in, or we are.
func (d *doctor) lookAtCgroup() {
	member, whose := "/proc/self/cgroup", "here"
	if d.status != nil {
		member, whose = fmt.Sprintf("/proc/%d/cgroup", d.status.Daemon.PID), "the daemon's"
	}
	raw, err := os.ReadFile(member)
	_, group, ok := strings.Cut(string(raw), "0::")
	group, _, _ = strings.Cut(group, "\n")
	if err != nil || !ok {
		d.say(doctorOK, "cgroups", "", "v2")
		return
	}
	text := "v2, " + group + " (" + whose + ")"
	for _, file := range []string{"memory.max", "pids.max"} {
		if raw, err := os.ReadFile(filepath.Join(cgroupRoot, group, file)); err == nil {
			text += ", " + file + " " + strings.TrimSpace(string(raw))
		}
	}
	d.say(doctorOK, "cgroups", "", "%s", text)
}
