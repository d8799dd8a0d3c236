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
	lost := rpc.NewError(rpc.KindWorkerLost, "it died: data says what it left behind", rpc.Fields{
		"stack":       "Fatal Python error: Segmentation fault\n\n  File \"a.py\", line 1 in f\n",
		"stderr_tail": []string{"almost done", "Fatal Python error: Segmentation fault", "  File \"a.py\", line 1 in f"},
	})
	want := "it died: data says what it left behind\n" +
		"  its last lines:\n    almost done\n" +
		"  where it was:\n    Fatal Python error: Segmentation fault\n    \n      File \"a.py\", line 1 in f"
	if got := sentence(lost); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	nothing := rpc.NewError(rpc.KindWorkerLost, "it died", rpc.Fields{"stack": "", "stderr_tail": []string{}})
	if got := sentence(nothing); got != "it died" {
		t.Errorf("nothing left: %q", got)
	}
}
