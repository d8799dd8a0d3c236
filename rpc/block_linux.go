package rpc

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// block is memory outside the garbage collector's heap, freed by whoever has
// it. No slice of one ever leaves its owner.
type block struct {
	mem     []byte
	used    int
	mapping []byte // what mem is a part of; nil: the heap's
}

func newBlock(size int) block {
	if size < bigBlock {
		// Populated at once: a page fault for each page would cost more than
		// the copying.
		mem, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_POPULATE)
		if err != nil {
			return block{mem: make([]byte, size)} // too many mappings: the heap has room
		}
		return block{mem: mem, mapping: mem}
	}
	// A huge page must be aligned: room to find the place in. What is never
	// touched is no memory.
	mapping, err := unix.Mmap(-1, 0, size+bigBlock, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_NORESERVE)
	if err != nil {
		return block{mem: make([]byte, size)}
	}
	skip := -uintptr(unsafe.Pointer(unsafe.SliceData(mapping))) % bigBlock
	mem := mapping[skip : skip+uintptr(size)]
	// Where huge pages are switched off, or none is left, these are small ones;
	// before Linux 5.14 they come as they are touched.
	_ = unix.Madvise(mem, unix.MADV_HUGEPAGE)
	_ = unix.Madvise(mem, unix.MADV_POPULATE_WRITE)
	return block{mem: mem, mapping: mapping}
}

func (b *block) free() {
	if b.mapping != nil {
		_ = unix.Munmap(b.mapping) // it fails for a wrong address only
	}
	*b = block{}
}
