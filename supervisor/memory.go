package supervisor

import (
	"fmt"
	"strconv"
)

// Memory is what a worker holds together with all that it has started.
type Memory struct {
	Bytes     int64
	Processes int // 0: there was nothing to measure, or no way to
}

// String words it for an error: "612.0 MiB in 3 processes".
func (m Memory) String() string {
	in := " in 1 process"
	if m.Processes != 1 {
		in = fmt.Sprintf(" in %d processes", m.Processes)
	}
	return mebibytes(m.Bytes) + in
}

func mebibytes(n int64) string {
	const mebibyte = 1 << 20
	return strconv.FormatFloat(float64(n)/mebibyte, 'f', 1, 64) + " MiB"
}

// Weigh measures workers, in their order. It reads what the kernel tells of
// resident memory, which is cheap and counts a page as often as it is mapped:
// never too little, and too much where a worker has forked. So a tree of
// several processes that seems to hold more than doubt is weighed again with
// its shared pages shared out, which is exact, and slow in proportion to what
// it holds. On systems that tell neither, all is 0.
func Weigh(workers []*Worker, doubt int64) []Memory {
	leaders := make([]int, len(workers))
	for i, w := range workers {
		leaders[i] = w.ID().PID
	}
	return weigh(leaders, doubt)
}

// KillOversized is Kill for holding more than limit, the pool's
// max-memory-hard. One that has not been ready is a start that failed.
func (w *Worker) KillOversized(held Memory, limit int64) {
	v := verdict{
		reason: ReasonOOM,
		cause:  fmt.Sprintf("it held %s, more than max-memory-hard (%s)", held, mebibytes(limit)),
	}
	w.mu.Lock()
	if w.state == Starting && w.board != nil {
		v.stage = stageOf(w.board.snapshot())
		v.reason = reasonOf(v.stage)
		v.hint = "raise max-memory-hard, or let the module load less when it is imported"
	}
	w.mu.Unlock()
	w.end(v, true)
}
