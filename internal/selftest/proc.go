package selftest

import (
	"slices"
	"time"

	"github.com/prometheus/procfs"
)

// footprint is what a process holds; ok is false where there is no /proc.
type footprint struct {
	fds, threads int
	rss          int // bytes
	ok           bool
}

func footprintOf(pid int) footprint {
	p, err := procfs.NewProc(pid)
	if err != nil {
		return footprint{}
	}
	fds, err := p.FileDescriptorsLen()
	if err != nil {
		return footprint{}
	}
	stat, err := p.Stat()
	if err != nil {
		return footprint{}
	}
	return footprint{fds: fds, threads: stat.NumThreads, rss: stat.ResidentMemory(), ok: true}
}

// rest is the least that a process holds over a while: what it holds when
// nothing is under way. The garbage collector and closing connections take
// their time.
func rest(pid int, over time.Duration) footprint {
	ticker := time.NewTicker(over / 20)
	defer ticker.Stop()
	least := footprintOf(pid)
	for end := time.Now().Add(over); time.Now().Before(end); <-ticker.C {
		now := footprintOf(pid)
		if now.ok {
			least.fds, least.threads, least.rss = min(least.fds, now.fds), min(least.threads, now.threads), min(least.rss, now.rss)
		}
	}
	return least
}

// process is one that belongs to the daemon under test.
type process struct {
	pid, parent int
	state       string
	name        string
}

// marked are the living processes that bear the mark, and the daemon's dead
// ones that nobody has reaped. Without /proc there are none to be seen.
func marked(dir string, daemon int) []process {
	all, err := procfs.AllProcs()
	if err != nil {
		return nil
	}
	want := mark + "=" + dir
	var out []process
	for _, p := range all {
		stat, err := p.Stat()
		if err != nil || p.PID == daemon {
			continue // gone between the listing and the look
		}
		if stat.State == "Z" || stat.State == "X" {
			if stat.PPID == daemon {
				out = append(out, process{p.PID, stat.PPID, stat.State, stat.Comm})
			}
			continue
		}
		environ, err := p.Environ()
		if err == nil && slices.Contains(environ, want) {
			out = append(out, process{p.PID, stat.PPID, stat.State, stat.Comm})
		}
	}
	return out
}

// bornOf says whether the process is the daemon's own, so that a signal never
// meets a stranger who was given the number of one that died.
func bornOf(pid, daemon int) bool {
	if _, err := procfs.NewDefaultFS(); err != nil {
		return true // no /proc: the daemon's word, a moment ago, must do
	}
	p, err := procfs.NewProc(pid)
	if err != nil {
		return false
	}
	stat, err := p.Stat()
	return err == nil && stat.PPID == daemon
}
