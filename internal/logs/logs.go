package logs

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"github.com/coreos/go-systemd/v22/journal"
	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"
)

// The formats of log-format.
const (
	FormatAuto    = "auto"
	FormatText    = "text"
	FormatJSON    = "json"
	FormatJournal = "journal"
)

// Options say how to log.
type Options struct {
	Level  string // trace debug info warn error off
	Format string
	Output *os.File
	Getenv func(string) string
}

// New makes a logger and the writer behind it, which is to be closed last.
func New(o Options) (hclog.Logger, *Writer) {
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	format := o.Resolved()
	// The journal itself, with fields, when what we write to is its stream: then
	// it is there, and it is where whoever started us looks. A journal that was
	// asked for by name may be another machine's, behind a pipe.
	native := format == FormatJournal && underJournal(o.Output, o.Getenv("JOURNAL_STREAM")) && journal.Enabled()
	to := io.Writer(o.Output)
	if native {
		to = newEntries(o.Output)
	}
	w := NewWriter(to)
	opts := &hclog.LoggerOptions{
		Level:              hclog.LevelFromString(o.Level),
		Output:             w,
		JSONFormat:         format == FormatJSON || native,
		JSONEscapeDisabled: true,
		DisableTime:        format == FormatJournal, // the journal keeps time itself
		TimeFormat:         "2006-01-02T15:04:05.000Z07:00",
		Color:              hclog.ColorOff,
		ColorHeaderOnly:    true,
	}
	if opts.Level == hclog.NoLevel {
		opts.Level = hclog.Info
	}
	if format == FormatText && isTerminal(o.Output) && o.Getenv("NO_COLOR") == "" {
		opts.Color = hclog.ForceColor
	}
	if format == FormatJournal && !native {
		opts.Output = journalWriter{w}
	}
	return hclog.New(opts), w
}

// Resolved is the format that will be used: what "auto" comes to.
func (o Options) Resolved() string {
	getenv := o.Getenv
	if getenv == nil {
		getenv = os.Getenv
	}
	switch {
	case o.Format != "" && o.Format != FormatAuto:
		return o.Format
	case underJournal(o.Output, getenv("JOURNAL_STREAM")):
		return FormatJournal
	case isTerminal(o.Output):
		return FormatText
	}
	return FormatJSON
}

// underJournal says whether the file is the stream that JOURNAL_STREAM names:
// the variable alone is inherited by whatever a service starts.
func underJournal(f *os.File, stream string) bool {
	if stream == "" || f == nil {
		return false
	}
	var st unix.Stat_t
	if unix.Fstat(int(f.Fd()), &st) != nil {
		return false
	}
	return stream == fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}

func isTerminal(f *os.File) bool {
	if f == nil {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), getTermios)
	return err == nil
}

// journalWriter puts the priority before each line, as sd-daemon(3) has it.
type journalWriter struct{ to io.Writer }

func (j journalWriter) Write(p []byte) (int, error) { return j.to.Write(p) }

// LevelWrite is hclog's way of saying which level a line has.
func (j journalWriter) LevelWrite(level hclog.Level, p []byte) (int, error) {
	priority := priorityOf(level)
	out := fmt.Appendf(nil, "<%d>", priority)
	// Continued lines keep their priority.
	text := strings.ReplaceAll(strings.TrimSuffix(string(p), "\n"), "\n", fmt.Sprintf("\n<%d>", priority))
	if _, err := j.to.Write(append(append(out, text...), '\n')); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Clean escapes what is not printable in a message; hclog does it for values
// and, in text, not for messages.
func Clean(s string) string {
	if strings.IndexFunc(s, unprintable) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\t':
			b.WriteByte(' ')
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case unprintable(r):
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) && r != ' ' }
