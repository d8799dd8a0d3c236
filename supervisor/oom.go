package supervisor

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// oomKills is the kernel's own count of OOM kills in our control group. A
// SIGKILL alone proves nothing, as anyone may send it: a death is called oom
// only when this count moved, and each count is spent on one death.
var oomKills oomCounter

type oomCounter struct {
	mu   sync.Mutex
	file string // "" when the kernel keeps no count for us
	key  string
	seen uint64
}

// watch begins to count; before the first worker is spawned.
func (o *oomCounter) watch() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.file, o.key = oomFile("/proc/self/cgroup", "/sys/fs/cgroup")
	o.seen, _ = o.read()
}

// claim takes one OOM kill that nobody has claimed.
func (o *oomCounter) claim() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	now, ok := o.read()
	if !ok || now <= o.seen {
		return false
	}
	o.seen++
	return true
}

// read gives the count as it is. Called with mu held.
func (o *oomCounter) read() (uint64, bool) {
	if o.file == "" {
		return 0, false
	}
	raw, err := os.ReadFile(o.file)
	if err != nil {
		return 0, false
	}
	for line := range bytes.Lines(raw) {
		f := bytes.Fields(line)
		if len(f) == 2 && string(f[0]) == o.key {
			n, err := strconv.ParseUint(string(f[1]), 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}

// oomFile finds where the kernel counts: memory.events of cgroup v2, else the
// memory controller of v1. Where neither file is there, nothing is claimed.
func oomFile(membership, root string) (file, key string) {
	raw, err := os.ReadFile(membership)
	if err != nil {
		return "", ""
	}
	for line := range bytes.Lines(raw) {
		f := strings.SplitN(strings.TrimSpace(string(line)), ":", 3)
		if len(f) != 3 {
			continue
		}
		switch {
		case f[0] == "0" && f[1] == "":
			file, key = filepath.Join(root, f[2], "memory.events"), "oom_kill"
		case strings.Contains(","+f[1]+",", ",memory,"):
			file, key = filepath.Join(root, "memory", f[2], "memory.oom_control"), "oom_kill"
		default:
			continue
		}
		if _, err := os.Stat(file); err == nil {
			return file, key
		}
	}
	return "", ""
}
