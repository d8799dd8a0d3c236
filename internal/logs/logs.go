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

// timeFormat is a line's time.
const timeFormat = "2006-01-02T15:04:05.000Z07:00"

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
	switch {
	case native:
		to = newEntries(o.Output)
	case format == FormatText:
		to = texts{to: o.Output, colored: isTerminal(o.Output) && o.Getenv("NO_COLOR") == ""}
	case format == FormatJournal:
		to = texts{to: o.Output, priority: true}
	}
	w := NewWriter(to)
	opts := &hclog.LoggerOptions{
		Level:              hclog.LevelFromString(o.Level),
		Output:             w,
		JSONFormat:         true, // whatever the format: the sinks read it again, off the loggers' goroutines
		JSONEscapeDisabled: true,
		DisableTime:        format == FormatJournal, // the journal keeps time itself
		TimeFormat:         timeFormat,
	}
	if opts.Level == hclog.NoLevel {
		opts.Level = hclog.Info
	}
	return keyed{hclog.New(opts)}, w
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

// Clean escapes what is not printable in a message: a line of it stays one line,
// and moves no cursor.
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
