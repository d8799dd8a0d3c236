package supervisor

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// ownChildren lists the daemon's children.
func ownChildren() []int { return childrenOf(os.Getpid()) }

// childrenOf lists a process's children, from the kernel's own list where it
// keeps one (CONFIG_PROC_CHILDREN) and by walking /proc where not.
func childrenOf(parent int) []int {
	threads := filepath.Join("/proc", strconv.Itoa(parent), "task")
	tasks, err := os.ReadDir(threads)
	if err != nil {
		return nil
	}
	var pids []int
	for _, t := range tasks {
		list, err := os.ReadFile(filepath.Join(threads, t.Name(), "children"))
		if errors.Is(err, fs.ErrNotExist) {
			if _, gone := os.Stat(filepath.Join(threads, t.Name())); gone != nil {
				continue // the thread ended meanwhile
			}
			return walkChildren(parent)
		}
		for _, f := range bytes.Fields(list) {
			if pid, err := strconv.Atoi(string(f)); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

func walkChildren(parent int) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if st, ok := readStat(pid); ok && st.parent == parent {
			pids = append(pids, pid)
		}
	}
	return pids
}

// stat is what /proc/PID/stat says of a process, as far as it matters here.
type stat struct {
	state                  byte
	parent, group, session int
	start                  string
}

func readStat(pid int) (stat, bool) {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return stat{}, false
	}
	// The name in parentheses may hold anything, parentheses included.
	const fields, startTime = 20, 19
	f := bytes.Fields(raw[bytes.LastIndexByte(raw, ')')+1:])
	if len(f) < fields {
		return stat{}, false
	}
	st := stat{state: f[0][0], start: string(f[startTime])}
	for i, to := range []*int{&st.parent, &st.group, &st.session} {
		if *to, err = strconv.Atoi(string(f[1+i])); err != nil {
			return stat{}, false
		}
	}
	return st, true
}

// markOf reads the mark a process inherited; "" when it has none, or is dead.
func markOf(pid int) string {
	env, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return ""
	}
	for entry := range bytes.SplitSeq(env, []byte{0}) {
		if mark, ok := bytes.CutPrefix(entry, []byte(MarkVariable+"=")); ok {
			return string(mark)
		}
	}
	return ""
}
