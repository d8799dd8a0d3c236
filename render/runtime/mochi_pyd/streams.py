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
from .convert import is_iterator
from .refusal import Refusal
from .side import emit
from .values import encode, too_large

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator
    from typing import Any

    from .wire import Answer
    from .worker import Worker

# How far a stream may be ahead of its reader.
CREDIT = 64  # items at first
ROOM = 1 << 20  # bytes of items, at first and from each credit on; one larger item passes alone
OVERHEAD = 256  # bytes of an item's line around it, at most
# After so long an asynchronous stream lets the other coroutines run, in seconds.
SLICE = 0.001


def wanted(request: Any, result: Any, meta: Any) -> bool:
    """Tell whether result is to be streamed."""
    return side.asked(request) and is_iterator(result)


def begin(worker: Worker, request: Any, items: Any) -> Answer | None:
    """Send items from the main thread, and give the line that ends them.

    Asynchronous ones are the loop's, and so is what a coroutine has returned:
    there it is made one. Where nobody can be told of items they are an array.
    """
    if hasattr(type(items), "__anext__"):
        worker._defer(request, items)
        return None
    if not side.asked(request):
        del request["meta"]["stream"]
        return worker.reply(request, items)
    if worker.loop is not None and worker.loop.is_current():
        worker.loop.adopt(request, _stepping(items))
        return None
    side.share(worker)
    flow = Flow(worker, request, worker.wire.side)
    write, head, longest = flow.encode, flow.head, values.limit - OVERHEAD
    left, room, sent = flow.left, flow.room, 0
    try:
        for item in items:
            try:
                text = write(item)
            except Refusal as error:
                raise placed(error, sent) from None
            size = len(text)
            if size > longest:
                raise too_large(size)
            while left == 0 or (room < size and room < ROOM):
                began = clock()
                flow.complain()
                left += side.wait(worker, flow.key)["n"]
                room = ROOM
                flow.waited(clock() - began)
            left -= 1
            room -= size
            emit(worker, f'{head}{sent},"items":[{text}]}}}}\n'.encode())
            sent += 1
            if worker.refs is not None:
                worker.refs.delivered()
            if shots and Kicks.here is not None:
                Kicks.here.kick()
    finally:
        _close(items)
    return flow.end(sent)


async def pour(worker: Worker, request: Any, items: Any) -> bytes:
    """Send items from the loop, and give the line that ends them."""
    from asyncio import sleep

    flow = Flow(worker, request, 0 if worker.wire.daemon else -1)
    write, head, longest = flow.encode, flow.head, values.limit - OVERHEAD
    left, room, sent, since = flow.left, flow.room, 0, clock()
    try:
        async for item in items:
            try:
                text = write(item)
            except Refusal as error:
                raise placed(error, sent) from None
            size = len(text)
            if size > longest:
                raise too_large(size)
            while left == 0 or (room < size and room < ROOM):
                since = clock()
                left += (await side.hearing(worker, flow.key, flow.complain))["n"]
                room = ROOM
                flow.waited(clock() - since)
            left -= 1
            room -= size
            worker.send(f'{head}{sent},"items":[{text}]}}}}\n'.encode())
            sent += 1
            if worker.refs is not None:
                worker.refs.delivered()
            if clock() - since > SLICE:
                await sleep(0)
                since = clock()
    finally:
        if hasattr(items, "aclose"):
            await items.aclose()
    return flow.end(sent)


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


def placed(error: Refusal, number: int) -> Refusal:
    """Have an error's path begin with the number of its item."""
    if error.data["kind"] != "not_serializable":
        return error
    path = str(error.data.get("path", "$"))
    here = f"$[{number}]{path[1:]}"
    error.data["path"] = here
    error.message = error.message.replace(path, here, 1)
    return error


class Flow:
    """What one stream may send, and how its lines look."""

    def __init__(self, worker: Worker, request: Any, ear: int) -> None:
        self._worker, self._request = worker, request
        self._id = encode(request["id"])
        self.head = f'{{"jsonrpc":"2.0","method":"mochi.items","params":{{"id":{self._id},"seq":'
        # Without a daemon there is nobody to give more.
        self.left, self.room = (-1, inf) if ear < 0 else (CREDIT, float(ROOM))
        self.key = ("mochi.credit", request["id"], None)
        self.encode = encoder(worker, request)

    def complain(self) -> None:
        """Say that the credit is used up."""
        line = f'{{"jsonrpc":"2.0","method":"mochi.waiting","params":{{"id":{self._id}}}}}\n'
        emit(self._worker, line.encode())

    def waited(self, seconds: float) -> None:
        """Note how long the call waited: its deadline has stood still."""
        self._request["waited"] = self._request.get("waited", 0.0) + seconds

    def end(self, sent: int) -> bytes:
        """Make the line that ends the stream."""
        return f'{{"jsonrpc":"2.0","id":{self._id},"result":{{"count":{sent}}}}}\n'.encode()


def encoder(worker: Worker, request: Any) -> Callable[[Any], str]:
    """Give what writes a value in the encoding that request asks for."""
    meta = request.get("meta")
    if type(meta) is not dict or meta.get("encoding", "json") == "json":
        return encode
    write = side.tagged().encode
    return lambda value: write(value, meta, worker, request)
