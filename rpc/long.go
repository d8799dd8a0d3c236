package rpc

const (
	// blockSize is how much memory a long line takes at a time.
	blockSize = 256 << 10
	// bigBlock is what it takes from this size on: a huge page. In small pages,
	// the page faults of 10 MiB and giving them back cost 4 ms, which is more than
	// reading them.
	bigBlock = 2 << 20
)

// long is the beginning of a line that is longer than the read buffer, until it
// is joined. A buffer that doubles whenever it is full would be simpler and
// leave three times the line's size behind; blocks from the garbage collector's
// heap would stay until it comes by. So the blocks come from the system and go
// back to it one by one while the line is put together: a line takes little more
// than its own size at any moment.
type long struct {
	blocks []block
	size   int
}

// add copies b behind what there is.
func (l *long) add(b []byte) {
	l.size += len(b)
	for len(b) > 0 {
		last := len(l.blocks) - 1
		if last < 0 || l.blocks[last].used == len(l.blocks[last].mem) {
			l.blocks = append(l.blocks, newBlock(l.step()))
			last++
		}
		at := &l.blocks[last]
		n := copy(at.mem[at.used:], b)
		at.used += n
		b = b[n:]
	}
}

// step is how big the next block is.
func (l *long) step() int {
	if l.size >= bigBlock {
		return bigBlock
	}
	return blockSize
}

// join gives the line that ends with end, and the blocks back.
func (l *long) join(end []byte) []byte {
	line := make([]byte, 0, l.size+len(end))
	for i := range l.blocks {
		line = append(line, l.blocks[i].mem[:l.blocks[i].used]...)
		l.blocks[i].free()
	}
	*l = long{}
	return append(line, end...)
}

// prefix is a copy of the first n bytes, or of all there are.
func (l *long) prefix(end []byte, n int) []byte {
	if len(l.blocks) > 0 {
		end = l.blocks[0].mem[:l.blocks[0].used]
	}
	return append([]byte(nil), end[:min(n, len(end))]...)
}

// drop gives the blocks back.
func (l *long) drop() {
	for i := range l.blocks {
		l.blocks[i].free()
	}
	*l = long{}
}
