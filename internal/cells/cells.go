// Package cells says what is in one cell of a table, in the few characters a
// person reads it in: how old, how many, how long, what ended a worker and what
// the next one does. The tables that are printed and the live one say the same.
//
// It knows nothing about columns. What comes from a worker goes through Line
// before it is shown.
package cells

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// None is a cell without a value.
const None = "-"

// OrNone is the text, or None.
func OrNone(s string) string {
	if s == "" {
		return None
	}
	return s
}

// Age is a duration in its two largest units, or one when it is short.
func Age(d time.Duration) string {
	switch {
	case d < 0:
		return None
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%dh", int(d.Hours())/24, int(d.Hours())%24)
}

// Ago is how long since.
func Ago(t time.Time) string { return Age(time.Since(t)) + " ago" }

// FromMS is a duration that the wire has in milliseconds.
func FromMS(v int64) time.Duration { return time.Duration(v) * time.Millisecond }

// MS is a time in the unit a person would say it in.
func MS(v float64) string {
	switch {
	case v <= 0:
		return None
	case v < 1:
		return fmt.Sprintf("%.0fµs", v*1000)
	case v < 10:
		return fmt.Sprintf("%.1fms", v)
	case v < 1000:
		return fmt.Sprintf("%.0fms", v)
	case v < 60_000:
		return fmt.Sprintf("%.1fs", v/1000)
	}
	return Age(time.Duration(v * float64(time.Millisecond)))
}

// Rate is so many a second.
func Rate(v float64) string {
	if v < 10 {
		return fmt.Sprintf("%.1f", v)
	}
	return humanize.Comma(int64(math.Round(v)))
}

// Percent is how much the part is of the whole.
func Percent(part, whole uint64) string {
	if whole == 0 {
		return None
	}
	return fmt.Sprintf("%.1f", 100*float64(part)/float64(whole))
}

// Count is how many.
func Count(n uint64) string { return humanize.Comma(int64(min(n, math.MaxInt64))) } //nolint:gosec // bounded

// Size is bytes.
func Size(bytes int) string {
	if bytes <= 0 {
		return None
	}
	return strings.ReplaceAll(humanize.IBytes(uint64(bytes)), " ", "")
}

// Plural is "1 pool" and "2 pools".
func Plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
