package cells

import (
	"fmt"
	"strings"
	"unicode"
)

// Plain is text that a terminal only shows. Messages and tracebacks hold what
// modules and their data say, and an escape sequence in one could rewrite what
// an operator has read, or type for them; so could the characters that turn the
// direction of writing. Lines and tabs stay.
func Plain(s string) string {
	if strings.IndexFunc(s, steering) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case !steering(r):
			b.WriteRune(r)
		case r <= 0xff:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// Line is Plain for a cell: it must not break the line either, and what it
// leaves out was not worth its width.
func Line(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || steering(r) {
			return ' '
		}
		return r
	}, s)
}

func steering(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsGraphic(r) }
