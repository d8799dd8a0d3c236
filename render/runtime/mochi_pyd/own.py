"""The runtime's own methods: what the daemon asks of a worker beside its calls.

    mochi.ping           "pong", or the error of a health hook
    mochi.describe       the module's functions, for people
    mochi.discover       the same with JSON Schemas, for programs
    mochi.attr           a call as Mochi's scripts make it (dropin)
    mochi.distribution   what a module was installed from
    mochi.release        handles that their host lets go of
    mochi.disconnected   a host is gone, and its handles with it

Found when one is asked for: a start has no use for them.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .worker import Worker


def find(worker: Worker, name: str) -> Callable[..., Any] | None:
    """Give the method of that name; None when there is none."""
    short = name[len("mochi.") :]
    return getattr(_Own(worker), short, None) if short.isidentifier() and short[0] != "_" else None


class _Own:
    """The methods, each under its name without the `mochi.`."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def ping(self) -> str:
        return "pong"

    def describe(self) -> object:
        from .describe import describe

        return describe(self._worker.module, self._worker.methods)

    def discover(self) -> object:
        from .describe import describe

        return describe(self._worker.module, self._worker.methods, schemas=True)

    @property
    def attr(self) -> Callable[..., object]:
        from .dropin import Attr

        return Attr(self._worker.methods)

    def distribution(self, module: str) -> object:
        from .distribution import distribution

        return distribution(module)

    def release(self, **named: Any) -> object:
        from .refs import release

        return release(self._worker, **named)

    def disconnected(self, conn: int) -> object:
        from .refs import disconnected

        return disconnected(self._worker, conn)
