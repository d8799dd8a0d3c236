"""The loop lane: one event loop on a thread of its own, overlapping coroutines.

It has a request pipe of its own under the daemon, so that a long call on the
main thread never keeps a coroutine's request from being read. What the main
thread meets by itself (an awaitable that a plain function returned) comes in
through a queue. Imported, as asyncio is, only when there is a coroutine.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections import deque
from contextvars import ContextVar, copy_context
from inspect import CORO_CREATED, getcoroutinestate
from time import monotonic as clock

from . import engine, polling, side, stdio, values
from .cancel import shots, stopping
from .lane import READ_SIZE, revoked, skip
from .refusal import Refusal
from .side import asked
from .stacks import threads, waiting
from .surface import kind
from .values import encode, too_large

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .worker import Worker

THREAD_NAME = "mochi-asyncio-loop"
# Beside busy Python on the main thread the loop gets the interpreter ten times
# sooner than by default (0.65 instead of 6.6 ms), for 4 % of the main thread.
SWITCH_INTERVAL = 0.0005

# The request that a task, and what it has started, works for.
asking: ContextVar[Any] = ContextVar("mochi_request", default=None)


def _id() -> object:
    request = asking.get()
    return None if request is None else request.get("id")


class Loop:
    """The event loop's thread and what runs on it."""

    def __init__(self, worker: Worker, run: Callable[[], object] | None = None) -> None:
        self._worker = worker
        self._run = run or self._run_plain
        self._inbox: deque[tuple[Any, Any]] = deque()
        # The loop itself keeps only weak references to tasks.
        self._tasks: dict[Any, Any] = {}
        self._serving = False
        self._started = threading.Event()
        self._closing = False
        self._pieces: list[bytes] = []
        # When there was nothing to do any more; 0.0 while there is.
        self._since = 0.0
        self._window: polling.Window | None = None
        self._thread = threading.Thread(target=self._keep, name=THREAD_NAME, daemon=True)

    def start(self) -> None:
        """Start the thread; from now on two threads write replies."""
        self._worker.send = self._worker.wire.write_shared
        stdio.current.task, stdio.current.asking = _id, asking.get
        sys.setswitchinterval(SWITCH_INTERVAL)
        self._thread.start()
        self._started.wait()

    def wait_for(self, coroutine: Any) -> object:
        """Wait on another thread until the loop has run coroutine."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def is_current(self) -> bool:
        """Tell whether the caller is on the loop's thread."""
        return threading.get_ident() == self._thread.ident

    def adopt(self, request: Any, awaitable: Any) -> None:
        """Answer request with what awaitable gives; None: with what dispatch does."""
        if self.is_current():
            self._begin(request, self._settle(request, awaitable))
            return
        request["read"] = stdio.current.read
        self._inbox.append((request, awaitable))
        self._poke(self._take_inbox)

    def look_soon(self) -> None:
        """Have the loop look at what has been shot; from the main thread."""
        self._poke(self._look)

    def finish(self) -> None:
        """Finish what is in flight and end the thread."""
        self._closing = True
        self._poke(self._close)
        self._thread.join()

    async def overlap(self, dispatch: Callable[[Any], Any]) -> None:
        """Serve until finish() is called and nothing is in flight."""
        self._dispatch = dispatch
        self._loop = asyncio.get_running_loop()
        self._idle = asyncio.Event()
        fd = self._worker.wire.loop
        if fd >= 0:
            os.set_blocking(fd, False)
            self._loop.add_reader(fd, self._read)
            if self._worker.wire.poll and polling.possible():
                self._window = polling.Window(self._worker.wire.poll)
                # What the loop would sleep on tells of everything it waits for.
                selector: Any = getattr(self._loop, "_selector", None)
                everything = selector.fileno() if hasattr(selector, "fileno") else fd
                self._wait = polling.lookout(everything, self._window)
        if self._worker.kicks is not None:
            self._loop.add_reader(self._worker.wire.control, self._shot)
        self._serving = True
        self._started.set()
        try:
            self._take_inbox()
            self._look()
            if self._closing:
                self._close()
            await self._idle.wait()
            hooks = sys.modules.get(f"{__package__}.hooks")
            if hooks is not None:
                await hooks.stop_here()
        finally:  # what arrives from now on is for the next loop
            self._serving = False

    def _keep(self) -> None:
        """Run the loop again when user code has ended it.

        A SystemExit in a task that user code made goes through run_forever,
        whoever awaits that task.
        """
        while True:
            self._started.clear()
            try:
                self._run()
            except BaseException as error:
                if not self._started.is_set():  # it never came up: no use in trying again
                    from .failures import text

                    stdio.put(2, text(error).encode("utf-8", "backslashreplace"))
                    os._exit(1)
                if not isinstance(error, (SystemExit, KeyboardInterrupt)):
                    from .failures import text

                    stdio.record(text(error), "error", "mochi_pyd.loop")
            self._abandon()
            if self._closing and not self._inbox:
                return

    def _abandon(self) -> None:
        """Answer what the end of a loop left unanswered."""
        while self._tasks:
            _, request = self._tasks.popitem()
            line = self._worker.refuse(request, RuntimeError("the event loop was ended by a task"))
            self._finish(request, line)

    def _run_plain(self) -> None:
        engine.runner()(self.overlap(self._worker.dispatch or self._worker._pass_on))

    def _poke(self, function: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(function)
        except (RuntimeError, AttributeError):
            pass  # before the first or between two loops: the next one looks by itself

    def _close(self) -> None:
        while self._read():
            pass
        self._look_idle()

    def _look_idle(self) -> None:
        if self._closing and not self._tasks and not self._inbox:
            self._idle.set()

    def _take_inbox(self) -> None:
        while self._serving and self._inbox:
            request, awaitable = self._inbox.popleft()
            copy_context().run(self._start, request, awaitable)

    def _read(self) -> bool:
        """Begin the requests that are there; False when there are none."""
        fd = self._worker.wire.loop
        if fd < 0 or not self._serving:
            return False
        if self._since:
            self._window.waited(clock() - self._since)  # type: ignore[union-attr]
            self._since = 0.0
        try:
            chunk = os.read(fd, READ_SIZE)
        except BlockingIOError:
            return False
        except OSError:  # closed by user code
            chunk = b""
        if not chunk:
            self._loop.remove_reader(fd)
            self._worker.wire.loop = -1
            side.run_dry()
            return False
        now = clock()
        head, newline, tail = chunk.rpartition(b"\n")
        self._pieces.append(head if newline else tail)
        if not newline:
            return True
        lines = b"".join(self._pieces).decode().split("\n")
        self._pieces = [tail] if tail else []
        board, seats = self._worker.wire.board, self._worker.wire.seats
        for line in lines:
            request = self._worker.request(line)
            call = request.get("id")
            if call is None:
                side.hear(request)
                continue
            request["read"] = now
            if board is not None:
                cell = 1 + call % seats
                board[cell] = call
                if board[cell + seats] == call:
                    self._finish(request, skip(self._worker, request))
                    continue
            copy_context().run(self._start, request, None)
        self._linger()
        return True

    def _linger(self) -> None:
        """Poll before the loop sleeps, while no call is in flight on it.

        What is found is left to the loop: it would starve what else is ready
        if it were taken here.
        """
        window = self._window
        if window is None or self._tasks or self._since:
            return
        self._since = now = clock()
        if window.polls(now) and not getattr(self._loop, "_ready", ()):
            self._wait(now)

    def _shot(self) -> None:
        """Read the control pipe: a main thread that is busy in C does not get to it."""
        kicks = self._worker.kicks
        if kicks is None:
            return
        if kicks.drain() is None:  # nobody writes to it any more
            self._loop.remove_reader(self._worker.wire.control)
        self._look()
        kicks.kick()

    def _look(self) -> None:
        """Cancel the calls here that have been shot, and forget shots that came late.

        The order matters: a call of the main thread that has started and does
        not run there has been answered, or handed over and is in the inbox.
        """
        kicks = self._worker.kicks
        if kicks is None or not shots or not self._serving:
            return
        stacks = ""
        late: set[object] = set(kicks.started())
        late.discard(stdio.current.main)
        self._take_inbox()
        for task, request in tuple(self._tasks.items()):
            call = request.get("id")
            if call not in shots:
                continue
            if getcoroutinestate(task.get_coro()) == CORO_CREATED:
                late.discard(call)  # cancelled now it would never run, and never answer
                continue
            shots.discard(call)
            if call not in stopping:  # a second shot finds it in its `finally:`
                stacks = stacks or threads()
                stopping[call] = waiting(task), stacks
            task.cancel()
        shots.difference_update(late)

    def _start(self, request: Any, awaitable: Any) -> None:
        """Begin one request in a context of its own."""
        asking.set(request)
        if awaitable is not None:
            self._begin(request, self._settle(request, awaitable))
            return
        try:
            if shots:
                self._enter(request)
            answer = self._dispatch(request)
        except BaseException as error:
            answer = self._worker.refuse(request, error)
        if asyncio.iscoroutine(answer):
            self._begin(request, self._answer(request, answer))
        else:
            self._finish(request, answer)

    def _begin(self, request: Any, coroutine: Any) -> None:
        task: asyncio.Task[None]
        if sys.version_info >= (3, 12):  # runs up to its first await at once
            task = asyncio.Task(coroutine, loop=self._loop, eager_start=True)
        else:
            task = self._loop.create_task(coroutine)
        if task.done():
            self._look_idle()
            return
        self._tasks[task] = request
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        self._look_idle()
        self._linger()

    def _enter(self, request: Any, awaitable: Any = None) -> None:
        """Ask, as the main lane does, whether the call is wanted before it starts."""
        if request.get("id") not in shots:
            return
        shots.discard(request["id"])
        if hasattr(awaitable, "cr_frame"):
            awaitable.close()  # or it warns that it was never awaited
        function = self._worker.methods.get(request["method"])
        if awaitable is not None and kind(function) in ("function", "class"):
            stopping[request["id"]] = (threads(),)  # it has run, and returned this
            raise asyncio.CancelledError
        raise revoked()

    async def _answer(self, request: Any, dispatched: Any) -> None:
        """Await an asynchronous dispatch."""
        try:
            if shots:
                self._enter(request, dispatched)
            line = await dispatched
        except BaseException as error:
            if isinstance(error, GeneratorExit) and not self._serving:
                raise  # closed with its loop, which has been answered for (_abandon)
            line = self._worker.refuse(request, error)
        self._finish(request, line)

    async def _settle(self, request: Any, awaitable: Any) -> None:
        """Await what a function returned, and answer with what it gives."""
        try:
            if shots:
                self._enter(request, awaitable)
            if hasattr(type(awaitable), "__await__"):
                line = self._worker.reply(request, await awaitable)
            elif "meta" in request and asked(request):
                from .streams import pour

                line = await pour(self._worker, request, awaitable)
            else:
                line = self._worker.reply(request, None, await collect(awaitable))
        except BaseException as error:
            if isinstance(error, GeneratorExit) and not self._serving:
                raise  # closed with its loop, which has been answered for (_abandon)
            line = self._worker.refuse(request, error)
        self._finish(request, line)

    def _finish(self, request: Any, line: Any) -> None:
        self._worker.tidy(request.get("id"))
        if stopping:
            stopping.pop(request.get("id"), None)
        if line is not None:
            request["over"] = True
            try:
                self._worker.send(line)
            except OSError:  # nobody reads any more: the main lane meets the end of input
                pass


def make(worker: Worker, run: Callable[[], object] | None) -> Loop:
    """Make the loop that the pool's event-loop asks for."""
    if worker.wire.per_call:
        from .percall import PerCall

        return PerCall(worker, run)
    return Loop(worker, run)


async def collect(items: Any) -> str:
    """Write what an asynchronous iterator gives as an array, until it fills a message.

    Each item once: what is in it may be there to be read once.
    """
    from .streams import placed

    texts: list[str] = []
    size = 0
    async for item in items:
        try:
            texts.append(encode(item))
        except Refusal as error:
            raise placed(error, len(texts)) from None
        size += len(texts[-1]) + 1
        if size > values.limit:
            raise too_large(size)
    return f"[{','.join(texts)}]"
