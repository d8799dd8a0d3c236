package rpc

import "bytes"

// Elements cuts the elements of a JSON array out of it, without reading them:
// each is its own bytes, not a copy. It gives how many there are; what into has
// no room for is not looked at, and counts as one more. ok is false when array,
// which is JSON, is no array.
func Elements(array []byte, into [][]byte) (n int, ok bool) {
	c := cursor{line: array}
	if c.next() != '[' || c.open() != nil {
		return 0, false
	}
	if c.next() == ']' {
		return 0, true
	}
	for n < len(into) {
		element, err := c.value()
		if err != nil {
			return 0, false
		}
		into[n] = element
		n++
		if c.next() == ']' {
			return n, true
		}
		c.at++ // the comma, in what is JSON
	}
	return n + 1, true
}

// PlainText gives what stands between the quotes of a JSON string that has no
// escapes; ok is false for every other value.
func PlainText(value []byte) (text []byte, ok bool) {
	if len(value) < len(`""`) || value[0] != '"' || bytes.IndexByte(value, '\\') >= 0 {
		return nil, false
	}
	return value[1 : len(value)-1], true
}
