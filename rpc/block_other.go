//go:build !linux

package rpc

// block is a piece of a long line.
type block struct {
	mem  []byte
	used int
}

func newBlock(size int) block { return block{mem: make([]byte, size)} }

func (b *block) free() { *b = block{} }
