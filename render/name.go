package render

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// keywords cannot be names in any Python from 3.9 on. Soft keywords (match,
// case, type) can, and modules do use them.
var keywords = []string{
	"False", "None", "True", "and", "as", "assert", "async", "await", "break",
	"class", "continue", "def", "del", "elif", "else", "except", "finally",
	"for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal",
	"not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
}

// reserved are the script's own names: a method so named would take its place.
var reserved = []string{
	"Worker", "UnboundParams", "UnknownMethod", "asyncio",
	"_PARSE_ERROR", "_INVALID_REQUEST", "_METHOD_NOT_FOUND", "_INVALID_PARAMS", "_INTERNAL_ERROR",
	"_RUNTIME", "_WORKER", "_METHODS", "_dispatch", "_dispatch_async", "_refuse", "_main",
}

// checkName accepts a Python identifier in ASCII. Python also takes letters of
// other scripts, but folds them (NFKC), so that two names a person can tell
// apart would be one function and two that look alike would be two: refused
// until somebody needs them.
func checkName(name string) error {
	if name == "" {
		return errors.New("it is empty: write a Python identifier")
	}
	for i := range len(name) {
		c := name[i]
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		digit := '0' <= c && c <= '9'
		if !letter && (!digit || i == 0) {
			return fmt.Errorf("%q is no Python identifier: use ASCII letters, digits and _, and no digit first", name)
		}
	}
	if slices.Contains(keywords, name) {
		return fmt.Errorf("%q is a Python keyword: nothing can have that name", name)
	}
	return nil
}

// checkDotted accepts identifiers joined by dots.
func checkDotted(name string) error {
	for segment := range strings.SplitSeq(name, ".") {
		if err := checkName(segment); err != nil {
			return err
		}
	}
	return nil
}

// checkFree accepts an identifier that the script does not use itself.
func checkFree(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	if slices.Contains(reserved, name) || strings.HasPrefix(name, "__") {
		return fmt.Errorf("%q is a name of the script itself: import the function under another one", name)
	}
	return nil
}

// quote writes s as one Python string literal: printable ASCII as it is,
// everything else escaped, so that no input ends the literal or the line.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case ' ' <= r && r < 0x7f:
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
