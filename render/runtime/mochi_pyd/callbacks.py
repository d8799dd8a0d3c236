"""Callbacks: a called function asks its host, and waits for the answer.

A host names a function of its own, in an argument ({"$callback": "name"}) or by
an agreement that user code puts in callback("name"). Calling it sends the
question and waits: on the main thread by blocking, on the loop as an awaitable.
The host may make further calls of this worker's pool while it works on it; one
that could only run where this call waits is refused by the daemon (-32011).
"""

from __future__ import annotations

from itertools import count

from . import api, side
from .cancel import shots
from .values import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .worker import Worker

_asked = count(1)  # numbers the questions of this worker, whatever thread asks


class CallbackError(Exception):
    """What the host answered a callback with, when that was an error.

    code is JSON-RPC's (an int), message a sentence, data whatever came with it
    (None when nothing did). A host that is gone is code -32800.
    """

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(code, message, data)
        self.code, self.message, self.data = code, message, data

    def __str__(self) -> str:
        return f"{self.message} ({self.code})"


CallbackError.__module__ = "mochi_pyd"


class Callback:
    """A function of the host's. Calling it asks the host, which does the work."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<callback {self.name} of the host>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Ask the host: its result on the main thread, an awaitable on the loop.

        What counts is the thread: below an asyncio.run() of user code on the main
        thread it blocks that loop. Arguments and result are written in the encoding
        of the call. Nothing but the call's own deadline bounds the wait. Raises
        CallbackError for an error of the host's, RuntimeError outside of a call,
        on a thread that is neither, and where there is no daemon.
        """
        worker, request = api.place(f"callback {self.name}")
        if not worker.wire.daemon:
            raise RuntimeError(
                f"callback {self.name}: a worker that runs by hand has no host to ask; "
                "serve the module with mochi-pyd"
            )
        meta = request.get("meta")
        tagged = type(meta) is dict and meta.get("encoding") == "tagged"
        text = _text(worker, request, list(args), tagged), _text(worker, request, kwargs, tagged)
        if worker.loop is not None and worker.loop.is_current():
            return self._ask_on_loop(worker, request, text, tagged)
        key = _number(request)
        self._send(worker, key, text)
        return _result(worker, request, side.wait(worker, key), tagged)

    async def _ask_on_loop(
        self, worker: Worker, request: Any, text: tuple[str, str], tagged: bool
    ) -> Any:
        key = _number(request)
        word = await side.hearing(worker, key, lambda: self._send(worker, key, text))
        return _result(worker, request, word, tagged)

    def _send(self, worker: Worker, key: side.Key, text: tuple[str, str]) -> None:
        side.share(worker)
        (_, call, number), (args, kwargs) = key, text
        line = (
            '{"jsonrpc":"2.0","method":"mochi.callback","params":'
            f'{{"id":{call},"n":{number},"callback":{encode(self.name)},'
            f'"args":{args},"kwargs":{kwargs}}}}}\n'
        )
        side.emit(worker, line.encode())
        if worker.refs is not None:
            worker.refs.delivered()
        if shots:
            side.look(worker)


def callback(name: str) -> Callback:
    """Give the host's function of that name; whether it has one shows when it is called.

    With ask = mochi_pyd.callback("confirm") it is ask("overwrite?", default=False)
    on the main thread, and await ask("overwrite?", default=False) in a coroutine.
    """
    if not isinstance(name, str) or not name:
        raise TypeError(f"a callback has a name, a string that is not empty: {name!r} is none")
    return Callback(name)


def _number(request: Any) -> side.Key:
    """Name the answer to the next question."""
    return "mochi.called", request["id"], next(_asked)


def _text(worker: Worker, request: Any, value: Any, tagged: bool) -> str:
    if not tagged:
        return encode(value)
    text: str = side.tagged().encode(value, request["meta"], worker, request)
    return text


def _result(worker: Worker, request: Any, word: Any, tagged: bool) -> Any:
    error = word.get("error")
    if error is not None:
        raise CallbackError(error["code"], error["message"], error.get("data"))
    if not tagged:
        return word.get("result")
    return side.tagged().decode(word.get("result"), request["meta"], worker, request)
