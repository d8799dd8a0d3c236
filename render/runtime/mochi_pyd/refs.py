"""Handles: objects that stay here while a host holds their names.

A handle is `{"$ref": {"id", "type", "repr"}}`. Its id begins with what only this
process bears (pool, slot, generation) and ends with a number that is never used
twice, so an id can outlive its object and will not mean another. It belongs to
the connection whose call made it: for any other it does not exist.

Calls on one handle come one after the other; the daemon sees to that, which sends
the next when the one before has been answered. So nothing here waits, whatever
mixture of functions and coroutines is called.
"""

from __future__ import annotations

import reprlib
from _thread import allocate_lock
from time import monotonic as clock

from .cancel import stopped, whole
from .refusal import Refusal
from .stdio import current_call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from .worker import Worker

# Characters of an object's repr that its handle shows.
MAX_REPR = 200
# Items of a container and levels of nesting that the repr shows.
MAX_ITEMS = 6
MAX_LEVEL = 3
# How many connections' handles one worker holds at most, when each has its fill.
SHARES = 10
# Connections that are gone and of which calls may still run: what those make is
# nobody's. The ones that went longest ago are forgotten.
MAX_GONE = 4096
# Calls whose new handles are known for theirs: of two threads, one each writes.
MAX_FRESH = 16
# Digits of a handle's number: no worker lives to make longer ones.
MAX_DIGITS = 18
# How soon the number of handles is told again while it is over zero, in seconds.
TELL_AGAIN = 0.1
# What bounds the handles of one worker.
ONE_WORKERS = "max-handles, on one worker"
# The connection of what is called by hand or in the daemon's own process.
IN_PROCESS = 0


class StaleRef(Refusal):
    """The handle means nothing here."""

    def __init__(self, name: object, why: str = "") -> None:
        why = why or "it was released, or belongs to another connection or to a worker that is gone"
        super().__init__(
            "stale_ref",
            f"there is no handle {_shown(name)} for this connection: {why}; "
            'call what made it again, with meta.returns "ref"',
            ref=_shown(name),
        )


class Held:
    """One handle's object, and whose it is."""

    __slots__ = ("conn", "value")

    def __init__(self, value: object, conn: int) -> None:
        self.value, self.conn = value, conn


class Table:
    """The handles of this worker."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._prefix, self._limit = worker.wire.refs, worker.wire.handles
        self._held: dict[int, Held] = {}
        self._counts: dict[int, int] = {}  # live handles of each connection
        self._gone: dict[int, None] = {}
        # What calls have made that may still fail, while it is being written.
        self._fresh: dict[object, list[int]] = {}
        self._last = self._told = 0
        self._told_at = 0.0
        self._lock = allocate_lock()  # two threads make handles: the main one and the loop's

    def __len__(self) -> int:
        return len(self._held)

    def make(self, value: object, conn: int, full: Any = None) -> dict[str, Any]:
        """Hold value for a connection and give what stands for it on the wire.

        full, if anything, is how many the daemon's workers hold, and may hold.
        """
        if full is not None:
            raise self._full(full[0], full[1], "this daemon", "[daemon] max-handles, of all pools")
        kind = type_name(type(value))
        shown = bounded_repr(value)
        number = self._keep(value, conn)
        return {"$ref": {"id": f"{self._prefix}.{number}", "type": kind, "repr": shown}}

    @whole
    def _keep(self, value: object, conn: int) -> int:
        call = current_call()
        with self._lock:
            self._last += 1
            if conn in self._gone:
                return self._last  # nobody is left to release it
            mine = self._counts.get(conn, 0)
            if mine >= self._limit:
                raise self._full(mine, self._limit, "this connection", ONE_WORKERS)
            if len(self._held) >= self._limit * SHARES:
                raise self._full(len(self._held), self._limit * SHARES, "this worker", ONE_WORKERS)
            self._held[self._last] = Held(value, conn)
            if self._worker.wire.daemon:  # by hand an id may be another call's the next time
                self._fresh.setdefault(call, []).append(self._last)
                if len(self._fresh) > MAX_FRESH:
                    del self._fresh[next(iter(self._fresh))]
            self._counts[conn] = mine + 1
            self._tell()
            return self._last

    def _full(self, size: int, limit: int, who: str, what: str) -> Refusal:
        return Refusal(
            "overloaded",
            f"{who} holds {size} handles, and may hold {limit} ({what}): "
            "release those that are not needed any more with mochi.release",
            limit=limit,
            size=size,
            retry_after_ms=0,
            queue=0,
        )

    def get(self, name: object, conn: int) -> Any:
        """Give the object that a connection's handle stands for."""
        held = self._held.get(self._number(name))
        if held is None or held.conn != conn:
            raise StaleRef(name)
        return held.value

    def release(self, refs: Iterable[object], conn: int = IN_PROCESS) -> int:
        """Let go of a connection's handles; those that are not there do not count."""
        taken = self._take([self._number(name) for name in refs], conn)
        return len(taken)  # what their objects do as they go is done outside of the lock

    def drop(self, conn: int) -> int:
        """Let go of all handles of a connection, which is gone."""
        return len(self._take(self._of_gone(conn), conn))

    def abandon(self, call: object) -> int:
        """Let go of what a call has made that is answered with an error: nobody knows of it."""
        made = self._fresh.pop(call, ())
        return sum(len(self._take([number], held.conn)) for number, held in self._which(made))

    def delivered(self) -> None:
        """Say that what the current call has made so far has been written to its host."""
        self._fresh.pop(current_call(), None)

    def _which(self, numbers: Iterable[int]) -> list[tuple[int, Held]]:
        return [(number, self._held[number]) for number in numbers if number in self._held]

    @whole
    def _of_gone(self, conn: int) -> list[int]:
        with self._lock:
            self._gone[conn] = None
            if len(self._gone) > MAX_GONE:
                del self._gone[next(iter(self._gone))]
            return [number for number, held in self._held.items() if held.conn == conn]

    @whole
    def _take(self, numbers: list[int], conn: int) -> list[Held]:
        taken = []
        with self._lock:
            for number in numbers:
                held = self._held.get(number)
                if held is not None and held.conn == conn:
                    taken.append(self._held.pop(number))
            left = self._counts.get(conn, 0) - len(taken)
            if left > 0:
                self._counts[conn] = left
            else:
                self._counts.pop(conn, None)
            if taken:
                self._tell(many=len(taken) > 1)
        return taken

    def _tell(self, *, many: bool = False) -> None:
        """Tell the daemon how many there are: whether there are any, it hears at once."""
        live = len(self._held)
        if not self._worker.wire.daemon or live == self._told:
            return
        now = clock()
        if live and self._told and not many and now - self._told_at < TELL_AGAIN:
            return
        self._told, self._told_at = live, now
        self._worker.notify("mochi.refs", {"live": live})

    def _number(self, name: object) -> int:
        if isinstance(name, str):
            prefix, _, number = name.rpartition(".")
            plain = number.isascii() and number.isdigit() and len(number) <= MAX_DIGITS
            if plain and prefix == self._prefix:
                return int(number)
        return 0  # which no handle has


def table(worker: Worker) -> Table:
    """Give the worker's table of handles, made when it is first asked for."""
    if worker.refs is None:
        worker.refs = Table(worker)
    return worker.refs


def release(worker: Worker, refs: object = (), conn: int = IN_PROCESS) -> dict[str, int]:
    """Answer mochi.release."""
    names = refs if isinstance(refs, list) else ()
    return {"released": 0 if worker.refs is None else worker.refs.release(names, conn)}


def disconnected(worker: Worker, conn: int) -> dict[str, int]:
    """Answer mochi.disconnected."""
    return {"released": table(worker).drop(conn)}


def type_name(kind: type) -> str:
    """Name a class by its module and its own name; a builtin by its name alone."""
    module = getattr(kind, "__module__", None)
    name = type.__dict__["__qualname__"].__get__(kind)
    plain = not isinstance(module, str) or module in ("builtins", "__main__")
    return _cut(name if plain else f"{module}.{name}")


class _Short(reprlib.Repr):
    """A repr that does not write a million items to show six."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = MAX_LEVEL
        self.maxstring = self.maxother = self.maxlong = MAX_REPR
        self.maxtuple = self.maxlist = self.maxarray = self.maxdict = MAX_ITEMS
        self.maxset = self.maxfrozenset = self.maxdeque = MAX_ITEMS

    def repr_instance(self, x: Any, level: int) -> str:
        """Give the repr of what is no container of Python's own."""
        return repr(x)


_short = _Short()


def bounded_repr(value: object) -> str:
    """Give a short repr. What a repr raises is no failure of the call that made the handle."""
    try:
        return _cut(_short.repr(value))
    except BaseException as error:
        call = current_call()
        if call is not None and stopped(error, call):
            raise
        return f"<{type_name(type(value))}: its repr raised {type_name(type(error))}>"


def _cut(text: str) -> str:
    text = str.__str__(text)
    return text if len(text) <= MAX_REPR else f"{text[: MAX_REPR - 1]}…"


def _shown(name: object) -> str:
    return _cut(name) if isinstance(name, str) else _cut(reprlib.repr(name))
