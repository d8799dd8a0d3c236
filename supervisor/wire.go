package supervisor

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// pipeSize is what a pipe to or from a worker holds. Measured: 256 KiB makes
// messages of 100 KB 0.83 times as slow as the kernel's 64 KiB does, and 1 MiB
// makes messages of 1 MB slower again.
const pipeSize = 256 << 10

// firstExtra is the number a child sees for Files.Extra[0].
const firstExtra = 3

// wire is every descriptor between the daemon and one worker: the daemon's
// ends (non-blocking, in the runtime's poller) and, until the spawn is over,
// the worker's (blocking, so that a plain read in Python waits).
type wire struct {
	in, loop *os.File // requests of the two lanes (write)
	side     *os.File // what a waiting call of the main thread waits for (write)
	control  *os.File // link ids to skip (write)
	life     *os.File // its end is the worker's end (write)
	out      *os.File // replies (read)
	stdout   *os.File // what lands on fd 1 and 2 (read)
	stderr   *os.File
	board    *board

	// lifeRead is the daemon's own opening of the lifeline's read end, which it
	// arms itself (lifeline_linux.go): a worker whose code closes every
	// descriptor must still die with the daemon. An opening and no copy, because
	// a copy lives and dies with the worker's: its parent-death signal may end
	// the worker when the daemon's copy is closed and its write end is not yet,
	// and then nothing is armed any more (3 of 45 runs left a fork alive).
	lifeRead *os.File

	files  Files      // the worker's ends, in the order of its descriptors
	worker []*os.File // those of them to close once it has been spawned
	ours   []*os.File // the daemon's ends, to close when it is over
}

// newWire makes the descriptors of one worker; on error none is left open.
func newWire(seats int) (w *wire, err error) {
	w = &wire{}
	defer func() {
		if err != nil {
			w.closeWorkerEnds()
			w.close()
			w = nil
		}
	}()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return w, fmt.Errorf("open the worker's stdin: %w", err)
	}
	w.worker = append(w.worker, null)
	w.files.Stdin = null

	var life, in, loop, side, out, control, stdout, stderr *os.File
	for _, p := range []struct {
		name   string
		end    pipeEnd
		ours   **os.File
		theirs **os.File
	}{
		{"lifeline", daemonWrites, &w.life, &life},
		{"request pipe", daemonWrites, &w.in, &in},
		{"loop's request pipe", daemonWrites, &w.loop, &loop},
		{"side pipe", daemonWrites, &w.side, &side},
		{"reply pipe", daemonReads, &w.out, &out},
		{"control pipe", daemonWrites, &w.control, &control},
		{"stdout pipe", daemonReads, &w.stdout, &stdout},
		{"stderr pipe", daemonReads, &w.stderr, &stderr},
	} {
		*p.ours, *p.theirs, err = newPipe(p.end)
		if err != nil {
			return w, fmt.Errorf("make the worker's %s: %w", p.name, err)
		}
		w.ours = append(w.ours, *p.ours)
		w.worker = append(w.worker, *p.theirs)
	}
	if w.lifeRead, err = reopen(life); err != nil {
		return w, fmt.Errorf("open the lifeline a second time: %w", err)
	}
	w.ours = append(w.ours, w.lifeRead)
	// The worker's end shares its flags with no one but the worker.
	if err := setNonblock(control); err != nil {
		return w, fmt.Errorf("make the control pipe non-blocking: %w", err)
	}
	if err := w.orderLifeline(); err != nil {
		return w, fmt.Errorf("order the lifeline's descriptors: %w", err)
	}
	w.board, err = newBoard(seats)
	if err != nil {
		return w, fmt.Errorf("make the scoreboard: %w", err)
	}
	w.files.Stdout, w.files.Stderr = stdout, stderr
	w.files.Extra = []*os.File{in, loop, out, control, life, w.board.file, side}
	return w, nil
}

// variable is the line that tells the worker which descriptor is which.
func (w *wire) variable(seats, mainSeats, message int, poll, timeout time.Duration) string {
	return fmt.Sprintf("%s=in=%d loop=%d out=%d control=%d life=%d board=%d side=%d seats=%d main=%d message=%d%s%s%s",
		WireVariable, firstExtra, firstExtra+1, firstExtra+2, firstExtra+3, firstExtra+4, firstExtra+5, firstExtra+6,
		seats, mainSeats, message, pollKey(poll), timeoutKey(timeout), dumpKey())
}

// pollKey is the wire's word for WorkerConfig.BusyPoll.
func pollKey(poll time.Duration) string {
	switch {
	case poll == 0:
		return ""
	case poll < 0:
		return " poll=0"
	default: // what is less than a microsecond is still not never
		return fmt.Sprintf(" poll=%d", max(poll.Microseconds(), 1))
	}
}

// timeoutKey is the wire's word for WorkerConfig.CallTimeout.
func timeoutKey(timeout time.Duration) string {
	if timeout <= 0 {
		return ""
	}
	return fmt.Sprintf(" timeout=%d", max(timeout.Milliseconds(), 1))
}

// also gives the worker one more descriptor and its word in the variable. The
// file is closed with the worker's ends.
func (w *wire) also(key string, f *os.File) string {
	w.files.Extra = append(w.files.Extra, f)
	w.worker = append(w.worker, f)
	return fmt.Sprintf(" %s=%d", key, firstExtra+len(w.files.Extra)-1)
}

// closeWorkerEnds is called once the worker has its own copies: as long as the
// daemon holds a write end of the reply pipe, it never reads its end-of-file.
func (w *wire) closeWorkerEnds() {
	for _, f := range w.worker {
		_ = f.Close()
	}
	w.worker, w.files = nil, Files{}
}

// close gives back every descriptor of the daemon's. The lifeline is disarmed
// before: nothing may be signalled by the closing itself.
func (w *wire) close() {
	if w.lifeRead != nil {
		disarmLifeline(w.lifeRead)
	}
	for _, f := range w.ours {
		_ = f.Close() // closed before, or of no more interest: nothing was buffered
	}
	if w.board != nil {
		w.board.close()
	}
}

// armLifeline makes the end of the daemon, however it comes, kill the worker's
// group: see lifeline_linux.go.
func (w *wire) armLifeline(pgid int) error {
	if w.lifeRead == nil {
		return errors.New("the worker has no lifeline")
	}
	return armLifeline(w.lifeRead, pgid)
}
