package rpc

import (
	"errors"
	"fmt"
)

// This file walks JSON by the grammar of RFC 8259 and nothing else: it builds no
// value, copies no byte and allocates nothing. What it accepts is what
// jsontext's decoder accepts with duplicate names and escapes of lone surrogates
// allowed, which a fuzz test holds it to; it takes less than half of that one's
// time, which is most of what a large message costs here. UTF-8 is not its
// business: whoever walks a line has checked it as a whole.

// MaxDepth is how many arrays and objects a line may nest. It bounds what a
// worker's recursive JSON parser is asked to do; the envelope counts.
const MaxDepth = 512

// errCutShort: the line ends inside a value.
var errCutShort = errors.New("the line ends in the middle of a value")

// cursor is a place in a line.
type cursor struct {
	line  []byte
	at    int
	depth int // arrays and objects that are open around it
}

// next is the first byte that is not white space, where the cursor then stands;
// 0 at the end of the line.
func (c *cursor) next() (b byte) {
	c.at, b = next(c.line, c.at)
	return b
}

func next(line []byte, i int) (int, byte) {
	if i < len(line) && line[i] > ' ' {
		return i, line[i]
	}
	return skipSpace(line, i)
}

func skipSpace(line []byte, i int) (int, byte) {
	for i < len(line) {
		switch b := line[i]; b {
		case ' ', '\t', '\r', '\n':
			i++
		default:
			return i, b
		}
	}
	return i, 0
}

// wrong says what stands where it must not.
func (c *cursor) wrong(where string) error {
	if c.at >= len(c.line) {
		return errCutShort
	}
	return fmt.Errorf("byte %d is %q, which cannot stand %s", c.at, c.line[c.at], where)
}

// open enters an array or object, on whose bracket the cursor stands.
func (c *cursor) open() error {
	if c.depth++; c.depth > MaxDepth {
		return fmt.Errorf("nested deeper than %d", MaxDepth)
	}
	c.at++
	return nil
}

// nest remembers of each depth whether what is open there is an object.
type nest [MaxDepth/64 + 1]uint64

func (n *nest) set(depth int, object bool) {
	bit := uint64(1) << (depth % 64)
	if n[depth/64] &^= bit; object {
		n[depth/64] |= bit
	}
}

func (n *nest) at(depth int) bool { return n[depth/64]>>(depth%64)&1 == 1 }

// value walks over one value and gives its bytes.
func (c *cursor) value() ([]byte, error) {
	b := c.next()
	start := c.at
	var err error
	if b == '{' || b == '[' {
		err = c.container(b)
	} else {
		err = c.scalar(b)
	}
	return c.line[start:c.at], err
}

// scalar walks over a value that is no array or object and begins with b.
func (c *cursor) scalar(b byte) error {
	var ok bool
	switch {
	case b == '"':
		if c.at, ok = textEnd(c.line, c.at); !ok {
			return c.wrongText()
		}
		return nil
	case b == '-' || b-'0' <= 9:
		if c.at, ok = numberEnd(c.line, c.at); !ok {
			return c.wrong("in a number")
		}
		return nil
	case b == 't':
		return c.literal("true")
	case b == 'f':
		return c.literal("false")
	case b == 'n':
		return c.literal("null")
	}
	return c.wrong("where a value begins")
}

// container walks over an array or object, which begins with b. It keeps the
// brackets that are open in a table and does not call itself: the depth that a
// host chooses is no depth of our stack. And it keeps its place in a variable of
// its own, which is a register: the cursor's is memory, to be waited for at every
// token. What is wrong is left to the cursor's methods to find again and to name.
func (c *cursor) container(b byte) error {
	var objects nest
	outside := c.depth
	line, i := c.line, c.at
	object := false // what is open innermost is one
	for {
		// A value begins here, with b.
		start, ok := i, true
		switch {
		case b == '"':
			i, ok = textEnd(line, i)
		case b-'0' <= 9 || b == '-':
			i, ok = numberEnd(line, i)
		case b == '{' || b == '[':
			c.at = i
			if err := c.open(); err != nil {
				return err
			}
			object = b == '{'
			objects.set(c.depth, object)
			closing := b + 2 // of either bracket
			if i, b = next(line, i+1); b != closing {
				if object {
					start = i
					if i, ok = nameEnd(line, i); !ok {
						c.at = start
						return c.name()
					}
					i, b = next(line, i)
				}
				continue
			}
			i++
			c.depth--
			object = objects.at(c.depth)
		default:
			ok = false
		}
		if !ok {
			c.at = start
			if err := c.scalar(b); err != nil {
				return err
			}
			i = c.at // a literal
		}
		// It has ended, and with it perhaps what is around it.
		for {
			if c.depth == outside {
				c.at = i
				return nil
			}
			if i, b = next(line, i); b == ',' {
				break
			}
			if object && b != '}' || !object && b != ']' {
				c.at = i
				return c.wrong("behind a value")
			}
			i++
			c.depth--
			object = objects.at(c.depth)
		}
		i, b = next(line, i+1)
		if object {
			start = i
			if i, ok = nameEnd(line, i); !ok {
				c.at = start
				return c.name()
			}
			i, b = next(line, i)
		}
	}
}

// more stands behind a value in an array or object: true behind a comma, false
// when that was the last.
func (c *cursor) more(object bool) (bool, error) {
	closing := byte(']')
	if object {
		closing = '}'
	}
	switch c.next() {
	case ',':
		c.at++
		return true, nil
	case closing:
		c.at++
		c.depth--
		return false, nil
	}
	return false, c.wrong("behind a value")
}

// name walks over a member's name and its colon.
func (c *cursor) name() error {
	if c.next() != '"' {
		return c.wrong("where a member's name begins")
	}
	var ok bool
	if c.at, ok = textEnd(c.line, c.at); !ok {
		return c.wrongText()
	}
	if c.next() != ':' {
		return c.wrong("behind a member's name")
	}
	c.at++
	return nil
}

// wrongText says what is wrong with a string, at the byte where it is.
func (c *cursor) wrongText() error {
	rest := c.line[c.at:]
	switch {
	case len(rest) == 0:
		return errCutShort
	case rest[0] != '\\':
		return c.wrong("in a string unescaped")
	case len(rest) < len(`\n`) || rest[1] == 'u' && len(rest) < len(`\u0000`):
		return errCutShort
	}
	return c.wrong("in a string")
}

func (c *cursor) literal(word string) error {
	if len(c.line)-c.at < len(word) {
		c.at = len(c.line)
		return errCutShort
	}
	if string(c.line[c.at:c.at+len(word)]) != word {
		return c.wrong("where a value begins")
	}
	c.at += len(word)
	return nil
}
