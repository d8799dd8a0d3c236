package supervisor

import (
	"fmt"
	"strings"
	"testing"
)

func (j *journal) read(lines ...string) {
	for _, l := range lines {
		j.remember(logEntry{stream: "stderr", raw: []byte(l)})
	}
}

func newTestJournal() *journal { return newJournal(0, nil, nil) }

func TestDumpIsKeptWholeAndOutOfTheTail(t *testing.T) {
	j := newTestJournal()
	j.read("before", "Fatal Python error: of an earlier life", "  File \"old.py\", line 1 in f")
	j.listen()
	dump := []string{
		"Thread 0x00007f1 (most recent call first):", "  File \"a.py\", line 1 in wait", "",
		"Current thread 0x00007f2 (most recent call first):", "  File \"b.py\", line 2 in call",
	}
	j.read(dump[0], dump[1], "another thread prints", "\x1e{\"message\":\"tagged\"}", dump[2], dump[3], dump[4])
	select {
	case <-j.heard:
	default:
		t.Error("nobody was told of the dump")
	}
	tail, stack := j.lastWords()
	if want := strings.Join(dump, "\n"); stack != want {
		t.Errorf("stack: %s", stack)
	}
	if said := strings.Join(tail, "|"); strings.Contains(said, "0x") || !strings.HasSuffix(said, "another thread prints|tagged") {
		t.Errorf("tail: %s", said)
	}
	j.unlisten()
	if _, stack := j.lastWords(); stack != "" {
		t.Errorf("the worker was spared, and still: %s", stack)
	}
	j.read("Fatal Python error: Aborted", "", "Current thread 0x1 (most recent call first):", "  File \"c.py\", line 3 in g", "and on")
	if tail, stack := j.lastWords(); !strings.HasPrefix(stack, "Fatal Python error: Aborted") || !strings.Contains(strings.Join(tail, "\n"), "Aborted") {
		t.Errorf("a crash after it: %q, %q", stack, tail)
	}
}

func TestDumpOfManyThreadsIsCutInTheMiddle(t *testing.T) {
	j := newTestJournal()
	j.listen()
	for n := range 100 {
		j.read(fmt.Sprintf("Thread 0x%016x (most recent call first):", n))
		for f := range 20 {
			j.read(fmt.Sprintf("  File \"/srv/app/lib/module.py\", line %d in thread_%d", f, n))
		}
		j.read("")
	}
	j.read("Current thread 0x1 (most recent call first):", "  File \""+strings.Repeat("x", 1<<20)+"\", line 1 in f", "  File \"main.py\", line 7 in the_call")
	_, stack := j.lastWords()
	if len(stack) > stackSize+128 {
		t.Errorf("%d bytes were kept", len(stack))
	}
	if !strings.HasPrefix(stack, "Thread 0x0000000000000000 ") || !strings.HasSuffix(stack, "in the_call") || !strings.Contains(stack, "bytes cut out here)") {
		t.Errorf("the ends: %.200s … %s", stack, stack[len(stack)-100:])
	}
	for line := range strings.Lines(stack) {
		if !strings.HasPrefix(line, "  File \"") && !strings.HasPrefix(line, "Thread 0x") && !strings.HasPrefix(line, "Current thread") &&
			!strings.HasPrefix(line, "… (") && strings.TrimSpace(line) != "" {
			t.Errorf("half a line: %.80q", line)
		}
	}
}
