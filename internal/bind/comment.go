package bind

import (
	"strings"
	"unicode"
)

// commentWidth is where a comment's line is broken.
const commentWidth = 90

// comment writes documentation as line comments. Each line begins with lead, so
// the text can neither end the comment nor be a directive to a tool, which has
// to stand first; what some language takes for the end of a line, and what
// changes the direction in which a reader sees the text, is taken out.
func comment(indent, lead, text string) string {
	var b strings.Builder
	line := ""
	flush := func() {
		if line != "" {
			b.WriteString(indent + lead + line + "\n")
		}
		line = ""
	}
	for word := range strings.FieldsSeq(plain(text)) {
		if line != "" && len(line)+1+len(word) > commentWidth {
			flush()
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	flush()
	return b.String()
}

func plain(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r), r == unicode.ReplacementChar:
			return ' '
		case unicode.Is(unicode.Cf, r): // directions, and what is not seen at all
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, " "))
}
