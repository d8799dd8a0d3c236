// Package words turns the words of a command line into JSON: what a person types
// as an argument of a Python function. Each word is JSON where it reads as such,
// and a string where it does not.
package words

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
)

// numberMark stands before a negative number while flags are parsed, so that
// "-2" is an argument and never a flag.
const numberMark = "\x00"

var negativeNumber = regexp.MustCompile(`^-(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// Protect marks the negative numbers among the words of a command line.
func Protect(args []string) []string {
	out := make([]string, len(args))
	for i, word := range args {
		if negativeNumber.MatchString(word) {
			word = numberMark + word
		}
		out[i] = word
	}
	return out
}

// Unprotect takes the marks off, in place.
func Unprotect(args []string) []string {
	for i := range args {
		args[i] = strings.TrimPrefix(args[i], numberMark)
	}
	return args
}

// Unmark takes the marks out of an error's text, where a word may be quoted.
func Unmark(text string) string {
	return strings.NewReplacer(numberMark, "", `\x00`, "").Replace(text)
}

// Value is the word's JSON, or the word as a JSON string.
func Value(word string) json.RawMessage {
	if raw, ok := Compact(word); ok {
		return raw
	}
	return Quoted(word)
}

// Compact takes the line breaks out of JSON and leaves its numbers and strings
// as they were written; false when it is none.
func Compact(text string) (json.RawMessage, bool) {
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(text)); err != nil || b.Len() == 0 {
		return nil, false
	}
	return b.Bytes(), true
}

// Quoted is the text as a JSON string.
func Quoted(s string) json.RawMessage {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes
	return bytes.TrimSpace(b.Bytes())
}

// Array joins values.
func Array(list []json.RawMessage) json.RawMessage {
	out := []byte{'['}
	for i, item := range list {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, item...)
	}
	return append(out, ']')
}

// Params are the positional parameters of a call; nil for none, which also reads
// an attribute.
func Params(args []string) json.RawMessage {
	if len(args) == 0 {
		return nil
	}
	list := make([]json.RawMessage, len(args))
	for i, word := range args {
		list[i] = Value(word)
	}
	return Array(list)
}
