package logs

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestAutoIsTextOnATerminalJournalUnderJournaldAndJSONElsewhere.
func TestAutoIsTextOnATerminalJournalUnderJournaldAndJSONElsewhere(t *testing.T) {
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("there is no terminal to be had: %v", err)
	}
	defer func() { _ = terminal.Close() }()
	r, pipe, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = r.Close(), pipe.Close() }()
	stream := func(f *os.File) func(string) string {
		return func(string) string { return streamOf(t, f) }
	}
	for _, test := range []struct {
		format string
		output *os.File
		getenv func(string) string
		want   string
	}{
		{FormatAuto, terminal, stream(pipe), FormatText},
		{"", terminal, stream(pipe), FormatText},
		{FormatAuto, pipe, stream(pipe), FormatJournal},
		{FormatAuto, pipe, stream(terminal), FormatJSON},
		{FormatText, pipe, stream(pipe), FormatText},
		{FormatJSON, terminal, stream(pipe), FormatJSON},
		{FormatJournal, terminal, stream(pipe), FormatJournal},
	} {
		o := Options{Format: test.format, Output: test.output, Getenv: test.getenv}
		if got := o.Resolved(); got != test.want {
			t.Errorf("%q to %s is %s, want %s", test.format, test.output.Name(), got, test.want)
		}
	}
}

// streamOf is what the service manager writes into JOURNAL_STREAM for a file.
func streamOf(t *testing.T, f *os.File) string {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}
