package rpc

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// hugePage is what one page table entry can hold where the kernel is asked for
// it. Ten megabytes in small pages cost 3 ms of page faults and 1 ms of giving
// them back, which is more than everything else about receiving them.
const hugePage = 2 << 20

// block is memory outside the garbage collector's heap, freed by whoever has
// it. No slice of one ever leaves its owner.
type block struct {
	mem     []byte
	used    int
	mapping []byte // what mem is a part of; nil: the heap's
}

func newBlock(size int) block {
	if size < hugePage {
		// Populated at once: a page fault for each page would cost more than
		// the copying.
		mem, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_POPULATE)
		if err != nil {
			return block{mem: make([]byte, size)} // too many mappings: the heap has room
		}
		return block{mem: mem, mapping: mem}
	}
	// Room to find an aligned place in; what is never touched is no memory.
	mapping, err := unix.Mmap(-1, 0, size+hugePage, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_NORESERVE)
	if err != nil {
		return block{mem: make([]byte, size)}
	}
	skip := -uintptr(unsafe.Pointer(unsafe.SliceData(mapping))) % hugePage
	mem := mapping[skip : skip+uintptr(size)]
	// Where huge pages are switched off or have run out it gets small ones.
	_ = unix.Madvise(mem, unix.MADV_HUGEPAGE)
	_ = unix.Madvise(mem, unix.MADV_POPULATE_WRITE) // before Linux 5.14 they come one by one
	return block{mem: mem, mapping: mapping}
}

func (b *block) free() {
	if b.mapping != nil {
		_ = unix.Munmap(b.mapping) // it fails for a wrong address only
	}
	*b = block{}
}
