package top

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// built is where the program is; TestMain removes it.
var built string

// program builds mochi-pyd once.
var program = sync.OnceValues(func() (path string, err error) {
	if built, err = os.MkdirTemp("", "mochi-top"); err != nil {
		return "", err
	}
	return rig.Build(context.Background(), built, false)
})

// watched is a daemon with two pools, one of which is at work, and the terminal
// in which somebody watches it, started by a command before it or by itself.
func watched(t *testing.T, width, height int, by ...string) (*rig.Daemon, *terminal) {
	t.Helper()
	d, e := glanced(t, width, height, by...)
	e.shows("serving", "math/1", "time/0", "sleep")
	return d, e
}

// glanced is watched before anything is on the screen.
func glanced(t *testing.T, width, height int, by ...string) (*rig.Daemon, *terminal) {
	t.Helper()
	binary, err := program()
	if err != nil {
		t.Fatal(err)
	}
	python, _, err := rig.Python(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d, err := rig.Start(t.Context(), rig.Options{Binary: binary, Python: python, Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Kill(); err != nil {
			t.Error(err)
		}
		if err := d.Remove(); err != nil {
			t.Error(err)
		}
	})
	h, err := rig.Dial(d.Socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	if _, err := h.Call("math.sqrt", "[9]"); err != nil {
		t.Fatal(err)
	}
	if err := h.Send(rig.Request(99, "time.sleep", "[600]")); err != nil {
		t.Fatal(err)
	}
	return d, inTerminal(t, width, height, []string{"MOCHI_PYD_CONTROL_SOCKET=" + d.Control}, append(by, binary, "top")...)
}

func TestTheLiveViewInARealTerminal(t *testing.T) {
	d, e := watched(t, 150, 30)
	e.shows("POOL", "LAST MINUTE", "WORKER", "NOW", "2 pools", "4/4 workers")

	e.press("?")
	e.shows("sort by the next column")
	e.press("?")
	e.hides("sort by the next column")
	e.press("s")
	e.shows("PID↑")
	e.press("/", "s", "l", "e", "e", "p", "Enter")
	e.shows("only sleep")
	e.hides("math/0")
	e.press("Escape")
	e.shows("math/0")

	before, err := d.Workers("math")
	if err != nil {
		t.Fatal(err)
	}
	e.press("Tab", "Home", "R")
	e.shows("restart all workers of math", "y/N")
	e.press("y")
	e.shows("2 workers of math being replaced")
	if !rig.Until(soon, func() bool {
		now, err := d.Workers("math")
		return err == nil && len(now) == len(before) && now[0].PID != before[0].PID && now[1].PID != before[1].PID && now[0].State == "ready"
	}) {
		t.Errorf("not restarted:\n%s", e.screen())
	}
	e.shows("restart ") // its last exit

	e.do("resize-window", "-x", "50", "-y", "12")
	e.hides("RESTARTS")
	e.shows("time")
	e.do("resize-window", "-x", "150", "-y", "30")
	e.shows("RESTARTS")
	e.press("q")
	e.givenBack(0)
}

func TestControlCGivesTheTerminalBack(t *testing.T) {
	_, e := watched(t, 100, 24)
	e.press("C-c")
	e.givenBack(130)
}

func TestASignalGivesTheTerminalBack(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			_, e := watched(t, 100, 24)
			if err := syscall.Kill(e.pid(), signal); err != nil {
				t.Fatal(err)
			}
			e.givenBack(130)
		})
	}
}

// TestKeysComeFromTheTerminalWhateverFeedsStandardInput: in a loop over names, or
// behind a pipe, standard input is somebody else's.
func TestKeysComeFromTheTerminalWhateverFeedsStandardInput(t *testing.T) {
	_, e := watched(t, 100, 24, "sh", "-c", `echo fed | "$0" "$@"`)
	e.press("?")
	e.shows("sort by the next column")
	e.press("q", "q")
	e.givenBack(0)
}

// TestControlZGivesTheTerminalBackAndForegroundTakesItAgain: what one does when
// something else has to be typed now.
func TestControlZGivesTheTerminalBackAndForegroundTakesItAgain(t *testing.T) {
	_, e := watched(t, 100, 24, "sh", "-mc", `"$0" "$@"; echo "stopped"; cat; fg`)
	e.press("C-z")
	e.shows("stopped")
	e.press("t", "y", "p", "e", "d", "Enter")
	e.shows("typed\ntyped") // as it was echoed, and by cat
	e.press("C-d")
	e.shows("serving", "time/0")
	e.press("q")
	e.givenBack(0)
}

func TestATerminalThatIsGoneEndsTheView(t *testing.T) {
	_, e := watched(t, 100, 24)
	pid := e.pid()
	e.do("kill-server")
	if !rig.Until(soon, func() bool { return gone(pid) }) {
		t.Error("the view still runs")
	}
}

func TestAFaultGivesTheTerminalBack(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if self, err = filepath.Abs(self); err != nil {
		t.Fatal(err)
	}
	e := inTerminal(t, 160, 60, []string{faultVariable + "=1"}, self)
	e.givenBack(3)
	// What stands on the screen after it is what the shell has scrolled back to:
	// the whole of the fault, once, and where it was.
	screen := e.screen()
	for _, want := range []string{"the live view failed", "panic: a fault in the feed", "top.faulty.Look"} {
		if n := strings.Count(screen, want); n != 1 {
			t.Errorf("%q is told %d times:\n%s", want, n, screen)
		}
	}
}

func TestTheViewOutlivesTheDaemon(t *testing.T) {
	d, e := watched(t, 150, 24)
	if err := d.Kill(); err != nil {
		t.Fatal(err)
	}
	e.shows("trying again", "sleep") // what was known stays
	again, err := d.Again(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := again.Kill(); err != nil {
			t.Error(err)
		}
	}()
	e.shows("the daemon was started anew", "0 pools")
	e.hides("trying again")
	e.press("q")
	e.givenBack(0)
}

func TestATerminalThatCannotDrawGetsTheTablesOnce(t *testing.T) {
	_, e := glanced(t, 150, 40, "env", "TERM=dumb")
	e.shows("LAST-EXIT")
	e.givenBack(0)
}
