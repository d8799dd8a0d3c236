package supervisor

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
)

// maxTree bounds how many processes of one worker are looked at: a fork bomb
// must not keep whoever weighs it busy for ever.
const maxTree = 4096

// weigh measures the trees of these leaders of process groups. The processes of
// a tree are found from the top down, as the kernel lists each one's children;
// an orphan has no top but the daemon, to which it was handed, and belongs to
// the worker whose group it is in or whose mark it bears.
//
// Nothing is locked, so what forks or ends in between may be missed or be
// counted at either size: the next look sees it.
func weigh(leaders []int, doubt int64) []Memory {
	weights := make([]Memory, len(leaders))
	orphans := theOS.graves.orphans(leaders)
	for i, leader := range leaders {
		if leader == 0 {
			continue
		}
		// A worker that was reaped a moment ago may have left its number to
		// anyone, but hardly to the leader of a group.
		if st, ok := readStat(leader); !ok || st.group != leader {
			continue
		}
		tree := treeOf(leader, orphans[leader])
		m := Memory{Bytes: sum(tree, resident), Processes: len(tree)}
		if len(tree) > 1 && m.Bytes > doubt {
			m.Bytes = min(m.Bytes, sum(tree, proportional))
		}
		weights[i] = m
	}
	return weights
}

// orphans are those of the daemon's children that belong to one of the leaders
// without being a child of its tree any more.
func (g *graves) orphans(leaders []int) map[int][]int {
	wanted := make(map[int]bool, len(leaders))
	for _, l := range leaders {
		wanted[l] = l != 0
	}
	living := g.leaders()
	found := make(map[int][]int)
	for _, pid := range ownChildren() {
		if living[pid] || wanted[pid] {
			continue
		}
		st, ok := readStat(pid)
		if !ok {
			continue
		}
		owner := st.group
		if !wanted[owner] && !living[owner] {
			owner = g.leaderOf(markOf(pid))
		}
		if wanted[owner] {
			found[owner] = append(found[owner], pid)
		}
	}
	return found
}

// leaderOf is the worker that bears the mark; 0 when none that lives does.
func (g *graves) leaderOf(mark string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.living[mark]
}

// treeOf lists leader, the orphans, and all their descendants.
func treeOf(leader int, orphans []int) []int {
	tree := append([]int{leader}, orphans...)
	for i := 0; i < len(tree) && len(tree) < maxTree; i++ {
		tree = append(tree, childrenOf(tree[i])...)
	}
	return tree
}

func sum(tree []int, of func(pid int) int64) (total int64) {
	for _, pid := range tree {
		total += of(pid)
	}
	return total
}

// resident is the memory of one process, shared pages included; 0 when it is
// gone.
func resident(pid int) int64 {
	raw, err := os.ReadFile(procFile(pid, "statm"))
	if err != nil {
		return 0
	}
	const size = 1 // the fields are the whole size, the resident part of it, …
	f := bytes.Fields(raw)
	if len(f) <= size {
		return 0
	}
	pages, err := strconv.ParseInt(string(f[size]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// proportional is the memory of one process where a page that n processes
// share counts for an n-th. What may not be read counts in full.
func proportional(pid int) int64 {
	raw, err := os.ReadFile(procFile(pid, "smaps_rollup"))
	if err != nil {
		return resident(pid)
	}
	for line := range bytes.Lines(raw) {
		f := bytes.Fields(line)
		if len(f) < 2 || string(f[0]) != "Pss:" {
			continue
		}
		kibibytes, err := strconv.ParseInt(string(f[1]), 10, 64)
		if err != nil {
			break
		}
		return kibibytes << 10
	}
	return resident(pid)
}

func procFile(pid int, name string) string {
	return filepath.Join("/proc", strconv.Itoa(pid), name)
}
