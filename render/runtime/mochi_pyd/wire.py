"""The wire: the descriptors a worker speaks on, and nothing a user may hold.

Under the daemon they are inherited and named in MOCHI_PYD_WIRE. By hand they
are stdin and stdout, moved away so that 0 and 1 are free for user code.
"""

import os
import sys
from _thread import RLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Union

    # A line; or what comes before the result of a long one, and the result.
    Answer = Union[bytes, tuple[str, str]]

VARIABLE = "MOCHI_PYD_WIRE"
PROTOCOL = 1
# What cell 0 of the board says, so that a silent death names its stage.
STAGE_IMPORT = 1
STAGE_READY = 2
# The longest line either side may write when nobody said otherwise.
DEFAULT_MESSAGE = 16 * 1024 * 1024
# The handles that one connection may hold here when nobody said otherwise.
DEFAULT_HANDLES = 10_000
# From so many characters on a result is written in pieces: what the daemon makes
# its pipes hold.
LONG = 256 * 1024
# Only Linux tells the owner of a pipe which signal its end is.
F_SETOWN, F_SETSIG, O_ASYNC, SIGKILL = 8, 10, 0o20000, 9


class Wire:
    """What the worker reads from and writes to."""

    def __init__(self) -> None:
        text = os.environ.pop(VARIABLE, None)
        self.daemon = text is not None
        # What is no integer here is read by those it is for.
        self.named = named = dict(pair.split("=", 1) for pair in (text or "").split())
        numbers = {k: int(v) for k, v in named.items() if v.lstrip("-").isdigit()}
        # What the ids of this worker's handles begin with.
        self.refs = named.get("refs", "p0.w0.g0")
        # A fresh event loop for each call, instead of one for all of them.
        self.per_call = named.get("eventloop", "") == "per-call"
        self.limit = numbers.get("message", DEFAULT_MESSAGE)
        self.seats = numbers.get("seats", 1)
        self.main_seats = numbers.get("main", self.seats)
        self.loop = numbers.get("loop", -1)
        self.control = numbers.get("control", -1)
        self.handles = numbers.get("handles", DEFAULT_HANDLES)
        self.life = numbers.get("life", -1)
        # Whence a call of the main thread hears while it runs.
        self.side = numbers.get("side", -1)
        # What a call has where the daemon does not say, in seconds: 0 is for ever.
        self.timeout = float(named.get("timeout", 0)) / 1000
        # The socket of a process that forks workers and is none.
        self.fork = numbers.get("fork", -1)
        # The signal that asks for the stacks of all threads; 0 is none.
        self.dump = numbers.get("dump", 0)
        # The longest a thread polls before it sleeps, in seconds: 0 is never, and
        # negative what the runtime finds best. By hand nobody counts microseconds.
        self.poll = numbers.get("poll", -1 if self.daemon else 0) / 1e6
        self.board: memoryview | None = None
        self._board_file = numbers.get("board", -1)
        self.forked = False
        # A kick may answer for what is given back in the middle of a thread's own line.
        self._lock = RLock()
        if self.daemon:
            self.requests, self.replies = numbers["in"], numbers["out"]
            for fd in (*self._descriptors(), self.fork):
                if fd >= 0:
                    os.set_inheritable(fd, False)
            if self.life >= 0:
                self._arm_lifeline()
        else:
            self.requests, self.replies = _take_stdio()
        os.register_at_fork(after_in_child=self._forget)

    def stage(self, stage: int) -> None:
        """Write how far the start has come on the board."""
        if self.board is not None:
            self.board[0] = stage
        elif self._board_file >= 0:
            os.pwrite(self._board_file, stage.to_bytes(8, sys.byteorder), 0)

    def map_board(self) -> None:
        """Map the board, which takes a module that the start can do without."""
        if self._board_file < 0:
            return
        import mmap

        self.board = memoryview(mmap.mmap(self._board_file, 8 * (1 + 2 * self.seats))).cast("Q")
        os.close(self._board_file)
        self._board_file = -1

    def write(self, line: "Answer") -> None:
        """Write a whole line; the kernel may take it in pieces."""
        if isinstance(line, tuple):
            self._write_long(*line)
            return
        try:
            done = os.write(self.replies, line)
        except BlockingIOError:
            done = 0
        except OSError:
            self._leave_if_forked()
            raise
        if done != len(line):
            self._write_rest(memoryview(line)[done:])

    def write_shared(self, line: "Answer") -> None:
        """Write a whole line, while other threads write theirs."""
        with self._lock:
            self.write(line)

    def _write_long(self, head: str, result: str) -> None:
        """Write a long result a pipe's length at a time: it is never copied whole."""
        self.write(head.encode())
        for at in range(0, len(result), LONG):
            self.write(result[at : at + LONG].encode())
        self.write(b"}\n")

    def _write_rest(self, rest: memoryview) -> None:
        import select

        while rest:
            try:
                rest = rest[os.write(self.replies, rest) :]
            except BlockingIOError:  # by hand, on a terminal that someone made non-blocking
                select.select([], [self.replies], [])

    def read(self, size: int) -> bytes:
        """Read what there is of the main thread's requests; b"" at their end."""
        try:
            return os.read(self.requests, size)
        except BlockingIOError:
            import select

            select.select([self.requests], [], [])
            return os.read(self.requests, size)
        except OSError:
            self._leave_if_forked()
            raise

    def _arm_lifeline(self) -> None:
        """Have the kernel kill the group when the daemon's end closes.

        The daemon arms a copy of its own, since user code may close this one.
        A daemon that died before this line sends no signal: hence the read, which
        needs no `select` to be imported.
        """
        if not sys.platform.startswith("linux"):
            return
        import fcntl

        fcntl.fcntl(self.life, F_SETOWN, -os.getpgrp())
        fcntl.fcntl(self.life, F_SETSIG, SIGKILL)
        flags = fcntl.fcntl(self.life, fcntl.F_GETFL)
        fcntl.fcntl(self.life, fcntl.F_SETFL, flags | O_ASYNC | os.O_NONBLOCK)
        try:
            os.read(self.life, 1)
        except BlockingIOError:  # nothing to read, and no end of it
            return
        os._exit(1)

    def _forget(self) -> None:
        """In a forked child: it must not be able to speak for the worker."""
        self.forked = True
        for fd in self._descriptors():
            if fd >= 0:
                try:
                    os.close(fd)
                except OSError:  # user code closed it before us
                    pass
        self.requests = self.replies = self.loop = self.control = self.life = self.side = -1
        self._board_file, self.board = -1, None

    def _descriptors(self) -> "tuple[int, ...]":
        ours = (self.requests, self.replies, self.loop, self.control, self.life)
        return (*ours, self.side, self._board_file)

    def _leave_if_forked(self) -> None:
        """End a forked child that came back out of the user's function."""
        if self.forked:
            for stream in (sys.stdout, sys.stderr):
                flush: Callable[[], None] | None = getattr(stream, "flush", None)
                if flush is not None:
                    flush()
            os._exit(0)


def _take_stdio() -> tuple[int, int]:
    """Move stdin and stdout away; 0 becomes /dev/null and 1 follows stderr."""
    null = os.open(os.devnull, os.O_RDWR)
    try:
        os.fstat(2)
    except OSError:  # started with stderr closed
        os.dup2(null, 2)
    requests, replies = os.dup(0), os.dup(1)
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.close(null)
    return requests, replies


def expect(module: str) -> None:
    """Refuse to serve another module by hand than the one the script was rendered for."""
    if VARIABLE in os.environ or len(sys.argv) < 2 or not module or sys.argv[1] == module:
        return
    raise SystemExit(
        f"{sys.argv[0]}: rendered for {module}, not for {sys.argv[1]}: "
        f"run it with {module}, or render {sys.argv[1]}"
    )
