"""What user code prints: each line a record that knows the call it came from.

A record is one line: byte 0x1e, then a JSON object. It goes to descriptor 1 or
2, which are log pipes; anything else on them (C code, child processes) is plain
text. By hand the lines are left as they are.
"""

import atexit
import io
import os
import sys
from _thread import RLock, get_ident

from .cancel import Kicks, shots, whole
from .values import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# A longer line becomes several records: at worst, six times as long in JSON,
# still shorter than what a reader of logs takes as one line.
LONGEST_LINE = 8 * 1024
# The lines of a call that its error repeats.
TAIL_LINES = 20
# How long a full pipe that user code made non-blocking is waited for, in ms.
PATIENCE = 1000

_MAIN_THREAD = get_ident()


class Running:
    """The call that runs now: one on the main thread, one per task on the loop.

    An object and not a class: what is written for every call must not be the
    attribute of a class, since each such write empties the interpreter's caches
    of that class (40 ns on 3.9 to 3.13, and from 3.13 on it gives them up).
    """

    def __init__(self) -> None:
        self.main: object = None
        # The main thread's request, the last one between two of them, and when the
        # line it came in was read.
        self.request: Any = None
        self.read = 0.0
        self.worker: Any = None  # from when it serves on
        # Read the loop's context variable; there is none until there is a loop.
        self.task: Callable[[], object] | None = None
        self.asking: Callable[[], Any] | None = None


current = Running()


def current_call() -> object:
    """Give the id of the call this thread or task works for; None when unknown."""
    if get_ident() == _MAIN_THREAD:
        return current.main
    return current.task() if current.task is not None else None


class Output:
    """State shared by both streams."""

    tagged = False
    dirty = False  # a call has left half a line or a tail behind
    lock = RLock()
    streams: "tuple[Lines, ...]" = ()
    tails: "dict[object, list[str]]" = {}  # of the calls that run, their last stderr lines


class Lines(io.BufferedIOBase):
    """The binary side of sys.stdout or sys.stderr: cuts bytes into records.

    It cannot be closed and it never raises for what the pipe does: user code
    that prints must not fail because a log reader is gone.
    """

    mode = "wb"

    def __init__(self, fd: int, name: str) -> None:
        self._fd = fd
        self.name = f"<{name}>"
        self._stream = name
        self.partial: dict[object, bytes] = {}

    def writable(self) -> bool:
        """Say that it can be written to."""
        return True

    def fileno(self) -> int:
        """Give the descriptor, for child processes."""
        return self._fd

    def isatty(self) -> bool:
        """Say whether a person watches."""
        return not Output.tagged and os.isatty(self._fd)

    def close(self) -> None:
        """Stay open: others print here too."""

    def flush(self) -> None:
        """Do nothing: a half line waits for its other half or for its call to end."""

    def write(self, data: "Any") -> int:
        """Cut data into lines."""
        size = self._write(data)
        if shots and Kicks.here is not None:
            Kicks.here.kick()
        return size

    @whole
    def _write(self, data: "Any") -> int:
        data = bytes(data)
        call = current_call()
        with Output.lock:
            held = self.partial.pop(call, None)
            lines = ((held or b"") + data).split(b"\n")
            rest = lines.pop()
            if held == b"" and lines and not lines[0]:
                del lines[0]  # the end of a long line that is written already
            if len(rest) > LONGEST_LINE:
                self._emit(call, [*lines, rest])
                self.partial[call] = b""
                Output.dirty = True
                return len(data)
            if lines:
                self._emit(call, lines)
            if rest:
                self.partial[call] = rest
                Output.dirty = True
        return len(data)

    def finish(self, call: object) -> None:
        """Write the half line that call left."""
        rest = self.partial.pop(call, b"")
        if rest:
            self._emit(call, [rest])

    def _emit(self, call: object, lines: list[bytes]) -> None:
        if not Output.tagged:
            put(self._fd, b"\n".join(lines) + b"\n")
            return
        for line in lines:
            for start in range(0, len(line) or 1, LONGEST_LINE):
                text = line[start : start + LONGEST_LINE].decode("utf-8", "replace").rstrip("\r")
                put(self._fd, tag(call, text, f'"stream":"{self._stream}"'))
                if self._fd == 2:
                    _remember(call, [text])


class Text(io.TextIOWrapper):
    """sys.stdout and sys.stderr: closing them does nothing."""

    mode = "w"

    def close(self) -> None:
        """Stay open: others print here too."""


def tag(call: object, message: str, more: str) -> bytes:
    """Make a record; more holds its other members, as JSON."""
    head = f'"call":{call},{_trace(call)}' if isinstance(call, int) else ""
    return f'\x1e{{{head}{more},"message":{quote(message)}}}\n'.encode("ascii")


def _trace(call: int) -> str:
    """Give the member that says which trace call is part of, or nothing.

    The daemon knows it of calls that run, and of some that have ended; what a call
    has left running, as a task, may write much later.
    """
    request = current.request
    if get_ident() != _MAIN_THREAD:
        request = current.asking() if current.asking is not None else None
    if request is None or request.get("id") != call:
        return ""
    meta = request.get("meta")
    parent = meta.get("traceparent") if type(meta) is dict else None
    return f'"trace":{quote(parent)},' if type(parent) is str and parent else ""


def put(fd: int, data: bytes) -> None:
    """Write all of data to a log pipe, or give up silently."""
    try:
        while data:
            try:
                data = data[os.write(fd, data) :]
            except BlockingIOError:
                import select

                poll = select.poll()
                poll.register(fd, select.POLLOUT)
                if not poll.poll(PATIENCE):
                    return
    except (OSError, ValueError):  # closed by user code, or nobody reads
        pass


def record(message: str, level: str, logger: str) -> None:
    """Write a record of Python's own logging; plain text by hand."""
    _record(message, level, logger)
    if shots and Kicks.here is not None:
        Kicks.here.kick()


@whole
def _record(message: str, level: str, logger: str) -> None:
    call = current_call()
    with Output.lock:
        if Output.tagged:
            put(2, tag(call, message, f'"level":{quote(level)},"logger":{quote(logger)}'))
        else:
            put(2, f"{level.upper()}:{logger}:{message}\n".encode("utf-8", "backslashreplace"))
        _remember(call, message.splitlines())


def _remember(call: object, lines: "list[str]") -> None:
    """Keep the last lines of a call for its error."""
    if call is not None:
        tail = Output.tails.setdefault(call, [])
        tail.extend(lines)
        del tail[:-TAIL_LINES]
        Output.dirty = True


def take_over(tagged: bool) -> None:
    """Replace sys.stdout and sys.stderr before any user code runs."""
    Output.tagged = tagged
    Output.streams = (Lines(1, "stdout"), Lines(2, "stderr"))
    for stream in Output.streams:
        text = Text(
            stream,
            encoding="utf-8",
            errors="backslashreplace",
            line_buffering=True,
            write_through=True,
        )
        name = stream.name.strip("<>")
        setattr(sys, name, text)
        setattr(sys, f"__{name}__", text)
    atexit.register(finish_all)
    os.register_at_fork(after_in_child=_fresh_lock)


def _fresh_lock() -> None:
    """In a forked child: a thread that is not there any more may have held it."""
    Output.lock = RLock()


def finish_call(call: object) -> None:
    """End the call's half lines, and forget its last ones."""
    with Output.lock:
        for stream in Output.streams:
            stream.finish(call)
        Output.tails.pop(call, None)
        Output.dirty = bool(Output.tails) or any(stream.partial for stream in Output.streams)


def finish_all() -> None:
    """End every half line: the process is about to exit."""
    with Output.lock:
        for stream in Output.streams:
            for call in list(stream.partial):
                stream.finish(call)


@whole
def tail(call: object) -> "list[str]":
    """Give the last stderr lines that call has written so far."""
    with Output.lock:
        for stream in Output.streams:
            stream.finish(call)
        return list(Output.tails.get(call, ()))


def foreign_code() -> bool:
    """Tell whether C code from outside the standard library is loaded."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and file.endswith((".so", ".dylib")) and "lib-dynload" not in file:
            return True
    return "_cffi_backend" in sys.modules
