"""The side: what a call says and hears while it runs.

Its words (items, progress, questions to the host) go out between the answers,
on the reply pipe. What comes back for it does not wait behind requests: for the
main thread, which reads no requests while a call runs, there is a pipe of its
own that is read only while a call waits for something; the loop, which goes on
reading, hears between its requests.
"""

import os
import sys
from collections import deque

from .cancel import Kicks, shots, whole, writing
from .refusal import Refusal
from .values import encode, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Callable
    from typing import Any

    from .worker import Worker

    # What is waited for: the method of the word, the call's id, and a number of its own.
    Key = tuple[str, object, object]

# What one read of the side pipe takes.
READ_SIZE = 64 * 1024


def asked(request: "Any") -> bool:
    """Tell whether request asks for a stream and can have one: it has an id."""
    if request is None or "id" not in request:
        return False
    meta = request.get("meta")
    return type(meta) is dict and meta.get("stream") is True


def tagged() -> "Any":
    """Give the module that writes and reads the tagged encoding."""
    from importlib import import_module

    return import_module(f"{__package__}.options")


def closed() -> Refusal:
    """Make the error of a call to which nobody can say any more what it waits for."""
    return Refusal(
        "shutting_down",
        "the worker is ending, and the call waited for a word of its host: call again",
    )


@writing
def emit(worker: "Worker", line: bytes) -> None:
    """Write a line from inside a call, whole, whatever thread it is on."""
    worker.send(line)


def say(worker: "Worker", method: str, params: "dict[str, Any]") -> None:
    """Send a notification from inside a call."""
    share(worker)
    line = encode({"jsonrpc": "2.0", "method": method, "params": params})
    emit(worker, line.encode("ascii") + b"\n")
    look(worker)


def look(worker: "Worker") -> None:
    """Meet the kick that came while a line was being written."""
    if shots and Kicks.here is not None:
        Kicks.here.kick()


def share(worker: "Worker") -> None:
    """From now on a call writes as well, and its threads may."""
    worker.send = worker.wire.write_shared


def key_of(message: "Any") -> "Key":
    """Name what a word from the daemon is the answer to."""
    method, params = message["method"], message["params"]
    return method, params["id"], params["n"] if method == "mochi.called" else None


class Ear:
    """The main thread's side pipe."""

    def __init__(self, fd: int) -> None:
        import select

        self._fd = fd
        self._pieces: list[bytes] = []
        self._lines: deque[bytes] = deque()
        self._poll = select.poll()
        self._poll.register(fd, select.POLLIN)

    def wait(self, key: "Key") -> "Any":
        """Wait for one word and give its params; what is for calls before this is dropped.

        Waiting can be interrupted anywhere, taking cannot: no half line is lost.
        """
        while True:
            while self._lines:
                message = parse(self._lines.popleft().decode())
                if key_of(message) == key:
                    return message["params"]
            self._poll.poll()
            if not self._take():
                raise closed()

    @whole
    def _take(self) -> bool:
        try:
            chunk = os.read(self._fd, READ_SIZE)
        except OSError:  # closed by user code
            return False
        head, newline, tail = chunk.rpartition(b"\n")
        if not newline:
            self._pieces.append(chunk)
            return bool(chunk)
        self._lines.extend(b"".join((*self._pieces, head)).split(b"\n"))
        self._pieces = [tail] if tail else []
        return True


_ears: "dict[int, Ear]" = {}


def wait(worker: "Worker", key: "Key") -> "Any":
    """Wait on the main thread until the daemon has said what key names."""
    fd = worker.wire.side
    if fd < 0:
        raise closed()
    ear = _ears.get(fd)
    if ear is None:
        ear = _ears[fd] = Ear(fd)
    return ear.wait(key)


# Whoever waits on a loop; with a loop for each call, on another thread than the one
# that reads the answer.
_expected: "dict[Key, Future[Any]]" = {}


async def hearing(worker: "Worker", key: "Key", ask: "Callable[[], object]") -> "Any":
    """Ask, and wait on a loop until the daemon has said what key names.

    It is expected before it is asked for. So what nobody expects is the late word
    of a call that has ended, and need not be kept.
    """
    future = sys.modules["asyncio"].get_running_loop().create_future()
    _expected[key] = future
    try:
        ask()
        if worker.wire.loop < 0 and not future.done():
            raise closed()
        return await future
    finally:
        _expected.pop(key, None)
        future.cancel()


def hear(message: "Any") -> None:
    """Take a word that the loop's thread has read between its requests."""
    future = _expected.get(key_of(message))
    if future is not None:
        _settle(future, message["params"])


def run_dry() -> None:
    """Tell all that wait on a loop that nothing will come."""
    for future in list(_expected.values()):
        _settle(future, None)


def _settle(future: "Future[Any]", params: "Any") -> None:
    """Give a future its result, None for an error, on the loop that it is of."""

    def settle() -> None:
        if future.done():
            return
        if params is None:
            future.set_exception(closed())
        else:
            future.set_result(params)

    loop = future.get_loop()
    if loop is sys.modules["asyncio"]._get_running_loop():
        settle()
        return
    try:
        loop.call_soon_threadsafe(settle)
    except RuntimeError:  # its call has ended
        pass
