package main

import (
	"testing"

	"github.com/mochilang/mochi-pyd/rpc"
)

func TestATerminalIsOnlyShownText(t *testing.T) {
	for in, want := range map[string]string{
		"two\n\tlines, naïve 日本 🙂 and a space":            "two\n\tlines, naïve 日本 🙂 and a space",
		"\x1b[31mred\x1b]0;title\a":                       `\x1b[31mred\x1b]0;title\x07`,
		"back\b and\rover":                                `back\x08 and\x0dover`,
		"C1 \u009b2J, turned \u202e, hidden \u200b, \x7f": `C1 \x9b2J, turned \u202e, hidden \u200b, \x7f`,
	} {
		if got := plain(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestWhatADeadWorkerLeftIsShownOnce(t *testing.T) {
	lost := rpc.NewError(rpc.KindWorkerLost, "it died: data says what it left behind; call again", rpc.Fields{
		"stack":       "Fatal Python error: Segmentation fault\n\n  File \"a.py\", line 1 in f\n",
		"stderr_tail": []string{"almost done", "Fatal Python error: Segmentation fault", "  File \"a.py\", line 1 in f"},
	})
	want := "it died: what it left behind is below; call again\n" +
		"  its last lines:\n    almost done\n" +
		"  where it was:\n    Fatal Python error: Segmentation fault\n    \n      File \"a.py\", line 1 in f"
	if got := sentence(lost); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	nothing := rpc.NewError(rpc.KindWorkerLost, "it died: data says what it left behind; call again", rpc.Fields{"stack": "", "stderr_tail": []string{}, "worker": "app/1"})
	if got, want := sentence(nothing), "it died: call again\n  more of it: mochi-pyd describe app/1"; got != want {
		t.Errorf("nothing left: %q, want %q", got, want)
	}
}

// TestALateCallShowsWhereItWasAndNoOtherThread: what hung is one thread of many.
func TestALateCallShowsWhereItWasAndNoOtherThread(t *testing.T) {
	late := rpc.NewError(rpc.KindDeadlineExceeded, "mochi.call: too late", rpc.Fields{
		"stack": "Thread 0x1 (most recent call first):\n  File \"selectors.py\"\n\nCurrent thread 0x2 (most recent call first):\n  File \"a.py\", line 1 in f\n",
	})
	want := "too late\n  where it was:\n    Current thread 0x2 (most recent call first):\n      File \"a.py\", line 1 in f"
	if got := sentence(late); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestAFailedImportShowsItsTraceback: its message speaks of it. A module that is
// not there has no frame to show.
func TestAFailedImportShowsItsTraceback(t *testing.T) {
	raised := rpc.NewError(rpc.KindImportFailed, "importing app failed", rpc.Fields{"traceback": "Traceback (most recent call last):\n  File \"app.py\", line 1, in <module>\nRuntimeError: no\n"})
	want := "importing app failed\n  what Python said:\n    Traceback (most recent call last):\n      File \"app.py\", line 1, in <module>\n    RuntimeError: no"
	if got := sentence(raised); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	missing := rpc.NewError(rpc.KindImportFailed, "importing app failed", rpc.Fields{"traceback": "ModuleNotFoundError: No module named 'app'\n"})
	if got, want := sentence(missing), "importing app failed"; got != want {
		t.Errorf("a missing module: %q, want %q", got, want)
	}
}
