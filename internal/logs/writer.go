package logs

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// maxPending bounds the lines that wait for a slow terminal or journal, in
// bytes; what does not fit is counted and dropped.
const maxPending = 4 << 20

// closeTimeout bounds how long Close waits for a reader that does not read.
const closeTimeout = time.Second

// Writer never blocks: it hands lines to one goroutine. Events are logged on
// the goroutines they happen on, which read workers and hosts, and a stopped
// terminal must stop none of them.
type Writer struct {
	to io.Writer

	mu      sync.Mutex
	pending []byte
	dropped int
	closed  bool
	wake    chan struct{} // one token: there is something to do
	done    chan struct{}
}

// NewWriter starts the goroutine; Close ends it.
func NewWriter(to io.Writer) *Writer {
	w := &Writer{to: to, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go w.run()
	return w
}

// Write takes a whole line, or drops it.
func (w *Writer) Write(line []byte) (int, error) {
	w.mu.Lock()
	switch {
	case w.closed:
	case len(w.pending)+len(line) > maxPending:
		w.dropped++
	default:
		w.pending = append(w.pending, line...)
	}
	w.mu.Unlock()
	w.kick()
	return len(line), nil
}

func (w *Writer) kick() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Close writes what is pending and ends the goroutine; a reader that does not
// read is given up on.
func (w *Writer) Close() error {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.kick()
	timer := time.NewTimer(closeTimeout)
	defer timer.Stop()
	select {
	case <-w.done:
		return nil
	case <-timer.C:
		return fmt.Errorf("logs: the last lines could not be written within %s", closeTimeout)
	}
}

func (w *Writer) run() {
	defer close(w.done)
	var spare []byte
	for range w.wake {
		w.mu.Lock()
		batch, dropped, closed := w.pending, w.dropped, w.closed
		w.pending, w.dropped = spare[:0], 0
		w.mu.Unlock()
		// A closed log pipe is no reason to end: the line is lost, and that
		// there is nowhere to say so is what the exit of its reader means.
		_, _ = w.to.Write(batch)
		if dropped > 0 {
			// As hclog writes it: the sinks take nothing else.
			_, _ = fmt.Fprintf(w.to, `{"@level":"warn","@message":"%d log lines dropped: whoever reads them is too slow","@timestamp":"%s","event":"log_dropped"}`+"\n",
				dropped, time.Now().Format(timeFormat))
		}
		spare = batch
		if closed {
			return
		}
	}
}
