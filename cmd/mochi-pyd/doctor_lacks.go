package main

// A lack is something that Linux has, that another kernel has not, and that
// somebody will miss.
type lack struct {
	check string
	text  string // follows the kernel's name
	files []string
}

// elsewhere is what another kernel than Linux lacks. It stands where each machine
// compiles it, so that a test on Linux can hold it to the code: files are those
// of which each does less than its neighbour for Linux, or nothing.
var elsewhere = []lack{
	{"kernel", "has no signal for a parent's death nor for a pipe's end: workers learn of the daemon's death when they next read, and one that computes goes on until then", []string{"supervisor/spawn_other.go", "supervisor/lifeline_other.go"}},
	{"kernel", "has no subreaper: what a worker's children leave behind is not found", []string{"supervisor/spawn_other.go"}},
	{"kernel", "has no realtime signals: a worker that is killed for hanging does not tell where it was", []string{"supervisor/spawn_other.go"}},
	{"kernel", "cannot wake one thread: a cancelled call that waits inside a library may wait on, until it is killed", []string{"supervisor/spawn_other.go"}},
	{"kernel", "has pipes of one size: large values take more turns", []string{"supervisor/pipe_other.go"}},
	{"cgroups", "has no cgroups and no /proc: MEM is not known, and max-memory holds nobody", []string{"supervisor/memory_other.go"}},
	{"preload", "has nothing to watch forked workers by: preload = true is refused", []string{"supervisor/home_other.go"}},
}

// lacks says what a kernel lacks, one finding each.
func (d *doctor) lacks(kernel string) {
	for _, l := range elsewhere {
		d.say(doctorWarn, l.check, "run it on Linux where that matters", "%s %s", kernel, l.text)
	}
}
