"""Per call: a fresh event loop for each coroutine, on a thread of its own.

`event-loop = "per-call"`. What a coroutine leaves on its loop (tasks, sessions,
asynchronous generators) ends with the call, as it does after asyncio.run.

The loop's thread still reads the requests, and cancels; each call gets a thread
and a loop, so that `concurrency` calls overlap as they do on one loop. Rejected:
one call after the other on one thread, where a call that waits keeps all behind
it waiting, and what the daemon has sent ahead runs out of time in the pipe. The
price: coroutines of two calls are on two threads, so what they share needs a
lock; with `concurrency = 1` there is only ever one. The threads are as many as
the daemon's seats for coroutines, since a seat is free again only after the loop
has been closed.
"""

from __future__ import annotations

import asyncio
import threading
from contextvars import copy_context

from . import engine, stdio
from .cancel import shots, stopping
from .loop import Loop, asking, collect
from .side import asked
from .stacks import threads, waiting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

THREAD_NAME = "mochi-asyncio-call"


class _Running:
    """One call: its request, what is to be awaited, and its task once it runs."""

    def __init__(self, request: Any, awaitable: Any) -> None:
        self.request, self.awaitable = request, awaitable
        self.task: asyncio.Task[Any] | None = None
        self.over = False


class PerCall(Loop):
    """The loop lane of a pool whose calls have a loop each."""

    def __init__(self, *options: Any) -> None:
        super().__init__(*options)
        self._own = threading.local()
        # Between a call's threads and whoever cancels it.
        self._turn = threading.Lock()
        self._runner = engine.runner()

    def is_current(self) -> bool:
        """Tell whether the caller is a call on its own thread."""
        return getattr(self._own, "running", None) is not None

    def adopt(self, request: Any, awaitable: Any) -> None:
        """Have the call that asks await what its function returned."""
        if self.is_current():
            self._own.running.awaitable = awaitable
            return
        super().adopt(request, awaitable)

    def _start(self, request: Any, awaitable: Any) -> None:
        running = _Running(request, awaitable)
        self._tasks[running] = request
        context = copy_context()
        thread = threading.Thread(
            target=context.run, args=(self._live, running), name=THREAD_NAME, daemon=True
        )
        try:
            thread.start()
        except RuntimeError as error:  # no more threads
            self._tasks.pop(running)
            self._finish(request, self._worker.refuse(request, error))

    def _live(self, running: _Running) -> None:
        """Run one call to its end, its loop's included, and answer it."""
        request = running.request
        asking.set(request)
        self._own.running = running
        try:
            line = self._runner(self._run_one(running))
        except BaseException as error:  # a task of the call's has ended the loop
            if isinstance(error, (SystemExit, KeyboardInterrupt)):
                error = RuntimeError("the event loop was ended by a task")
            line = self._worker.refuse(request, error)
        self._own.running = None
        with self._turn:
            running.over = True
        self._finish(request, line)
        self._tasks.pop(running, None)  # not before: it is what the worker's end waits for
        if self._closing:
            self._poke(self._look_idle)

    async def _run_one(self, running: _Running) -> Any:
        request = running.request
        try:
            with self._turn:
                running.task = asyncio.current_task()
            if shots:
                self._enter(request, running.awaitable)
            if running.awaitable is None:
                answer = self._dispatch(request)
                if asyncio.iscoroutine(answer):
                    answer = await answer
                if running.awaitable is None:
                    return answer
            while True:  # what is awaited may give what is a stream
                awaitable, running.awaitable = running.awaitable, None
                if hasattr(type(awaitable), "__await__"):
                    line = self._worker.reply(request, await awaitable)
                elif "meta" in request and asked(request):
                    from .streams import pour

                    line = await pour(self._worker, request, awaitable)
                else:
                    line = self._worker.reply(request, None, await collect(awaitable))
                if running.awaitable is None:
                    return line
        except BaseException as error:
            return self._worker.refuse(request, error)

    def _enter(self, request: Any, awaitable: Any = None) -> None:
        with self._turn:  # or it is being cancelled, and is told so at its first await
            super()._enter(request, awaitable)

    def _look(self) -> None:
        """Cancel the calls that have been shot, and forget shots that came late."""
        kicks = self._worker.kicks
        if kicks is None or not shots or not self._serving:
            return
        stacks = ""
        late: set[object] = set(kicks.started())
        late.discard(stdio.current.main)
        self._take_inbox()
        for running in tuple(self._tasks):
            call = running.request.get("id")
            if call not in shots:
                continue
            with self._turn:
                if running.over or call not in shots:
                    continue
                late.discard(call)
                task = running.task
                if task is None:  # it asks before it starts
                    continue
                shots.discard(call)
                if call not in stopping:
                    stacks = stacks or threads()
                    stopping[call] = waiting(task), stacks
                try:
                    task.get_loop().call_soon_threadsafe(task.cancel)
                except RuntimeError:  # its loop is being closed
                    pass
        shots.difference_update(late)

    def _abandon(self) -> None:
        """Let the calls end by themselves: their loops are not the one that ended."""
