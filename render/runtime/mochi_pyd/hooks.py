"""Hooks: functions of the module that run at a worker's start, end and pings.

    @mochi_pyd.on_start
    def connect(): ...

Each is called without arguments, in the order they were registered (at the end
in the reverse order), outside of any call. Those that are coroutine functions
run on the worker's loop, which is started for them; the others on the main
thread. A decorated function stays what it was.
"""

from __future__ import annotations

from . import stdio
from .refusal import Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    from .worker import Worker

    F = TypeVar("F", bound=Callable[[], object])

_starts: list[Callable[[], object]] = []
_stops: list[Callable[[], object]] = []
_checks: list[Callable[[], object]] = []


def on_start(function: F) -> F:
    """Have function called after the import of the module and before any call.

    What it raises fails the start as a failing import does: the pool says why
    and tries again later. In a forked worker (preload) it runs after the fork.
    Raises RuntimeError in a worker that has started already, as for a submodule
    that is imported by its first call.
    """
    if stdio.current.worker is not None:
        raise RuntimeError(
            f"on_start: the worker has started already; import {function.__module__} "
            "in the module that is served, or call the function yourself"
        )
    _starts.append(function)
    return function


def on_stop(function: F) -> F:
    """Have function called when the worker ends politely: after its last call.

    It has what the pool's graceful-timeout leaves; a killed worker calls none.
    What it raises is logged, and the others still run. Coroutine functions run
    before the others, while the loop is still there.
    """
    _stops.append(function)
    return function


def health(function: F) -> F:
    """Have function called at every mochi.ping of the worker.

    When it raises, or gives False, the ping's answer is that error. It holds the
    main thread: it has to be quick.
    """
    _checks.append(function)
    worker = stdio.current.worker
    if worker is not None:
        worker.methods["mochi.ping"] = lambda: _ping(worker)
    return function


def start(worker: Worker) -> None:
    """Run the functions of on_start; a failure ends the process as mochi.failed."""
    if _checks:
        worker.methods["mochi.ping"] = lambda: _ping(worker)
    for function in _starts:
        try:
            _run(worker, function)
        except BaseException as error:
            _fail(worker, function, error)


def stop() -> None:
    """Run the functions of on_stop that are no coroutine functions."""
    for function in reversed(_stops):
        if not _is_coroutine(function):
            try:
                function()
            except BaseException as error:
                _complain(function, error)


async def stop_here() -> None:
    """Run those that are, on the loop that is about to end."""
    for function in reversed(_stops):
        if _is_coroutine(function):
            try:
                await function()  # type: ignore[misc]
            except BaseException as error:
                _complain(function, error)


def _ping(worker: Worker) -> str:
    for function in _checks:
        if _run(worker, function) is False:
            raise RuntimeError(f"{_name(function)} says that this worker is not healthy")
    return "pong"


def _run(worker: Worker, function: Callable[[], object]) -> object:
    """Call function, and wait for it where it is a coroutine function."""
    if not _is_coroutine(function):
        return function()
    worker.listen()
    loop = worker.loop or worker.start_loop()
    return loop.wait_for(function())


def _is_coroutine(function: Callable[[], object]) -> bool:
    from .surface import kind

    return kind(function) == "coroutine"


def _name(function: Callable[[], object]) -> str:
    module = getattr(function, "__module__", None) or "?"
    return f"{module}.{getattr(function, '__qualname__', repr(function))}"


def _fail(worker: Worker, function: Callable[[], object], error: BaseException) -> None:
    from . import imports
    from .failures import summary

    refusal = imports.refusal(worker.module, error)
    hint = f"{_name(function)} runs before the first call (on_start): the traceback names the line"
    message = f"starting {worker.module} failed in {_name(function)}: {summary(error)}. {hint}."
    data: dict[str, Any] = {**refusal.data, "hint": hint}
    failure = Refusal("import_failed", message)
    body = {"code": failure.code, "message": message, "data": data}
    worker.notify("mochi.failed", {"stage": "import", "error": body})
    stdio.finish_all()
    raise SystemExit(1) from None


def _complain(function: Callable[[], object], error: BaseException) -> None:
    from .failures import text

    stdio.record(f"on_stop: {_name(function)} failed\n{text(error)}", "error", "mochi_pyd.hooks")
