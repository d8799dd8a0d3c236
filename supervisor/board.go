package supervisor

import (
	"encoding/binary"
	"os"
	"time"
)

// cellSize is the size of one cell of the scoreboard.
const cellSize = 8

// board is the scoreboard: a page of memory shared with the worker, in which
// it notes what it starts before it starts it. It outlives the worker, which
// is its whole point: what a dead worker had begun cannot be asked any more.
//
// Behind those cells stands one more for each seat, which the daemon writes:
// the call that is struck out, and is skipped though its line is in the pipe.
// The worker looks there after it has noted the call as started. So a call that
// was struck out, and strikeSettles later is not noted, never starts: the note
// that is still to come will be followed by a look. The page and not the control
// pipe, because a signal that nobody handles, or descriptors that user code has
// closed, must not make a lie of what a caller was told.
//
// The daemon reads it through the descriptor and does not map it. A mapping
// would save one system call at a death or a ps, and would let a worker that
// truncates the file kill the daemon with SIGBUS.
type board struct {
	file  *os.File
	seats int
}

// strikeSettles is how long after a strike the board is believed. Both sides
// write one cell and then read another, and Python has no fence to put between:
// a processor may hold a write back while it reads ahead, for well under a
// microsecond, or until the kernel next runs on it.
const strikeSettles = time.Millisecond

// boardSize is that of one stage cell and two cells a seat.
func boardSize(seats int) int { return (1 + 2*seats) * cellSize }

// newBoard makes a zeroed board.
func newBoard(seats int) (*board, error) {
	f, err := sharedMemory("mochi-pyd scoreboard")
	if err != nil {
		return nil, err
	}
	if err := f.Truncate(int64(boardSize(seats))); err != nil {
		_ = f.Close()
		return nil, err
	}
	return &board{file: f, seats: seats}, nil
}

// snapshot reads all cells of the worker's at once. Cells that cannot be read are zero: the
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

// strike writes the call into its seat's cell of those that never start; false
// says that it could not.
func (b *board) strike(id uint64) bool {
	var cell [cellSize]byte
	binary.LittleEndian.PutUint64(cell[:], id)
	seats := uint64(b.seats)
	_, err := b.file.WriteAt(cell[:], int64(1+seats+id%seats)*cellSize)
	return err == nil
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
