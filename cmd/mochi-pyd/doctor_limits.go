package main

import (
	"github.com/mochilang/mochi-pyd/internal/config"
	"golang.org/x/sys/unix"
)

// What a worker takes of the daemon's, at most: seven pipes, the scoreboard, the
// lifeline and the process.
const (
	filesPerWorker = 12
	filesOfDaemon  = 64
)

// workersOf is how many processes the configuration can come to.
func workersOf(c *config.Config) int {
	n := 0
	pools := c.Pools()
	for _, p := range pools {
		n += max(p.Workers, p.MaxWorkers) + p.Spare
	}
	if len(pools) == 0 {
		n = c.OnDemand("any").Workers
	}
	return n
}

// lookAtLimits compares the limits on descriptors and processes with what the
// configuration asks for.
func (d *doctor) lookAtLimits() {
	workers := workersOf(d.config)
	files := uint64(workers*filesPerWorker + d.config.Daemon().MaxConnections + filesOfDaemon) //nolint:gosec // small and positive
	if limit, whose := d.limitOf("Max open files", unix.RLIMIT_NOFILE); limit < files {
		d.say(doctorWarn, "open files", "raise LimitNOFILE= of the service, or ulimit -n", "%s allowed %s, and %s and %d connections can come to %s", limitText(limit), whose, plural(workers, "worker"), d.config.Daemon().MaxConnections, count(files))
	} else {
		d.say(doctorOK, "open files", "", "%s allowed %s, %s can be needed", limitText(limit), whose, count(files))
	}
	d.lookAtProcesses(workers)
}

// limitText is a limit, of which the largest number is none.
func limitText(n uint64) string {
	if n >= 1<<62 {
		return "any number"
	}
	return count(n)
}
