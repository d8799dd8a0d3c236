package rpc

import "golang.org/x/sys/unix"

// block is memory outside the garbage collector's heap, freed by whoever has
// it. No slice of one ever leaves its owner.
type block struct {
	mem    []byte
	used   int
	mapped bool
}

func newBlock(size int) block {
	// Populated at once: a page fault for each page would cost more than the
	// copying.
	mem, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_POPULATE)
	if err != nil {
		return block{mem: make([]byte, size)} // too many mappings: the heap has room
	}
	return block{mem: mem, mapped: true}
}

func (b *block) free() {
	if b.mapped {
		_ = unix.Munmap(b.mem) // it fails for a wrong address only
	}
	*b = block{}
}
