package supervisor

import (
	"encoding/binary"
	"os"
)

// cellSize is the size of one cell of the scoreboard.
const cellSize = 8

// board is the scoreboard: a page of memory shared with the worker, in which
// it notes what it starts before it starts it. It outlives the worker, which
// is its whole point: what a dead worker had begun cannot be asked any more.
//
// The daemon reads it through the descriptor and does not map it. A mapping
// would save one system call at a death or a ps, and would let a worker that
// truncates the file kill the daemon with SIGBUS.
type board struct {
	file  *os.File
	seats int
}

// newBoard makes a zeroed board of one stage cell and one cell a seat.
func newBoard(seats int) (*board, error) {
	f, err := sharedMemory("mochi-pyd scoreboard")
	if err != nil {
		return nil, err
	}
	size := (1 + seats) * cellSize
	if err := f.Truncate(int64(size)); err != nil {
		_ = f.Close()
		return nil, err
	}
	return &board{file: f, seats: seats}, nil
}

// snapshot reads all cells at once. Cells that cannot be read are zero: the
// worker is not trusted with anything but its own fate.
func (b *board) snapshot() cells {
	// A buffer of its own: a ps and a burial may look at the same time.
	buf := make([]byte, (1+b.seats)*cellSize)
	_, _ = b.file.ReadAt(buf, 0)
	c := make(cells, 1+b.seats)
	for i := range c {
		c[i] = binary.LittleEndian.Uint64(buf[i*cellSize:])
	}
	return c
}

func (b *board) close() { _ = b.file.Close() }

// cells is what the board said at one moment.
type cells []uint64

// stage is how far the worker's start had come.
func (c cells) stage() uint64 { return c[0] }

// started says that the call with this link id had begun.
func (c cells) started(id uint64) bool {
	seats := uint64(len(c) - 1)
	return c[1+id%seats] == id
}
