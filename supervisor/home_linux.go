package supervisor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mochilang/mochi-pyd/rpc"
)

// home is one process that has imported a module and forks workers.
//
// Over its socket it is sent "fork MARK WIRE" with the worker's descriptors,
// and answers "forked PID" or "error ERRNO TEXT", in the order of the requests;
// "dead PID CODE SIGNAL CORE" comes when a worker is dead, and the zombie is
// kept until "reap PID" is sent: up to then its number is its own, and a signal
// that is on its way reaches nobody else.
//
// The workers are its children and not the daemon's. When it dies before them
// they become the daemon's (a subreaper), which kills them: what they had
// imported was the dead one's, and nothing could say how they ended otherwise.
type home struct {
	cfg     NurseryConfig
	id      Identity
	command Command
	theirs  *os.File
	worker  *Worker
	gone    chan struct{} // closed when its socket has ended: it forks nobody any more
	ended   func()

	turn sync.Mutex // held by the one request that is out
	conn *net.UnixConn
	said chan string // the answer to it

	mu       sync.Mutex
	users    int // spawns under way, and workers
	left     bool
	children map[int]*forkedProcess
	reaping  map[corpse]bool // what it was told to reap, and may not have yet
}

// openHome makes a home that has not begun; ended is called when it is over.
func openHome(cfg NurseryConfig, gen int, c Command, ended func()) (*home, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("make the socket to a nursery: %w", os.NewSyscallError("socketpair", err))
	}
	ours := os.NewFile(uintptr(fds[0]), "nursery, the daemon's end")
	theirs := os.NewFile(uintptr(fds[1]), "nursery, its own end")
	conn, err := net.FileConn(ours) // a copy
	_ = ours.Close()
	if err != nil {
		_ = theirs.Close()
		return nil, fmt.Errorf("make the socket to a nursery: %w", err)
	}
	return &home{
		cfg: cfg, command: c, theirs: theirs, conn: conn.(*net.UnixConn), ended: ended,
		id:   Identity{Pool: cfg.Pool, Slot: HomeSlot, Gen: gen},
		gone: make(chan struct{}), said: make(chan string, 1), children: make(map[int]*forkedProcess), reaping: make(map[corpse]bool),
	}, nil
}

// begin starts the process. Its life is bound to no context: it must outlive
// its last worker, and ends when that is gone.
func (h *home) begin() {
	h.worker = StartWorker(context.Background(), WorkerConfig{
		Identity: h.id, Spawner: h.cfg.Spawner, Command: h.command, Owner: homeOwner{h}, Hook: h.hook,
		MainSeats: 1, MaxMessage: h.cfg.MaxMessage, LogRate: h.cfg.LogRate,
		StartTimeout: h.cfg.StartTimeout, StopTimeout: h.cfg.StopTimeout,
		forks: h.theirs,
	})
	go h.listen()
}

func (h *home) process() *Worker { return h.worker }

// hook tells of a home what is not a worker's.
func (h *home) hook(e Event) {
	switch e := e.(type) {
	case BecameReady:
		h.tell(Preloaded{Identity: e.Identity, Took: e.Took})
	case Exited:
		h.tell(PreloadEnded{Identity: e.Identity, Exit: e.Exit})
	case Logged:
		h.tell(e)
	}
}

func (h *home) tell(e Event) {
	if h.cfg.Hook != nil {
		h.cfg.Hook(e)
	}
}

// enter counts a spawn in; false when it can have none any more.
func (h *home) enter() bool {
	select {
	case <-h.gone:
		return false
	default:
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.left {
		return false
	}
	h.users++
	return true
}

// exit counts one out, and ends a home that nobody needs.
func (h *home) exit() {
	h.mu.Lock()
	h.users--
	over := h.left && h.users == 0
	h.mu.Unlock()
	if over {
		h.worker.Stop(ReasonReload)
	}
}

// retire lets nobody else in.
func (h *home) retire() {
	h.mu.Lock()
	h.left = true
	over := h.users == 0
	h.mu.Unlock()
	if over {
		h.worker.Stop(ReasonReload)
	}
}

// spawn waits for the import and forks one worker, whose end counts it out.
func (h *home) spawn(ctx context.Context, wire string, f Files) (Process, error) {
	p, err := h.awaitAndFork(ctx, wire, f)
	if err != nil {
		h.exit()
		return nil, err
	}
	return p, nil
}

func (h *home) awaitAndFork(ctx context.Context, wire string, f Files) (Process, error) {
	select {
	case <-h.worker.Ready():
	case <-h.worker.Done():
		select {
		case <-h.worker.Ready(): // and dead since
			return nil, errHomeGone
		default:
			return nil, &homeError{h.worker.Exit()}
		}
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	h.turn.Lock()
	defer h.turn.Unlock()
	mark := theOS.mark()
	theOS.graves.born(mark)
	p, err := h.fork(mark, wire, f)
	if err != nil {
		h.buryUntold(mark)
		return nil, err
	}
	theOS.graves.leads(mark, p.pid)
	return p, nil
}

// buryUntold ends what a home may have forked with its last breath and did not
// tell of. By its mark, and while it lives: nobody would know its zombie.
func (h *home) buryUntold(mark string) {
	const nobodysGroup = -1
	select {
	case <-h.gone:
		h.worker.suspect("it closed its socket")
		<-h.worker.Done() // from here on it is our child
		theOS.graves.bury(nobodysGroup, mark)
	default: // it has not forked
		theOS.graves.gone(mark)
	}
}

// fork makes one request. One that was made is waited for, whatever becomes of
// who asked: a worker that nobody knows of would help nobody.
func (h *home) fork(mark, wire string, f Files) (*forkedProcess, error) {
	fds := make([]int, 0, firstExtra+len(f.Extra))
	for _, file := range append([]*os.File{f.Stdin, f.Stdout, f.Stderr}, f.Extra...) {
		if err := withFd(file, func(fd int) error { fds = append(fds, fd); return nil }); err != nil {
			return nil, fmt.Errorf("send the worker's descriptors: %w", err)
		}
	}
	p := &forkedProcess{home: h, mark: mark, status: make(chan WaitStatus, 1)}
	h.mu.Lock()
	h.children[0] = p // until its number is known
	h.mu.Unlock()
	if _, _, err := h.conn.WriteMsgUnix([]byte("fork "+mark+" "+wire), unix.UnixRights(fds...), nil); err != nil {
		return nil, errHomeGone
	}
	timeout := h.cfg.StartTimeout
	if timeout <= 0 {
		timeout = defaultForkTimeout
	}
	late := time.NewTimer(timeout)
	defer late.Stop()
	select {
	case said := <-h.said:
		if said == "" {
			return p, nil
		}
		return nil, h.refused(said)
	case <-h.gone:
		select {
		case said := <-h.said: // its last word
			if said == "" {
				return p, nil // and it is killed at once, as they all are
			}
		default:
		}
		return nil, errHomeGone
	case <-late.C:
		h.worker.violate(fmt.Sprintf("it did not fork within %s (start-timeout)", timeout))
		<-h.gone
		return nil, fmt.Errorf("the process that forks the workers did not answer within %s (start-timeout)", timeout)
	}
}

// refused is the error of a fork that failed.
func (h *home) refused(said string) error {
	var errno int
	_, _ = fmt.Sscanf(said, "error %d", &errno)
	err := fmt.Errorf("fork: %w", syscall.Errno(errno))
	return &homeError{Exit{
		Reason: ReasonStartExec, Status: WaitStatus{ExitCode: -1, Err: err}, Failure: forkFailure(h.cfg.Pool, err),
	}}
}

// longestWord is the longest message of a home.
const longestWord = 512

// listen takes what the home says until its socket ends.
func (h *home) listen() {
	defer close(h.gone)
	buf := make([]byte, longestWord)
	for {
		n, err := h.conn.Read(buf)
		if err != nil || n == 0 {
			return
		}
		if err := h.hear(buf[:n]); err != nil {
			h.worker.violate(err.Error())
			return
		}
	}
}

func (h *home) hear(said []byte) error {
	var pid int
	var status WaitStatus
	var signal, core int
	switch word, _, _ := bytes.Cut(said, []byte{' '}); string(word) {
	case "forked":
		if _, err := fmt.Sscanf(string(said), "forked %d", &pid); err != nil || pid <= 1 {
			return fmt.Errorf("it said what is no fork: %s", quote(said))
		}
		h.mu.Lock()
		p := h.children[0]
		delete(h.children, 0)
		if p != nil {
			p.pid = pid
			h.children[pid] = p
		}
		h.mu.Unlock()
		if p == nil {
			return errors.New("it forked a worker that nobody had asked for")
		}
		h.said <- ""
	case "error":
		h.mu.Lock()
		p := h.children[0]
		delete(h.children, 0)
		h.mu.Unlock()
		if p == nil {
			return errors.New("it refused a fork that nobody had asked for")
		}
		h.said <- string(said)
	case "dead":
		if _, err := fmt.Sscanf(string(said), "dead %d %d %d %d", &pid, &status.ExitCode, &signal, &core); err != nil {
			return fmt.Errorf("it said what is no death: %s", quote(said))
		}
		status.Signal, status.Core = syscall.Signal(signal), core != 0
		h.mu.Lock()
		p := h.children[pid]
		delete(h.children, pid)
		h.mu.Unlock()
		if p == nil {
			return fmt.Errorf("it told of the death of %d, which is no worker of its", pid)
		}
		p.status <- status
	default:
		return fmt.Errorf("it said what the protocol does not know: %s", quote(said))
	}
	return nil
}

// reap lets the home reap a dead worker; one that is gone itself does not mind.
func (h *home) reap(pid int) {
	st, _ := readStat(pid)
	h.mu.Lock()
	h.forget()
	h.reaping[corpse{pid, st.start}] = true
	h.mu.Unlock()
	_, _ = fmt.Fprintf(h.conn, "reap %d", pid)
}

// forget drops what the home has reaped. Called with mu held.
func (h *home) forget() {
	for c := range h.reaping {
		if st, ok := readStat(c.pid); !ok || st.start != c.start {
			delete(h.reaping, c)
		}
	}
}

// inherit reaps what the home, which is dead, did not come to. Nothing else
// would: a zombie bears no mark, and in our own session it may be anybody's.
func (h *home) inherit() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forget()
	for c := range h.reaping {
		pid := c.pid
		_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
	}
	clear(h.reaping)
}

// homeOwner is a home as the owner of its process, which serves no calls.
type homeOwner struct{ h *home }

func (homeOwner) WorkerReady(*Worker, ReadyInfo) {}

func (homeOwner) CallMoved(*Worker, *rpc.Call, string, Kind) {}

func (homeOwner) CallDone(*Worker, *rpc.Call, Answer) {}

func (homeOwner) CallPaused(*Worker, *rpc.Call, Lane, Pause) {}
func (homeOwner) CallVoid(*Worker, *rpc.Call)                {}

func (homeOwner) SeatFree(*Worker, Lane) {}

func (homeOwner) WorkerFell(_ *Worker, c []*rpc.Call) []*rpc.Call { return c }

// WorkerGone lets listen end, with the socket's other end.
func (o homeOwner) WorkerGone(w *Worker, _ Exit, _ []Orphan) (lost, requeued int) {
	go func() { // its Exited and Done come after this, and count as its life
		<-w.Done()
		_ = o.h.theirs.Close() // where it never came to be
		// A worker that was being forked may hold the other end for a moment.
		_ = o.h.conn.SetReadDeadline(time.Now().Add(drainGrace))
		<-o.h.gone
		o.h.inherit()
		_ = o.h.conn.Close()
		o.h.ended()
	}()
	return 0, 0
}
