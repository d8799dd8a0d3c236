package top

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// tmuxVariable names the terminal of these tests where none is on PATH.
const tmuxVariable = "MOCHI_PYD_TEST_TMUX"

// soon bounds each wait for a screen: it announces itself to nobody.
const soon = 20 * time.Second

// terminal is a real one, in tmux, with a program in it.
type terminal struct {
	t    *testing.T
	tmux string
	dir  string // its socket, and what the program leaves
}

// inTerminal runs a command line on a terminal of that size. The state of the
// terminal before and after it is in files, and "ended STATUS" on the screen.
func inTerminal(t *testing.T, width, height int, env []string, command ...string) *terminal {
	t.Helper()
	tmux, err := exec.LookPath("tmux")
	if err != nil {
		tmux = os.Getenv(tmuxVariable)
		if _, err := os.Stat(tmux); err != nil {
			t.Skip("tmux is not on PATH, and is the terminal that the live view is tested in: install it, or run make test, which fetches it where it can")
		}
	}
	dir, err := os.MkdirTemp("", "mt") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	e := &terminal{t, tmux, dir}
	t.Cleanup(func() {
		_, _ = e.try("kill-server") // it may have ended
		_ = os.RemoveAll(dir)
	})
	line := `cd "$0"; stty -a >before; sh -c 'echo $$ >pid; exec "$0" "$@"' "$@"; echo "ended $?"; stty -a >after; echo over; cat`
	args := append([]string{"-f", "/dev/null", "new-session", "-d", "-x", strconv.Itoa(width), "-y", strconv.Itoa(height), "sh", "-c", line, dir}, command...)
	cmd := exec.CommandContext(t.Context(), tmux, append([]string{"-S", filepath.Join(dir, "s")}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("tmux: %v\n%s", err, out)
	}
	return e
}

func (e *terminal) try(args ...string) (string, error) {
	out, err := exec.CommandContext(context.WithoutCancel(e.t.Context()), e.tmux, append([]string{"-S", filepath.Join(e.dir, "s")}, args...)...).CombinedOutput()
	return string(out), err
}

func (e *terminal) do(args ...string) string {
	e.t.Helper()
	out, err := e.try(args...)
	if err != nil {
		e.t.Fatalf("tmux %q: %v\n%s", args, err, out)
	}
	return out
}

func (e *terminal) screen() string { return e.do("capture-pane", "-p") }

func (e *terminal) press(keys ...string) { e.do(append([]string{"send-keys"}, keys...)...) }

// shows waits until the screen holds all of the texts.
func (e *terminal) shows(texts ...string) {
	e.t.Helper()
	for _, text := range texts {
		if !rig.Until(soon, func() bool { return strings.Contains(e.screen(), text) }) {
			e.t.Fatalf("the screen does not show %q:\n%s", text, e.screen())
		}
	}
}

func (e *terminal) hides(text string) {
	e.t.Helper()
	if !rig.Until(soon, func() bool { return !strings.Contains(e.screen(), text) }) {
		e.t.Fatalf("the screen still shows %q:\n%s", text, e.screen())
	}
}

func (e *terminal) file(name string) string {
	e.t.Helper()
	text, err := os.ReadFile(filepath.Join(e.dir, name))
	if err != nil {
		e.t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

func (e *terminal) pid() int {
	e.t.Helper()
	pid, err := strconv.Atoi(e.file("pid"))
	if err != nil {
		e.t.Fatal(err)
	}
	return pid
}

// givenBack: the program has ended with that status, and the terminal is as it
// was before.
func (e *terminal) givenBack(status int) {
	e.t.Helper()
	e.shows("ended "+strconv.Itoa(status), "over")
	if before, after := e.file("before"), e.file("after"); before != after {
		e.t.Errorf("the terminal was\n%s\nand is\n%s", before, after)
	}
	if flags := e.do("display-message", "-p", "alternate #{alternate_on} cursor #{cursor_flag} keypad #{keypad_flag}"); flags != "alternate 0 cursor 1 keypad 0\n" {
		e.t.Errorf("the screen is left as: %s", flags)
	}
}

func gone(pid int) bool { return syscall.Kill(pid, 0) != nil }
