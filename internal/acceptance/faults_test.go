package acceptance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

const (
	gentle = 10 * time.Second // for what must happen, where no time was promised
	soon   = time.Second      // what the fault table means by ≤ 1 s
)

// onlyWithProc skips a test that sees processes from outside.
func onlyWithProc(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("no /proc here: the test looks at processes through it")
	}
}

// alive says whether a process runs: one that is dead and waits for its parent
// does not.
func alive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	return len(fields) > 0 && fields[0][0] != 'Z' && fields[0][0] != 'X'
}

// descriptors is how many files a process has open.
func descriptors(t *testing.T, pid int) int {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// baseDescriptors waits until a daemon has no more files open than before.
func baseDescriptors(t *testing.T, d *rig.Daemon, base int) {
	t.Helper()
	if !rig.Until(gentle, func() bool { return descriptors(t, d.PID()) <= base }) {
		t.Errorf("the daemon has %d descriptors, before the test it had %d", descriptors(t, d.PID()), base)
	}
}

// memory is a figure of /proc/PID/status, in bytes.
func memory(t *testing.T, pid int, what string) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), "\n"+what+":")
	if !found {
		t.Fatalf("no %s in /proc/%d/status", what, pid)
	}
	kib, err := strconv.ParseInt(strings.Fields(after)[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

// queue is how many calls wait in a pool, as an operator sees it.
func queue(t *testing.T, d *rig.Daemon, pool string) int {
	t.Helper()
	var all struct {
		Pools []struct {
			Pool  string `json:"pool"`
			Queue int    `json:"queue"`
		} `json:"pools"`
	}
	inspect(t, d, "mochi.status", &all)
	for _, p := range all.Pools {
		if p.Pool == pool {
			return p.Queue
		}
	}
	return 0
}

// runs waits until a worker of the pool shows a function at work.
func runs(t *testing.T, d *rig.Daemon, pool, function string) {
	t.Helper()
	if !rig.Until(gentle, func() bool {
		var all struct {
			Workers []struct {
				Pool string `json:"pool"`
				Now  *struct {
					Function   string `json:"function"`
					Coroutines int    `json:"coroutines"`
				} `json:"now"`
			} `json:"workers"`
		}
		inspect(t, d, "mochi.workers", &all)
		for _, w := range all.Workers {
			if w.Pool == pool && w.Now != nil && (w.Now.Function == function || w.Now.Function == pool+"."+function || w.Now.Coroutines > 0) {
				return true
			}
		}
		return false
	}) {
		t.Fatalf("%s.%s does not run after %s", pool, function, gentle)
	}
}

// operate calls a control method.
func inspect(t *testing.T, d *rig.Daemon, method string, into any) {
	t.Helper()
	h, err := rig.Dial(d.Control)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if err := json.Unmarshal([]byte(call(t, h, method, "")), into); err != nil {
		t.Fatal(err)
	}
}

// ran are the lines that functions of counted wrote.
func ran(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.Fields(string(text))
}

// counter is the file that functions of counted write to, as JSON too.
func counter(t *testing.T) (file, quoted string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "ran")
	return file, strconv.Quote(file)
}

// answers reads until each of the ids has its one answer.
func answers(t *testing.T, h *rig.Host, ids ...int) map[int]rig.Answer {
	t.Helper()
	got := map[int]rig.Answer{}
	for range ids {
		a, err := h.Read()
		if err != nil {
			t.Fatalf("after %d of %d answers: %v", len(got), len(ids), err)
		}
		id, err := strconv.Atoi(string(a.ID))
		if err != nil {
			t.Fatalf("an answer to %s: %+v", a.ID, a.Error)
		}
		if _, twice := got[id]; twice {
			t.Fatalf("call %d was answered twice", id)
		}
		got[id] = a
	}
	for _, id := range ids {
		if _, ok := got[id]; !ok {
			t.Fatalf("call %d was not answered; others were: %v", id, got)
		}
	}
	return got
}

// send writes lines in one go.
func send(t *testing.T, h *rig.Host, lines ...string) {
	t.Helper()
	if err := h.Send(strings.Join(lines, "\n")); err != nil {
		t.Fatal(err)
	}
}

// cancelling is the notification that a host sends.
func cancelling(id int) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":%d}}`, id)
}

// within gives a request a deadline.
func within(limit time.Duration, request string) string {
	return fmt.Sprintf(`%s,"meta":{"timeout_ms":%d}}`, strings.TrimSuffix(request, "}"), limit.Milliseconds())
}
