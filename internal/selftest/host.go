package selftest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
)

// answer is one response, as a strict client reads it.
type answer struct {
	ID     json.RawMessage `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *rpc.Error      `json:"error"`
}

func (a answer) String() string {
	if a.Error == nil {
		return fmt.Sprintf("id %s result %.80s", a.ID, a.Result)
	}
	return fmt.Sprintf("id %s error %d %s %s", a.ID, a.Error.Code, a.Error.Message, a.Error.Data)
}

const (
	writeLimit = 30 * time.Second // a daemon that does not read for so long has stopped
	nullID     = "null"
)

// host is one connection that speaks in raw lines: it sends many requests
// before it reads the first answer, and knows what it is owed.
type host struct {
	name  string
	book  *ledger
	rng   *rand.Rand
	pools []share
	conn  *net.UnixConn

	// owed has a token for each answer that is due: the window.
	owed chan struct{}
	gone chan struct{} // closed when nothing more can be read

	mu       sync.Mutex
	flying   map[string]uint32 // id as sent → key
	nulls    int               // answers with id null that are due
	lines    int               // malformed lines sent
	last     int
	slow     []string // ids worth cancelling
	finished bool     // we ended it: its end is no news
	deadline bool     // the calls are to get some
	ending   bool     // the daemon is about to be told to end
}

func connect(socket, name string, window int, book *ledger, rng *rand.Rand, functions []share) (*host, error) {
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	h := &host{
		name: name, book: book, rng: rng, pools: functions, conn: conn,
		owed: make(chan struct{}, window), gone: make(chan struct{}), flying: make(map[string]uint32),
	}
	return h, nil
}

// call enters one call and gives its message. The caller holds a token for it.
func (h *host) call(how manner) []byte {
	f := choose(h.rng, h.pools)
	for how == told && f.ends == tooLarge && f.runs == 0 {
		// That a line is a notification cannot be known before it is read to
		// its end, so one over the limit is answered: to id null.
		f = choose(h.rng, h.pools)
	}
	e := entry{what: f, pool: f.pools[h.rng.IntN(len(f.pools))], how: how, ending: h.ending}
	meta := ""
	switch {
	case h.deadline && f.slow && h.rng.IntN(3) == 0:
		e.timed = true
		meta = fmt.Sprintf(`,"meta":{"timeout_ms":%d}`, 1+h.rng.IntN(200))
	case h.deadline && f.ends == succeeded && h.rng.IntN(10) == 0:
		e.idempotent = true
		meta = `,"meta":{"idempotent":true}`
	}
	key := h.book.open(e)
	if how == told {
		return fmt.Appendf(nil, `{"jsonrpc":"2.0","method":"%s.%s","params":%s%s}`, e.pool, f.name, f.params(h.rng, key), meta)
	}
	h.mu.Lock()
	h.last++
	id := fmt.Sprint(h.last)
	if h.last%3 == 0 {
		id = fmt.Sprintf(`"%s-%d"`, h.name, h.last)
	}
	h.flying[id] = key
	if f.slow && len(h.slow) < cap(h.owed) {
		h.slow = append(h.slow, id)
	}
	h.mu.Unlock()
	return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%s,"method":"%s.%s","params":%s%s}`, id, e.pool, f.name, f.params(h.rng, key), meta)
}

// cancel takes one of the slow calls back, which may have been answered since.
func (h *host) cancel() []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.slow) == 0 {
		return nil
	}
	at := h.rng.IntN(len(h.slow))
	id := h.slow[at]
	h.slow = append(h.slow[:at], h.slow[at+1:]...)
	if key, ok := h.flying[id]; ok {
		h.book.note(key, func(e *entry) { e.cancelled = true })
	}
	return fmt.Appendf(nil, `{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":%s}}`, id)
}

// send writes one message.
func (h *host) send(line []byte) error {
	if err := h.conn.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil {
		return err
	}
	_, err := h.conn.Write(append(line, '\n'))
	return err
}

// listen reads answers until the connection ends.
func (h *host) listen() {
	defer close(h.gone)
	in := bufio.NewReaderSize(h.conn, 64<<10)
	for {
		line, err := in.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			h.take(line)
		}
		if err == nil {
			continue
		}
		h.mu.Lock()
		finished := h.finished
		h.mu.Unlock()
		if !finished && !errors.Is(err, net.ErrClosed) {
			h.book.blame(promiseStays, "%s: the daemon ended the connection: %v", h.name, errors.Join(err, nil))
		} else if finished && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
			h.book.blame(promiseStays, "%s: the connection broke after its last request: %v", h.name, err)
		}
		return
	}
}

// take enters what one line answers.
func (h *host) take(line []byte) {
	var all []answer
	var err error
	if line[0] == '[' {
		err = json.Unmarshal(line, &all)
	} else {
		all = make([]answer, 1)
		err = json.Unmarshal(line, &all[0])
	}
	if err != nil || len(all) == 0 {
		h.book.blame(promiseOwn, "%s read a line that is no answer (%v): %.200s", h.name, err, line)
		return
	}
	for _, a := range all {
		h.one(a)
	}
}

func (h *host) one(a answer) {
	o, s := judge(a.Error)
	id := string(a.ID)
	h.mu.Lock()
	key, ours := h.flying[id]
	delete(h.flying, id)
	due := ours
	if id == nullID && h.nulls > 0 {
		h.nulls--
		due = true
	}
	h.mu.Unlock()
	switch {
	case !due:
		h.book.blame(promiseOwn, "%s read an answer to nothing it waits for: %.300s", h.name, a)
		return
	case ours:
		h.book.answer(h.name, key, o, s, a)
	case o == succeeded || o == ownBug || o == strange:
		h.book.blame(promiseKinds, "%s: a malformed line got %.300s", h.name, a)
	}
	<-h.owed
}

// settle waits until nothing is owed, and says how many answers never came.
func (h *host) settle(ctx context.Context) int {
	missing := 0
	for range cap(h.owed) {
		select {
		case h.owed <- struct{}{}:
		case <-ctx.Done():
			missing++
		case <-h.gone:
			select { // the last answers may have come with the end
			case h.owed <- struct{}{}:
			default:
				missing++
			}
		}
	}
	return missing
}

// finish says that no more will be asked, and reads to the end: an answer too
// many would come now.
func (h *host) finish(ctx context.Context) {
	h.mu.Lock()
	h.finished = true
	h.mu.Unlock()
	if err := h.conn.CloseWrite(); err == nil {
		select {
		case <-h.gone:
		case <-ctx.Done():
			h.book.blame(promiseStays, "%s: the connection was not closed after its last answer", h.name)
		}
	}
	h.conn.Close()
	<-h.gone
}
