"""Streams: the items of a generator, each sent as soon as it is there.

A stream may be a credit ahead of its reader: that many items, and ROOM bytes. A
worker that has used it up says so once and waits, with one item computed and
not sent. So a stream that ends with the last of its credit ends, and does not
wait to find out that there was nothing more. It keeps its lane until it ends:
no other call runs on the main thread meanwhile, while the loop serves others.

Whatever ends a stream closes its generator: its end, an exception, a cancelled
call, also while it waits for credit, and a worker that ends while it waits.
By hand there is no credit: what the reader does not read fills the pipe, and
the worker waits there.

Rejected: to wait for credit before an item is computed (the host would have to
grant an item that does not exist); to gather items of the same moment into one
line (nobody knows how long the next one takes, and a write is cheap).
"""

from __future__ import annotations

from math import inf
from time import monotonic as clock

from . import side, values
from .cancel import Kicks, shots
from .convert import NotSerializable, is_iterator
from .side import emit
from .values import encode, too_large

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator
    from typing import Any

    from .worker import Worker

# How far a stream may be ahead of its reader.
CREDIT = 64  # items at first
ROOM = 1 << 20  # bytes of items, at first and from each credit on; one larger item passes alone
# After so long an asynchronous stream lets the other coroutines run, in seconds.
SLICE = 0.001


def wanted(request: Any, result: Any, meta: Any) -> bool:
    """Tell whether result is to be streamed."""
    return side.asked(request) and is_iterator(result)


def begin(worker: Worker, request: Any, items: Iterator[Any]) -> bytes | None:
    """Send items from the main thread, and give the line that ends them.

    A coroutine that returned a generator is on the loop: there it is made an
    asynchronous one.
    """
    if worker.loop is not None and worker.loop.is_current():
        worker.loop.adopt(request, _stepping(items))
        return None
    side.share(worker)
    flow = Flow(worker, request, worker.wire.side)
    text_of, line_of = flow.text, flow.line
    left, room = flow.left, flow.room
    try:
        for item in items:
            text = text_of(item)
            size = len(text)
            if left == 0 or (room < size and room < ROOM):
                began = clock()
                flow.complain()
                left += side.wait(worker, flow.key)["n"]
                room = ROOM
                flow.waited(clock() - began)
            left -= 1
            room -= size
            emit(worker, line_of(text))
            if shots and Kicks.here is not None:
                Kicks.here.kick()
    finally:
        _close(items)
    return flow.end()


async def pour(worker: Worker, request: Any, items: Any) -> bytes:
    """Send items from the loop, and give the line that ends them."""
    from asyncio import sleep

    flow = Flow(worker, request, 0 if worker.wire.daemon else -1)
    left, room, since = flow.left, flow.room, clock()
    try:
        async for item in items:
            text = flow.text(item)
            size = len(text)
            if left == 0 or (room < size and room < ROOM):
                since = clock()
                flow.complain()
                left += (await side.hearing(worker, flow.key))["n"]
                room = ROOM
                flow.waited(clock() - since)
            left -= 1
            room -= size
            worker.send(flow.line(text))
            if clock() - since > SLICE:
                await sleep(0)
                since = clock()
    finally:
        if hasattr(items, "aclose"):
            await items.aclose()
    return flow.end()


async def _stepping(items: Iterator[Any]) -> AsyncGenerator[Any, None]:
    try:
        for item in items:
            yield item
    finally:
        _close(items)


def _close(items: Any) -> None:
    """Close what is a generator; a cursor or a reader may be somebody else's, too."""
    if hasattr(items, "throw"):
        items.close()


class Flow:
    """What one stream has sent, and how its lines look."""

    def __init__(self, worker: Worker, request: Any, ear: int) -> None:
        self._worker, self._request = worker, request
        self._id = encode(request["id"])
        self._head = f'{{"jsonrpc":"2.0","method":"mochi.items","params":{{"id":{self._id},"seq":'
        # Without a daemon there is nobody to give more.
        self.left, self.room = (-1, inf) if ear < 0 else (CREDIT, float(ROOM))
        self.key = ("mochi.credit", request["id"], None)
        self.sent = 0
        self._encode = encoder(worker, request)

    def text(self, item: Any) -> str:
        """Encode an item; an error's path begins with the item's number."""
        try:
            return self._encode(item)
        except NotSerializable as error:
            path = str(error.data.get("path", "$"))
            here = f"$[{self.sent}]{path[1:]}"
            error.data["path"] = here
            error.message = error.message.replace(path, here, 1)
            raise

    def line(self, text: str) -> bytes:
        """Make the line of the next item."""
        line = f'{self._head}{self.sent},"items":[{text}]}}}}\n'
        if len(line) > values.limit:
            raise too_large(len(line))
        self.sent += 1
        return line.encode()

    def complain(self) -> None:
        """Say that the credit is used up."""
        line = f'{{"jsonrpc":"2.0","method":"mochi.waiting","params":{{"id":{self._id}}}}}\n'
        emit(self._worker, line.encode())

    def waited(self, seconds: float) -> None:
        """Note how long the call waited: its deadline has stood still."""
        self._request["waited"] = self._request.get("waited", 0.0) + seconds

    def end(self) -> bytes:
        """Make the line that ends the stream."""
        return f'{{"jsonrpc":"2.0","id":{self._id},"result":{{"count":{self.sent}}}}}\n'.encode()


def encoder(worker: Worker, request: Any) -> Callable[[Any], str]:
    """Give what writes a value in the encoding that request asks for."""
    meta = request.get("meta")
    if type(meta) is not dict or meta.get("encoding", "json") == "json":
        return encode
    text = side.tagged().text
    return lambda value: text(worker, request, value, meta)
