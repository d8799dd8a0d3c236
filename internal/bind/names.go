package bind

import (
	"fmt"
	"strings"
	"unicode"
)

// names gives out names of one scope. Whoever comes second gets a number, so
// that the same order gives the same names.
type names map[string]bool

// reserve takes words that no name may be.
func reserve(words ...string) names {
	n := names{}
	for _, list := range words {
		for word := range strings.FieldsSeq(list) {
			n[word] = true
		}
	}
	return n
}

// take gives the name, or the nearest that is free.
func (n names) take(name string) string {
	free := name
	for i := 2; n[free]; i++ {
		if free = name + "_"; i > 2 || n[free] {
			free = fmt.Sprintf("%s_%d", name, i)
		}
	}
	n[free] = true
	return free
}

// identifier writes a name in the letters that every language takes. Whatever
// else is in it becomes its number, so that two names stay two.
func identifier(name string) string {
	var b strings.Builder
	for i, r := range name {
		switch {
		case r == '_', 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z':
			b.WriteRune(r)
		case '0' <= r && r <= '9':
			if i == 0 {
				b.WriteByte('_')
			}
			b.WriteRune(r)
		case r == '.' || r == '-':
			b.WriteByte('_')
		default:
			fmt.Fprintf(&b, "u%x", r)
		}
	}
	if b.Len() == 0 {
		return "_"
	}
	return b.String()
}

// camel joins the words of a name: first says whether the first begins with a
// capital letter, too.
func camel(name string, first bool) string {
	var b strings.Builder
	upper := first
	for _, r := range identifier(name) {
		switch {
		case r == '_':
			upper = upper || b.Len() > 0
		case upper:
			b.WriteRune(unicode.ToUpper(r))
			upper = false
		default:
			b.WriteRune(r)
		}
	}
	switch s := b.String(); {
	case s == "" && first:
		return "X"
	case s == "":
		return "x"
	case '0' <= s[0] && s[0] <= '9':
		return map[bool]string{true: "X", false: "x"}[first] + s
	default:
		return s
	}
}
