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
from time import monotonic as clock

from .cancel import returned, shots
from .refusal import Refusal
from .stdio import Current, Output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from .worker import Worker

# What one read takes: as much as a pipe holds by default. Once a line has
# outgrown that, the pipe's largest size.
READ_SIZE = 64 * 1024
LONG_READ_SIZE = 256 * 1024

# How old the answer may be to which waiting lines are revoked, in seconds.
REVOKED_AGE = 0.001


def enter(call: "Any", dispatch: "Callable[[Any], bytes | None]", request: "Any") -> "bytes | None":
    """Run one request. Its frame marks where a call may be interrupted."""
    if returned and call in returned:
        returned.discard(call)
        shots.discard(call)
        return None
    if shots and call in shots:
        shots.discard(call)
        raise revoked()
    return dispatch(request)


def skip(worker: "Worker", request: "Any") -> "bytes | None":
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


def serve(worker: "Worker", dispatch: "Callable[[Any], bytes | None]") -> None:
    """Answer requests one at a time until their end."""
    board, seats = worker.wire.board, worker.wire.seats
    kicks = worker.kicks
    modules, known, asked = sys.modules, len(sys.modules), 0.0
    for lines in chunks(worker):
        # Asked only when lines do wait, and then once a millisecond: a line that has
        # just arrived can hardly have been revoked, and the question is a system call.
        waiting = kicks is not None and len(lines) > 1
        for line in lines:
            if waiting and clock() - asked > REVOKED_AGE:
                kicks.take()  # type: ignore[union-attr]
                asked = clock()
            request = worker.request(line)
            if request is None:
                continue
            call = request.get("id")
            # In this order: what has started and is not current is over, and a
            # shot at it is too late; what is struck out by now never starts.
            Current.main = call
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
            Current.main = None
            if answer is not None:
                worker.send(answer)


def chunks(worker: "Worker") -> "Iterator[list[bytes]]":
    """Give the lines of each read; a line in pieces is given once it is whole."""
    read = worker.wire.read
    pieces: list[bytes] = []
    held, skipping, size = 0, False, READ_SIZE
    while True:
        chunk = read(size)
        if not chunk:
            break
        head, newline, tail = chunk.rpartition(b"\n")
        if newline:
            size = READ_SIZE
            if skipping:
                _, _, head = head.partition(b"\n")
                skipping = False
            elif pieces:
                pieces.append(head)
                head = b"".join(pieces)
            if head:
                yield head.split(b"\n")
            pieces, held = ([tail], len(tail)) if tail else ([], 0)
        elif not skipping:
            pieces.append(tail)
            held += len(tail)
            size = LONG_READ_SIZE
        if held > worker.wire.limit:
            worker.complain(
                Refusal(
                    "too_large",
                    f"a message may have {worker.wire.limit} bytes and this one has more",
                    limit=worker.wire.limit,
                    size=held,
                )
            )
            pieces, held, skipping = [], 0, True
    if pieces:
        yield [b"".join(pieces)]
