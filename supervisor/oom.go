package supervisor

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// oomKills is the kernel's own count of OOM kills in our control group. A
// SIGKILL alone proves nothing, as anyone may send it: a death is called oom
// only when this count moved, and each count is spent on one death.
var oomKills oomCounter

const (
	// oomKeeps is how long a kill waits for the death that it was: one that
	// nobody claims was of a process that is no worker, a child of one for
	// example, and is not to be a later death's cause. A worker that held all of
	// a big machine's memory takes seconds to be gone.
	oomKeeps = 30 * time.Second
	// oomLook is how often the count is read without a death, as only who looks
	// knows how old a kill is. Its file can be waited for in one of the two
	// versions of control groups, and at the price of a thread.
	oomLook = 10 * time.Second
)

type oomCounter struct {
	mu      sync.Mutex
	file    string // "" when the kernel keeps no count for us
	key     string
	seen    uint64
	unspent []time.Time // when each kill that nobody has claimed was seen
}

// watch begins to count; before the first worker is spawned.
func (o *oomCounter) watch() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.file, o.key = oomFile("/proc/self/cgroup", "/sys/fs/cgroup")
	o.seen, _ = o.read()
}

// counts says whether there is a count to watch.
func (o *oomCounter) counts() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.file != ""
}

// claim takes one OOM kill that nobody has claimed.
func (o *oomCounter) claim(now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.look(now)
	if len(o.unspent) == 0 {
		return false
	}
	o.unspent = o.unspent[1:]
	return true
}

// age forgets the kills that were no worker's.
func (o *oomCounter) age(now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.look(now)
}

// look notes new kills and forgets old ones. More than there can be workers of
// are not kept: a group whose other processes are killed all day has no say.
// Called with mu held.
func (o *oomCounter) look(now time.Time) {
	o.unspent = slices.DeleteFunc(o.unspent, func(at time.Time) bool { return now.Sub(at) >= oomKeeps })
	count, ok := o.read()
	if !ok {
		return
	}
	for ; o.seen < count && len(o.unspent) < oomMost; o.seen++ {
		o.unspent = append(o.unspent, now)
	}
	o.seen = count
}

// oomMost bounds the kills that are kept.
const oomMost = 1024

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
