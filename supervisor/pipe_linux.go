package supervisor

import "golang.org/x/sys/unix"

func rawPipe() (r, w int, err error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return 0, 0, err
	}
	return p[0], p[1], nil
}

// growPipe asks for more room. An unprivileged user has a quota of pipe pages
// (pipe-user-pages-soft); past it the pipe stays as it is, only slower.
func growPipe(fd int) {
	_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, pipeSize)
}
