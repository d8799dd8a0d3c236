package acceptance

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// The promise: so many restarts or reloads at so many calls a second cost
// nobody an error.
const (
	rolls = 20
	every = 5 * time.Millisecond // 200 calls/s
)

// module is a file of Python that a test changes. No two contents may have one
// size: a cached compilation is told from a newer file by its size, and by its
// time in whole seconds only.
type module struct{ path string }

func (m module) write(t *testing.T, generation int) {
	t.Helper()
	m.put(t, fmt.Sprintf("import asyncio, time\nGENERATION = %d\n\ndef nap():\n    time.sleep(0.001)\n    return GENERATION\n\nasync def anap():\n    await asyncio.sleep(0.02)\n    return GENERATION\n%s", generation, strings.Repeat("#", generation)))
}

// put replaces the file whole, as editors and deployments do.
func (m module) put(t *testing.T, source string) {
	t.Helper()
	if err := os.WriteFile(m.path+".new", []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(m.path+".new", m.path); err != nil {
		t.Fatal(err)
	}
}

// traffic calls both kinds of function at a steady rate, answered or not, until
// it is told to end.
type traffic struct {
	host  *rig.Host
	stop  chan struct{}
	ended sync.WaitGroup
	sent  atomic.Int64

	answers int64
	failed  []string
	seen    map[string]int // results
}

const lastID = -1 // of a ping behind the last call: once it is answered, sent is final

func drive(t *testing.T, d *rig.Daemon, pool string) *traffic {
	t.Helper()
	tr := &traffic{host: dial(t, d), stop: make(chan struct{}), seen: map[string]int{}}
	tr.ended.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			var line string
			last := false
			select {
			case <-tr.stop:
				line, last = rig.Request(lastID, "mochi.ping", ""), true
			case <-tick.C:
				id := int(tr.sent.Add(1))
				line = rig.Request(id, pool+[]string{".nap", ".anap"}[id%2], "")
			}
			if err := tr.host.Send(line); err != nil {
				t.Errorf("send: %v", err)
			} else if !last {
				continue
			}
			return
		}
	})
	tr.ended.Go(func() {
		for last := false; !last || tr.answers < tr.sent.Load(); {
			a, err := tr.host.Read()
			switch {
			case err != nil:
				t.Errorf("read: %v", err)
				return
			case string(a.ID) == strconv.Itoa(lastID):
				last = true
				continue
			case a.Error != nil:
				tr.failed = append(tr.failed, fmt.Sprintf("id %s: %d %s", a.ID, a.Error.Code, a.Error.Message))
			default:
				tr.seen[string(a.Result)]++
			}
			tr.answers++
		}
	})
	return tr
}

// end stops it when every call has its answer.
func (tr *traffic) end(t *testing.T) {
	t.Helper()
	close(tr.stop)
	tr.ended.Wait()
	t.Logf("%d calls answered", tr.answers)
	if len(tr.failed) > 0 {
		t.Errorf("%d of %d calls failed, the first: %s", len(tr.failed), tr.answers, tr.failed[0])
	}
}

// operate asks the control socket.
func operate(t *testing.T, d *rig.Daemon, method, params string) rig.Answer {
	t.Helper()
	h, err := rig.Dial(d.Control)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	a, err := h.Call(method, params)
	if err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	return a
}

// events are the records of one kind in the daemon's log.
func events(d *rig.Daemon, kind string) []rig.Record { return d.Log.Find(ofEvent(kind)) }

// ofEvent are the records of one kind. The log comes by a pipe of its own: what an
// answer has told may still be in it.
func ofEvent(kind string) func(rig.Record) bool {
	return func(r rig.Record) bool { return r.Text("event") == kind }
}

// reloadable is a daemon with a pool whose code the test may change.
func reloadable(t *testing.T, args ...string) (*rig.Daemon, module) {
	t.Helper()
	dir := t.TempDir()
	m := module{filepath.Join(dir, "changing.py")}
	m.write(t, 1)
	d := serve(t, rig.Options{Workers: 2, Args: append(args, "--python-path", dir)})
	call(t, dial(t, d), "changing.nap", "")
	whole(t, d, "changing")
	return d, m
}

// TestRestartsAndReloadsUnderLoadCostNoCall is fault F13, its first half: and
// each reload that has answered serves what was written before it.
func TestRestartsAndReloadsUnderLoadCostNoCall(t *testing.T) {
	d, m := reloadable(t)
	h := dial(t, d)
	load := drive(t, d, "changing")
	for i := range rolls {
		if a := operate(t, d, "mochi.restart", `{"pool":"changing","wait":true}`); a.Error != nil || string(a.Result) != `{"restarted":2}` {
			t.Errorf("restart %d: %s %+v", i, a.Result, a.Error)
		}
		m.write(t, 2+i)
		if a := operate(t, d, "mochi.reload", `{"pool":"changing","wait":true}`); a.Error != nil || string(a.Result) != `{"reloaded":2}` {
			t.Errorf("reload %d: %s %+v", i, a.Result, a.Error)
		}
		if got := call(t, h, "changing.nap", ""); got != fmt.Sprint(2+i) {
			t.Errorf("after reload %d generation %s answers", i, got)
		}
	}
	load.end(t)
	if len(load.seen) != rolls+1 {
		t.Errorf("the calls saw %d generations of the code, want %d", len(load.seen), rolls+1)
	}
	reasons := map[any]int{}
	for _, r := range d.Log.Await(4*rolls, ofEvent("worker_exited")) {
		reasons[r["reason"]]++
	}
	if reasons["restart"] != 2*rolls || reasons["reload"] != 2*rolls || len(reasons) != 2 {
		t.Errorf("workers ended by %v, want %d restarts and reloads", reasons, 2*rolls)
	}
}

// TestBrokenCodeLeavesTheOldGenerationServing is its second half: the reload
// says where the mistake is, in its answer and in the log, and costs no call;
// what mends it is loaded.
func TestBrokenCodeLeavesTheOldGenerationServing(t *testing.T) {
	d, m := reloadable(t)
	load := drive(t, d, "changing")
	before, err := d.Workers("changing")
	if err != nil {
		t.Fatal(err)
	}
	m.put(t, "def nap(:\n    return 2\n")
	for range 3 {
		a := operate(t, d, "mochi.reload", `{"wait":true}`)
		if a.Error.Kind() != "import_failed" {
			t.Fatalf("the reload of broken code gave %s %+v", a.Result, a.Error)
		}
		for _, part := range []string{"SyntaxError", "changing.py", "line 1", "the old code goes on serving"} {
			if !strings.Contains(a.Error.Message, part) {
				t.Errorf("the answer does not say %q: %s", part, a.Error.Message)
			}
		}
		if text := fmt.Sprint(a.Error.Data["traceback"]); !strings.Contains(text, "def nap(:") {
			t.Errorf("the answer's traceback: %s", text)
		}
	}
	after, err := d.Workers("changing")
	if err != nil {
		t.Fatal(err)
	}
	for i := range before {
		if before[i].PID != after[i].PID || after[i].State != "ready" {
			t.Errorf("worker %d was %+v and is %+v", i, before[i], after[i])
		}
	}
	logged := d.Log.Await(3, ofEvent("reload"))
	if len(logged) != 3 || !strings.Contains(logged[0].Message(), "def nap(:") {
		t.Errorf("the log says %v", logged)
	}
	m.write(t, 7)
	if a := operate(t, d, "mochi.reload", `{"wait":true}`); a.Error != nil {
		t.Errorf("the reload of mended code: %+v", a.Error)
	}
	load.end(t)
	if got := call(t, dial(t, d), "changing.nap", ""); got != "7" {
		t.Errorf("the mended code is not what serves: %s", got)
	}
	if load.seen["1"] == 0 || load.seen["7"] == 0 || len(load.seen) != 2 {
		t.Errorf("the calls saw the generations %v, want 1 and then 7", load.seen)
	}
}
