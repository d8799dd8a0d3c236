package tomldoc

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxErrors bounds one report: past it, nobody reads on.
const maxErrors = 20

// Error is one mistake at one place of the file.
type Error struct {
	File    string
	Line    int // 1-based; 0 when the mistake has no place
	Column  int // in characters, 1-based
	Message string
	source  string // the line
	width   int    // characters to underline
}

// Error is the position and the sentence, then the line with a caret under it.
func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, e.Message)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d: %s\n", e.File, e.Line, e.Column, e.Message)
	b.WriteString("    " + e.source + "\n    ")
	// Tabs stay tabs, or the caret would stand elsewhere than the eye looks.
	n := 0
	for _, r := range e.source {
		if n++; n >= e.Column {
			break
		}
		if r == '\t' {
			b.WriteByte('\t')
		} else {
			b.WriteByte(' ')
		}
	}
	b.WriteString(strings.Repeat("^", max(1, e.width)))
	return b.String()
}

// Errors are all the mistakes of a file, in the order of their places.
type Errors []*Error

// Error prints each mistake with its place.
func (e Errors) Error() string {
	shown := e
	if len(shown) > maxErrors {
		shown = shown[:maxErrors]
	}
	lines := make([]string, 0, len(shown)+1)
	for _, one := range shown {
		lines = append(lines, one.Error())
	}
	if len(shown) < len(e) {
		lines = append(lines, fmt.Sprintf("and %d more", len(e)-len(shown)))
	}
	return strings.Join(lines, "\n")
}

func locate(doc []byte, at Span) (line, column int, source string, width int) {
	text := string(doc)
	start := min(at.start, len(text))
	lineStart := strings.LastIndexByte(text[:start], '\n') + 1
	lineEnd := len(text)
	if i := strings.IndexByte(text[lineStart:], '\n'); i >= 0 {
		lineEnd = lineStart + i
	}
	end := min(max(at.end, start), lineEnd)
	source = strings.TrimSuffix(text[lineStart:lineEnd], "\r")
	return strings.Count(text[:lineStart], "\n") + 1,
		utf8.RuneCountInString(text[lineStart:start]) + 1,
		printable(source),
		utf8.RuneCountInString(text[start:max(start, end)])
}

// printable keeps a file's control characters off the operator's terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && (r < 0x20 || r == 0x7f || r == utf8.RuneError) {
			return '?'
		}
		return r
	}, s)
}

// maxDistance is how many slips of the finger still count as the same word.
const maxDistance = 3

// DidYouMean names the nearest of known, as a parenthesis, or nothing.
func DidYouMean(word string, known []string) string {
	best, distance := "", maxDistance+1
	for _, k := range known {
		if d := slips(word, k); d < distance && d < len(k) {
			best, distance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}

// slips is the number of insertions, deletions, replacements and swaps of
// neighbours between two words (optimal string alignment).
func slips(a, b string) int {
	if len(a) > 64 {
		return maxDistance + 1
	}
	var before []int
	prev := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur := make([]int, len(b)+1)
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
		}
		before, prev = prev, cur
	}
	return prev[len(b)]
}
