"""The main lane: the main thread reads a line, runs it, writes the answer.

No reader thread: it would cost two hand-overs of the interpreter lock a call.
The wall that cancellation stands on is laid here: all user code (the call, the
reading of arguments, the writing of results) runs below `enter`, and nothing
else does. What interrupts a call (see `cancel`) looks for `enter` on the
interrupted stack and raises only there, so it can hit neither the next call nor
half a reply. Handing a coroutine to the loop is outside too: it either has been
handed over, and the loop answers, or it has not.
"""

import sys
from _codecs import utf_8_decode
from time import monotonic as clock

from .cancel import returned, shots
from .refusal import Refusal
from .stdio import Output, current
from .values import scan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from .wire import Answer
    from .worker import Worker

# What one read takes: as much as a pipe holds by default. Once a line has
# outgrown that, what the daemon makes its pipes hold.
READ_SIZE = 64 * 1024
LONG_READ_SIZE = 256 * 1024

# How old the answer may be to which waiting lines are revoked, in seconds.
REVOKED_AGE = 0.001


def enter(
    call: "Any", dispatch: "Callable[[Any], Answer | None]", request: "Any"
) -> "Answer | None":
    """Run one request. Its frame marks where a call may be interrupted."""
    if returned and call in returned:
        returned.discard(call)
        shots.discard(call)
        return None
    if shots and call in shots:
        shots.discard(call)
        raise revoked()
    return dispatch(request)


def skip(worker: "Worker", request: "Any") -> "Answer | None":
    """Answer a call that the daemon has struck out on the board.

    Outside of `enter`, so that no kick can make it look like one that ran: its
    caller has been told that it never would.
    """
    call = request["id"]
    shots.discard(call)
    if call in returned:
        returned.discard(call)
        return None
    return worker.refuse(request, revoked())


def revoked() -> Refusal:
    """Make the answer to a call that was not wanted any more before it started."""
    return Refusal("request_cancelled", "the call was cancelled before it started", started=False)


def serve(worker: "Worker", dispatch: "Callable[[Any], Answer | None]") -> None:
    """Answer requests one at a time until their end.

    The scanner walks through the text of a whole read, from line to line: to cut
    the lines out and decode them one by one costs 10 % more a call.
    """
    board, seats = worker.wire.board, worker.wire.seats
    kicks = worker.kicks
    read = scan if worker.wire.daemon else _examine
    modules, known, asked = sys.modules, len(sys.modules), 0.0
    for text in texts(worker):
        at, last = 0, len(text)
        # Asked only when lines do wait, and then once a millisecond: a line that has
        # just arrived can hardly have been revoked, and the question is a system call.
        waiting = kicks is not None and text.find("\n") + 1 < last
        while at < last:
            if waiting and clock() - asked > REVOKED_AGE:
                kicks.take()  # type: ignore[union-attr]
                asked = clock()
            try:
                request, end = read(text, at)
                plain = text[end] == "\n"
            except Exception:  # the scanner raises whatever it likes
                plain = False
            if not plain:
                end = text.index("\n", at)
                request = worker.request(text[at:end])
            at = end + 1
            if request is None:
                continue
            call = request.get("id")
            # In this order: what has started and is not current is over, and a
            # shot at it is too late; what is struck out by now never starts.
            current.main, current.request = call, request
            struck = False
            if board is not None:
                cell = 1 + call % seats
                board[cell] = call
                struck = board[cell + seats] == call
            if struck:
                answer = skip(worker, request)
            else:
                try:
                    answer = enter(call, dispatch, request)
                except BaseException as error:
                    answer = worker.refuse(request, error)
            if answer is None and worker.pending is not None:
                answer = worker.hand_over()
            if Output.dirty or len(modules) != known:
                worker.tidy(call)
                known = len(modules)
            current.main = None
            if answer is not None:
                worker.send(answer)


def _examine(_text: str, _at: int) -> "tuple[Any, int]":
    """Stand in for the scanner by hand, where no line is taken on trust."""
    raise ValueError


def _noting(read: "Callable[[int], bytes]") -> "Callable[[int], bytes]":
    """Note when the last read was: what the time left of a call is counted from."""

    def noting(size: int) -> bytes:
        chunk = read(size)
        current.read = clock()
        return chunk

    return noting


def _polling(worker: "Worker") -> "Callable[[int], bytes] | None":
    from . import polling

    return polling.reader(worker.wire) if polling.possible() else None


def texts(worker: "Worker") -> "Iterator[str]":
    """Give the whole lines of each read; a line in pieces is given once it is whole."""
    read = _noting(worker.wire.read)
    limit, polls = worker.wire.limit, worker.wire.poll != 0
    # The daemon has seen to it that its bytes are UTF-8.
    errors = "strict" if worker.wire.daemon else "surrogateescape"
    pieces: list[str] = []  # of a long line: decoded as they come, so that no copy is as long
    rest = b""  # of a character at the end of the last piece
    held, skipping, size = 0, False, READ_SIZE
    while True:
        chunk = read(size)
        if not chunk:
            break
        end = chunk.rfind(b"\n") + 1
        if skipping and end:
            chunk = chunk[chunk.index(b"\n") + 1 :]
            end, skipping = chunk.rfind(b"\n") + 1, False
        if end:
            whole = chunk if end == len(chunk) else chunk[:end]
            text = (rest + whole if rest else whole).decode("utf-8", errors)
            if pieces:
                pieces.append(text)
                text = "".join(pieces)
                pieces, held = [], 0
            rest, chunk, size = b"", chunk[end:], READ_SIZE
            yield text
            if polls:  # from the second read on: the first one is still part of the start
                read, polls = _polling(worker) or read, False
        if chunk and not skipping:
            piece, used = utf_8_decode(rest + chunk, errors, False)
            pieces.append(piece)
            held += len(chunk)
            rest = (rest + chunk)[used:]
            size = LONG_READ_SIZE
        if held > limit:
            worker.complain(
                Refusal(
                    "too_large",
                    f"a message may have {limit} bytes and this one has more",
                    limit=limit,
                    size=held,
                )
            )
            pieces, rest, held, skipping = [], b"", 0, True
    if pieces:
        yield "".join(pieces) + rest.decode("utf-8", errors) + "\n"
