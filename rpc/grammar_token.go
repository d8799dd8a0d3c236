package rpc

import (
	"encoding/binary"
	"math/bits"
)

// Where a name, a string or a number ends, as functions of a line and a place in
// it, which stay in registers.

// nameEnd is where a member's name that begins at i, with its colon, ends.
func nameEnd(line []byte, i int) (end int, ok bool) {
	if i >= len(line) || line[i] != '"' {
		return i, false
	}
	if i, ok = textEnd(line, i); !ok {
		return i, false
	}
	i, b := next(line, i)
	return i + 1, b == ':'
}

// shortText is how much of a string is looked at byte by byte. Where the names
// and the lengths of things repeat, as in records, the processor foresees the
// end of each and runs ahead; an end that is computed, it has to wait for.
const shortText = 16

// The lowest and the highest bit of each of the eight bytes of a word.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// textEnd is where the string that begins at i ends, or where it is wrong. After
// its first bytes it goes eight at a time where they are plain.
func textEnd(line []byte, i int) (end int, ok bool) {
	i++
	for short := min(len(line), i+shortText); i < short; i++ {
		if b := line[i]; b == '"' {
			return i + 1, true
		} else if b == '\\' || b < ' ' {
			break
		}
	}
	for i < len(line) {
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
			return i + 1, true
		case b == '\\':
			n := escape(line[i:])
			if n == 0 {
				return i, false
			}
			i += n
		case b < ' ':
			return i, false
		default:
			i++
		}
	}
	return i, false
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

// numberEnd is where the number that begins at i ends, or where it is wrong.
func numberEnd(line []byte, i int) (end int, ok bool) {
	if line[i] == '-' {
		i++
	}
	whole := i
	if i = digits(line, i); i == whole || line[whole] == '0' && i > whole+1 {
		return min(i, whole+1), false
	}
	if i < len(line) && line[i] == '.' {
		fraction := i + 1
		if i = digits(line, fraction); i == fraction {
			return i, false
		}
	}
	if i < len(line) && line[i]|0x20 == 'e' {
		if i++; i < len(line) && (line[i] == '+' || line[i] == '-') {
			i++
		}
		exponent := i
		if i = digits(line, exponent); i == exponent {
			return i, false
		}
	}
	return i, true
}

// digits is where the digits that begin at i end. Eight at a time even at the
// start, other than in a text: how long a number is can seldom be foreseen.
func digits(line []byte, i int) int {
	for ; i+8 <= len(line); i += 8 {
		// Of a digit x is 0 to 9, and what is more overflows into the high bit.
		// Past a byte that had it set the carry may mark wrongly: only the first
		// mark counts.
		x := binary.LittleEndian.Uint64(line[i:]) ^ ones*'0'
		if marks := (x + ones*(0x80-10) | x) & highs; marks != 0 {
			return i + bits.TrailingZeros64(marks)/8
		}
	}
	for i < len(line) && line[i]-'0' <= 9 {
		i++
	}
	return i
}
