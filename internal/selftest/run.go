package selftest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Options say what to test, and how hard.
type Options struct {
	Binary  string        // the program whose serve is tested
	Python  string        // the workers' interpreter; default python3
	Workers int           // of each of the two pools under fire; default 4
	Seed    uint64        // of all choices
	Chaos   time.Duration // how long
	Out     io.Writer     // what goes on, and the table
	Log     io.Writer     // the daemon's log as well; may be nil
}

// DefaultWorkers is Options.Workers when it is zero.
const DefaultWorkers = 4

const (
	settleLimit = 30 * time.Second       // for the last answers, once nothing is done any more
	wholeLimit  = 10 * time.Second       // for every worker to be back
	buryLimit   = 2 * time.Second        // for forks to be gone after their worker
	restTime    = 2 * time.Second        // to see what the daemon holds at rest
	heartbeat   = time.Minute            // between two lines of a long run
	sampling    = 500 * time.Millisecond // of the daemon's memory
	lastCalls   = 20                     // in flight when the daemon is told to end
)

// errDaemonDied ends a run early.
var errDaemonDied = errors.New("the daemon ended in the middle of it")

// Run tests a daemon of its own and gives the table. The error is for a test
// that could not be done; a promise that was broken is in the table.
func Run(ctx context.Context, o Options) (*Report, error) {
	if o.Python == "" {
		o.Python = "python3"
	}
	if o.Workers <= 0 {
		o.Workers = DefaultWorkers
	}
	s, err := start(ctx, &o)
	if err != nil {
		return nil, err
	}
	defer s.remove() //nolint:errcheck // what could not be removed is in the table
	r := &run{options: o, subject: s, book: newLedger(), seeds: newSeeds(o.Seed)}
	r.chaos = &chaos{subject: s, book: r.book, kills: make(map[int]int), done: make(map[string]*atomic.Int64)}
	for _, a := range actors {
		r.chaos.done[a.name] = &atomic.Int64{}
	}
	if err := r.all(ctx); err != nil {
		return nil, fmt.Errorf("%w; its log ends:\n%s", err, s.log.tail())
	}
	return r.report()
}

// run is one self-test from its beginning to its end.
type run struct {
	options Options
	subject *subject
	book    *ledger
	chaos   *chaos
	seeds   seeds

	hosts   []*host
	talking sync.WaitGroup

	base, after    footprint
	memory         []int // the daemon's, sampled through the chaos
	calmPID        int   // the calm pool's one worker
	missing        int   // answers that never came
	whole          time.Duration
	wholeAgain     bool
	left           []process // after a last rolling restart: the living but the workers
	unreaped       int       // and the dead
	counted        int       // calls, by the metrics
	stopped        time.Duration
	endedItself    bool
	processesAfter []process
	filesAfter     []string
}

func (r *run) all(ctx context.Context) error {
	r.base = rest(r.subject.pid(), restTime)
	if err := r.noteCalm(ctx); err != nil {
		return err
	}
	if err := r.rage(ctx); err != nil {
		return err
	}
	r.settle(ctx)
	r.calmDown(ctx)
	return r.end(ctx)
}

// noteCalm remembers who serves the calm pool: it must be the same at the end.
func (r *run) noteCalm(ctx context.Context) error {
	workers, err := r.subject.workers(ctx, true)
	if err != nil {
		return err
	}
	for _, w := range workers {
		if w.Pool == calm {
			r.calmPID = w.PID
		}
	}
	return nil
}

// rage is the chaos itself: hosts and actors, for as long as was asked.
func (r *run) rage(ctx context.Context) error {
	quiet, hush := context.WithCancel(ctx)
	defer hush()
	for _, b := range habits {
		h, err := connect(r.subject.socket, b.name, b.window, r.book, r.seeds(), b.functions)
		if err != nil {
			return err
		}
		r.hosts = append(r.hosts, h)
		go h.listen()
		r.talking.Go(func() { h.talk(quiet, b) })
	}
	for i := range 2 {
		name := fmt.Sprintf("embedder-%d", i+1)
		r.talking.Go(func() {
			if err := embedded(quiet, r.subject.socket, name, r.book, r.seeds); err != nil {
				r.book.blame(promiseStays, "%v", err)
			}
		})
	}
	raging, enough := context.WithTimeout(quiet, r.options.Chaos)
	defer enough()
	var acting sync.WaitGroup
	for _, a := range actors {
		rng := r.seeds()
		acting.Go(func() { r.chaos.play(raging, a, rng) })
	}
	err := r.watch(raging, enough)
	enough()
	acting.Wait()
	hush()
	return errors.Join(err, context.Cause(ctx))
}

// watch looks at the daemon while the chaos goes on.
func (r *run) watch(ctx context.Context, enough context.CancelFunc) error {
	sample := time.NewTicker(sampling)
	defer sample.Stop()
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	began := time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.subject.exited:
			enough()
			return fmt.Errorf("%w: %w", errDaemonDied, r.subject.status)
		case <-sample.C:
			if f := footprintOf(r.subject.pid()); f.ok {
				r.memory = append(r.memory, f.rss)
			}
		case <-beat.C:
			r.book.mu.Lock()
			calls, faults := len(r.book.calls), len(r.book.faults)
			r.book.mu.Unlock()
			fmt.Fprintf(r.options.Out, "%s: %d calls, %d broken promises so far\n", time.Since(began).Round(time.Second), calls, faults)
		}
	}
}

// settle waits for what is owed, and for the pools to be whole.
func (r *run) settle(ctx context.Context) {
	began := time.Now()
	limit, cancel := context.WithTimeout(ctx, wholeLimit)
	r.wholeAgain = until(limit, func() bool { return r.subject.whole(limit) })
	r.whole = time.Since(began)
	cancel()
	limit, cancel = context.WithTimeout(ctx, settleLimit)
	defer cancel()
	r.talking.Wait() // a call of an embedder is bounded by its own patience
	for _, h := range r.hosts {
		r.missing += h.settle(limit)
	}
	for _, h := range r.hosts {
		h.finish(limit)
	}
}

// calmDown replaces every worker once more, after which nothing may be left of
// the ones before, and sees what the daemon holds at rest.
func (r *run) calmDown(ctx context.Context) {
	if err := r.subject.ask(ctx, "mochi.restart", map[string]any{"pool": plain, "wait": true}, nil); err != nil {
		r.book.blame(promiseStrays, "the last restart of %s: %v", plain, err)
	}
	if err := r.subject.ask(ctx, "mochi.restart", map[string]any{"pool": mixed, "wait": true}, nil); err != nil {
		r.book.blame(promiseStrays, "the last restart of %s: %v", mixed, err)
	}
	limit, cancel := context.WithTimeout(ctx, buryLimit)
	defer cancel()
	until(limit, func() bool {
		r.left, r.unreaped = r.strays(ctx)
		return len(r.left)+r.unreaped == 0
	})
	r.after = rest(r.subject.pid(), restTime)
	r.audit(ctx)
	workers, err := r.subject.workers(ctx, true)
	if err != nil {
		r.book.blame(promiseCalm, "%v", err)
	}
	for _, w := range workers {
		if w.Pool == calm && (w.PID != r.calmPID || w.Restarts != 0) {
			r.book.blame(promiseCalm, "its worker was pid %d and is pid %d, after %d restarts", r.calmPID, w.PID, w.Restarts)
		}
	}
}

// strays are the daemon's living processes that are no workers, and how many
// dead ones it has not reaped.
func (r *run) strays(ctx context.Context) (living []process, dead int) {
	workers, err := r.subject.workers(ctx, true)
	if err != nil {
		return nil, 0
	}
	known := map[int]bool{}
	for _, w := range workers {
		known[w.PID] = true
	}
	for _, p := range marked(r.subject.dir, r.subject.pid()) {
		switch {
		case p.state == "Z":
			dead++
		case !known[p.pid]:
			living = append(living, p)
		}
	}
	return living, dead
}

// end tells the daemon to end while calls run, and looks at what it leaves.
func (r *run) end(ctx context.Context) error {
	h, err := connect(r.subject.socket, "last", lastCalls, r.book, r.seeds(), farewell)
	if err != nil {
		return err
	}
	h.ending = true
	go h.listen()
	// One answered call first: a connection that was not even accepted is the
	// kernel's to refuse.
	if err := h.several(ctx, 1, asked); err != nil {
		return err
	}
	accepted, done := context.WithTimeout(ctx, settleLimit)
	defer done()
	if r.missing += h.settle(accepted); r.missing == 0 {
		for range lastCalls {
			<-h.owed
		}
		if err := h.several(ctx, lastCalls, asked); err != nil {
			return err
		}
	}
	h.mu.Lock()
	h.finished = true // the daemon closes the connection after its last answer
	h.mu.Unlock()
	r.stopped, r.endedItself = r.subject.stop()
	limit, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	r.missing += h.settle(limit)
	h.finish(limit)
	burial, buried := context.WithTimeout(ctx, buryLimit)
	defer buried()
	until(burial, func() bool {
		r.processesAfter = marked(r.subject.dir, r.subject.pid())
		return len(r.processesAfter) == 0
	})
	for _, p := range r.processesAfter {
		_ = syscall.Kill(p.pid, syscall.SIGKILL) // it bears our mark
	}
	r.filesAfter, err = leftovers(r.subject.dir)
	return err
}

// leftovers are the sockets, locks and temporary files in the daemon's
// directory. The store of rendered scripts stays by design.
func leftovers(dir string) ([]string, error) {
	mine := map[string]bool{"config.toml": true, "runs": true, "deaths": true, "py": true, "tmp": true}
	var out []string
	for _, d := range []string{"", "tmp"} {
		entries, err := os.ReadDir(dir + "/" + d)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if d == "" && mine[e.Name()] || d == "tmp" && e.IsDir() {
				continue
			}
			out = append(out, d+"/"+e.Name())
		}
	}
	return out, nil
}
