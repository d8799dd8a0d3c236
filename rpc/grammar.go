package rpc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
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
func (c *cursor) next() byte {
	if c.at < len(c.line) && c.line[c.at] > ' ' {
		return c.line[c.at]
	}
	return c.skipSpace()
}

func (c *cursor) skipSpace() byte {
	for c.at < len(c.line) {
		switch b := c.line[c.at]; b {
		case ' ', '\t', '\r', '\n':
			c.at++
		default:
			return b
		}
	}
	return 0
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
	switch {
	case b == '"':
		return c.text()
	case b == '-' || b-'0' <= 9:
		return c.number()
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
// host chooses is no depth of our stack.
func (c *cursor) container(b byte) error {
	var objects nest
	outside := c.depth
	for {
		// A value begins here, with b.
		if b == '{' || b == '[' {
			if err := c.open(); err != nil {
				return err
			}
			objects.set(c.depth, b == '{')
			closing := b + 2 // of either bracket
			object := b == '{'
			if b = c.next(); b != closing {
				if object {
					if err := c.name(); err != nil {
						return err
					}
					b = c.next()
				}
				continue
			}
			c.at++
			c.depth--
		} else if err := c.scalar(b); err != nil {
			return err
		}
		// It has ended, and with it perhaps what is around it.
		for more := false; !more; {
			if c.depth == outside {
				return nil
			}
			object := objects.at(c.depth)
			var err error
			if more, err = c.more(object); err != nil {
				return err
			}
			if more && object {
				if err := c.name(); err != nil {
					return err
				}
			}
		}
		b = c.next()
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
	if err := c.text(); err != nil {
		return err
	}
	if c.next() != ':' {
		return c.wrong("behind a member's name")
	}
	c.at++
	return nil
}

// text walks over a string, eight bytes at a time where they are plain.
func (c *cursor) text() error {
	const (
		ones  = 0x0101010101010101
		highs = 0x8080808080808080
	)
	line := c.line
	for i := c.at + 1; i < len(line); {
		if i+8 <= len(line) {
			// A zero byte of x-ones borrows into its high bit; ^x keeps bytes
			// that had it set out of it. Borrows may mark what stands behind
			// the first mark too, so only the first counts.
			x := binary.LittleEndian.Uint64(line[i:])
			quote, slash := x^ones*'"', x^ones*'\\'
			marks := ((quote-ones)&^quote | (slash-ones)&^slash | (x-ones*' ')&^x) & highs
			if marks == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(marks) / 8
		}
		switch b := line[i]; {
		case b == '"':
			c.at = i + 1
			return nil
		case b == '\\':
			n := escape(line[i:])
			if n == 0 {
				c.at = i
				if rest := len(line) - i; rest < len(`\n`) || line[i+1] == 'u' && rest < len(`\u0000`) {
					return errCutShort
				}
				return c.wrong("in a string")
			}
			i += n
		case b < ' ':
			c.at = i
			return c.wrong("in a string unescaped")
		default:
			i++
		}
	}
	c.at = len(line)
	return errCutShort
}

// escape is how long the escape at the start of b is; 0 when it is none.
func escape(b []byte) int {
	if len(b) < len(`\n`) {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return len(`\n`)
	case 'u':
		if len(b) < len(`\u0000`) {
			return 0
		}
		for _, h := range b[2:len(`\u0000`)] {
			if (h < '0' || h > '9') && (h|0x20 < 'a' || h|0x20 > 'f') {
				return 0
			}
		}
		return len(`\u0000`)
	}
	return 0
}

// number walks over a number.
func (c *cursor) number() error {
	line, i := c.line, c.at
	if line[i] == '-' {
		i++
	}
	whole := i
	if i = digits(line, i); i == whole || line[whole] == '0' && i > whole+1 {
		c.at = min(i, whole+1)
		return c.wrong("in a number")
	}
	if i < len(line) && line[i] == '.' {
		fraction := i + 1
		if i = digits(line, fraction); i == fraction {
			c.at = i
			return c.wrong("in a number")
		}
	}
	if i < len(line) && line[i]|0x20 == 'e' {
		if i++; i < len(line) && (line[i] == '+' || line[i] == '-') {
			i++
		}
		exponent := i
		if i = digits(line, exponent); i == exponent {
			c.at = i
			return c.wrong("in a number")
		}
	}
	c.at = i
	return nil
}

// digits is where the digits that begin at i end.
func digits(line []byte, i int) int {
	for i < len(line) && line[i]-'0' <= 9 {
		i++
	}
	return i
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
