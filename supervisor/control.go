//go:build unix

package supervisor

import (
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"
)

// revokeBit makes an id in the control pipe a revocation: give the call back
// unless it has started. Link ids never come near it.
const revokeBit = 1 << 63

// shoot writes a link id into the control pipe; false says that the pipe is
// full. It goes around os.File, whose Write waits for a reader on a full pipe:
// a worker that is stuck does not read, and nobody may wait for it. Eight bytes
// are written whole or not at all. A pipe whose reader is gone counts as
// written to: its worker is beyond being asked.
func (w *wire) shoot(id uint64) bool {
	var shot [8]byte
	binary.LittleEndian.PutUint64(shot[:], id)
	var err error
	_ = withFd(w.control, func(fd int) error { // closed: there is nobody to shoot at
		for {
			if _, err = unix.Write(fd, shot[:]); !errors.Is(err, unix.EINTR) {
				return nil
			}
		}
	})
	return !errors.Is(err, unix.EAGAIN)
}
