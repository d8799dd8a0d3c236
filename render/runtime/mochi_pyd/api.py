"""What user code may ask and say while it is called: `import mochi_pyd`.

All of it may stay in code that also runs elsewhere: outside of a call there is
no current call, nothing is left of no deadline, and progress goes nowhere.

A call is known to the code it runs on the main thread and on the loop, to the
tasks it starts, and to threads that run in a copy of its context
(asyncio.to_thread, contextvars.copy_context().run). A copy knows the call from
the moment on that the call's own code first used anything in here.
"""

from __future__ import annotations

from _contextvars import ContextVar
from _thread import get_ident
from math import isnan
from time import monotonic as clock

from . import side, stdio
from .values import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .worker import Worker

# Reports of one call are at least so far apart, in seconds; the last one goes out anyway.
REPORT_INTERVAL = 0.05
LEVELS = ("debug", "info", "warning", "error", "critical")
# Characters of one message.
MAX_MESSAGE = 8 * 1024

# The main thread's request, for threads that run in a copy of its context.
_copied: ContextVar[Any] = ContextVar("mochi_main_request", default=None)


class Call:
    """A call, as far as its function may see it.

    id           its number in this worker's log records (an int; by hand any JSON id)
    function     the name it was called by, without the module: "linalg.norm"
    traceparent  W3C trace context of the host, a string; None when it sent none
    encoding     "json" or "tagged": how the result will be written
    deadline     the time.monotonic() at which it is out of time; None for never
    """

    __slots__ = ("_request", "encoding", "function", "id", "traceparent")

    def __init__(self, request: Any) -> None:
        meta = request.get("meta")
        meta = meta if type(meta) is dict else {}
        self._request = request
        self.id: Any = request.get("id")
        self.function: str = request["method"]
        self.traceparent: str | None = meta.get("traceparent")
        self.encoding: str = meta.get("encoding", "json")

    @property
    def deadline(self) -> float | None:
        """The time.monotonic() at which the call is out of time; None for never."""
        request = self._request
        left = request.get("left")
        seconds = stdio.current.worker.wire.timeout if left is None else left / 1000
        if left is None and seconds <= 0:
            return None
        read: float = request.get("read", stdio.current.read)
        waited: float = request.get("waited", 0.0)
        return read + float(seconds) + waited

    def __repr__(self) -> str:
        return f"<call {self.id} of {self.function}>"


def current_call() -> Call | None:
    """Give the call that this code works for; None where there is none.

    There is none at import, in hooks, in threads that do not run in a copy of
    a call's context, and once the call has been answered.
    """
    request = _request()
    return None if request is None else Call(request)


def remaining() -> float | None:
    """Give the seconds that the current call has left; None without a deadline.

    Never negative. Time spent waiting for the reader of a stream does not count.
    None outside of a call, too.
    """
    call = current_call()
    deadline = None if call is None else call.deadline
    return None if deadline is None else max(0.0, deadline - clock())


def progress(fraction: float | None, text: str | None = None) -> None:
    """Tell the host how far the current call has come.

    fraction is from 0 to 1 (what is outside counts as the nearer end), or None
    where it cannot be told; text is a sentence for people. Sent when the host
    asked for it (meta.progress), at most 20 times a second: reports in between
    are dropped, except the first of 1. Does nothing outside of a call. Raises
    TypeError for what is no number and ValueError for NaN.
    """
    if fraction is not None:
        fraction = float(fraction)
        if isnan(fraction):
            raise ValueError("progress(nan): give a number from 0 to 1, or None")
        fraction = min(max(fraction, 0.0), 1.0)
    if text is not None and not isinstance(text, str):
        raise TypeError(f"progress: text is a string or None, not {type(text).__name__}")
    request = _request()
    meta = None if request is None else request.get("meta")
    if type(meta) is not dict or meta.get("progress") is not True or "id" not in request:
        return
    now, reached = clock(), fraction or 0.0
    before, was = request.get("reported", (0.0, 0.0))
    if now - before < REPORT_INTERVAL and not (reached >= 1.0 > was):
        return
    worker: Worker = stdio.current.worker
    side.share(worker)  # and only then: is it still running? So its answer comes after this
    if _request() is not request:
        return
    request["reported"] = now, reached
    params: dict[str, Any] = {"id": request["id"], "fraction": fraction}
    if text is not None:
        params["message"] = text[:MAX_MESSAGE]
    side.say(worker, "mochi.report", params)


def log(level: str, message: str, **fields: Any) -> None:
    """Write a record to the daemon's log, under the current call's number.

    level is one of LEVELS; fields are appended as key=value, in JSON where a
    value has spaces. By hand it goes to stderr. Raises ValueError for another level.
    """
    if level not in LEVELS:
        raise ValueError(f"log level {level!r}: take one of {', '.join(LEVELS)}")
    words = [str(message), *(f"{key}={_word(value)}" for key, value in fields.items())]
    stdio.record(" ".join(words)[:MAX_MESSAGE], level, "mochi_pyd.log")


def _word(value: Any) -> str:
    if isinstance(value, str):
        plain = value.isprintable() and value and not set(value) & set(' "=')
        return value if plain else encode(value)
    try:
        return encode(value)
    except Exception:  # no JSON: people read it anyway
        return encode(repr(value))


def place(what: str) -> tuple[Worker, Any]:
    """Give the worker and the request of a call that may wait here.

    Raises RuntimeError outside of a call, and on other threads than the two
    that calls run on.
    """
    request = _request()
    if request is None:
        raise RuntimeError(f"{what}: there is no call here; use it inside of a called function")
    worker: Worker = stdio.current.worker
    loop = worker.loop
    if get_ident() != stdio._MAIN_THREAD and not (loop is not None and loop.is_current()):
        raise RuntimeError(
            f"{what}: a thread of your own cannot wait for the host; "
            "use it on the thread that the function was called on"
        )
    if "id" not in request:
        raise RuntimeError(f"{what}: a notification has no host that waits for it")
    return worker, request


def _request() -> Any:
    """Give the request of the call that runs here; None when there is none."""
    current = stdio.current
    if get_ident() == stdio._MAIN_THREAD:
        request = current.request if current.main is not None else None
        if request is not None and _copied.get() is not request:
            _copied.set(request)
        return request
    if current.worker is not None and current.worker.loop is not None:
        from .loop import asking

        request = asking.get()
        if request is not None:
            return None if "over" in request else request
    request = _copied.get()
    running = current.main is not None and current.request is request
    return request if running else None
