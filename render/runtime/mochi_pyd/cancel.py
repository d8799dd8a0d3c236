"""Cancellation: how a call that nobody wants any more is ended, and no other.

The daemon writes the call's link id into the control pipe (a shot) and sends
SIGURG to the main thread (a kick, which only says "look"). The handler raises
Cancelled when the call that runs has been shot and the interrupted stack shows
that it is inside `lane.enter`: there all code is the call's own. Everything
else on this thread (reading requests, writing replies, handing a coroutine to
the loop) lies outside and is never interrupted. Ids are never used twice, so a
shot that comes late means nobody.

Rejected: a thread that reads the pipe (two hand-overs of the interpreter lock a
call), blocking the signal around the call (two system calls, and wrong beside
a second thread), a flag that says "in user code" (the signal comes between the
flag and what it stands for).
"""

import os
import sys
from _thread import get_ident, start_new_thread
from time import sleep

from .stacks import threads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType
    from typing import Any, TypeVar

    from .stdio import Running
    from .worker import Worker

    F = TypeVar("F", bound=Callable[..., object])

# What one read of the control pipe takes: whole ids, as they are written.
DRAIN_SIZE = 8 * 512
# How soon a shot that had to wait is tried again, in seconds.
AGAIN = 0.002
# How many exceptions of a chain are looked at.
MAX_CHAIN = 64

# The bit of an id in the control pipe that makes it a revocation: the call goes
# to another worker, unless it has started here.
REVOKE = 1 << 63

# The calls that are not wanted any more, as far as nobody has acted on it.
shots: "set[int]" = set()
# The calls that were given back before their line was reached: it is skipped.
returned: "set[int]" = set()
# The calls whose task was cancelled and that have not been answered yet, with
# what was on the stacks then: the task's and the threads'.
stopping: "dict[object, tuple[str, ...]]" = {}

# The code that is never interrupted although it runs inside a call. By identity:
# code objects are compared by value, slowly.
_whole: "set[int]" = set()
# That part of it which writes a line of the wire: nothing else may be written then.
_writing: "set[int]" = set()
# Where logging takes and leaves the lock that all threads log under. What it
# calls in between may be interrupted: it cleans up behind that.
_LOGGING = frozenset({"handle", "acquire", "release", "_acquireLock", "_releaseLock"})


class Cancelled(BaseException):
    """Raised inside a call that is not wanted any more. `finally:` runs."""

    def __init__(self, call: object) -> None:
        super().__init__("the call was cancelled")
        self.call = call


class CancelledUnderLoop(Cancelled, KeyboardInterrupt):
    """The same below a running event loop.

    asyncio keeps what a task raises for whoever awaits it, and goes on; only
    KeyboardInterrupt and SystemExit end its loop.
    """


def whole(function: "F") -> "F":
    """Have function run to its end before its call is interrupted.

    For what would leave something behind that the next call meets, and never
    blocks. Costs nothing when it is called.
    """
    _whole.add(id(function.__code__))
    return function


def writing(function: "F") -> "F":
    """Have function, which writes a line from inside a call, run to its end."""
    _writing.add(id(function.__code__))
    return whole(function)


def stopped(error: BaseException, call: object) -> bool:
    """Tell whether error is, or comes of, the cancellation of this very call.

    A `finally:` that fails, a library that wraps what it catches, a group: the
    call did not get where it wanted because it was cancelled.
    """
    waiting, seen = [error], 0
    while waiting and seen < MAX_CHAIN:
        at = waiting.pop()
        seen += 1
        if isinstance(at, Cancelled):
            if at.call == call:
                return True
        elif call in stopping and isinstance(at, sys.modules["asyncio"].CancelledError):
            return True
        members = getattr(at, "exceptions", None)
        near = (at.__cause__, at.__context__, *(members if isinstance(members, tuple) else ()))
        waiting += [other for other in near if isinstance(other, BaseException)]
    return False


def stack(call: object) -> str:
    """Give what was on the stacks when the call was stopped for the first time."""
    task = stopping.get(call)
    if task is not None:
        return "\n".join(task)
    main, shown = Kicks.shown
    return shown if main == call else ""


def _is_writing(frame: "FrameType | None") -> bool:
    while frame is not None:
        if id(frame.f_code) in _writing:
            return True
        frame = frame.f_back
    return False


class Kicks:
    """Reads shots and acts on them: the worker's ear for the control pipe."""

    # The process's own, once it listens.
    here: "Kicks | None" = None
    # The call on the main thread that was interrupted last, and the stacks then.
    shown: "tuple[object, str]" = (None, "")

    def __init__(self, worker: "Worker", mark: "CodeType", current: "Running") -> None:
        self._worker, self._mark, self._current = worker, mark, current
        self._thread = get_ident()
        self._busy = self._again = self._insisting = False
        self._revoked: set[int] = set()

    def install(self) -> None:
        """Begin to listen; from the main thread."""
        from _signal import SIGURG, signal  # type: ignore[import-not-found]

        self._signum, Kicks.here = SIGURG, self
        signal(SIGURG, self._kicked)
        self._unraisable = sys.unraisablehook
        sys.unraisablehook = self._swallowed
        os.register_at_fork(after_in_child=self._forget)

    def drain(self) -> "bool | None":
        """Move what the pipe holds to shots: whether it held anything, None at its end.

        Between the reading and the keeping no Python frame is entered, so a
        call at the end of its recursion limit loses no id.
        """
        found = False
        while True:
            try:
                ids = os.read(self._worker.wire.control, DRAIN_SIZE)
            except OSError:  # nothing there, or closed by user code
                return found
            shots.update(memoryview(ids[: len(ids) & ~7]).cast("Q"))
            # Copies, made in one step: the other thread, or a kick in between,
            # may add to either set while this one is being looked through.
            seen = tuple(shots)
            if seen and max(seen) >= REVOKE:
                self._revoked.update([call for call in seen if call >= REVOKE])
                shots.difference_update(tuple(self._revoked))
            if len(ids) < DRAIN_SIZE:
                return found or bool(ids) or None
            found = True

    def take(self) -> None:
        """Learn what has been revoked; on the main thread."""
        loop = self._worker.loop
        self.drain()
        if shots and loop is not None and shots != {self._current.main}:
            loop.look_soon()

    def started(self) -> "set[int]":
        """Give the shots whose call has started: it runs, or has been answered.

        Ask this before asking which call runs: the main thread says which call
        it is about to run and only then marks it started.
        """
        board, seats = self._worker.wire.board, self._worker.wire.seats
        if board is None:  # in a forked child
            return set()
        return {call for call in tuple(shots) if board[1 + call % seats] >= call}

    def kick(self) -> None:
        """Have the main thread look, if there is something for it to see."""
        if self._current.main in shots or self._revoked:
            from _signal import pthread_kill

            pthread_kill(self._thread, self._signum)

    def _kicked(self, _: int, frame: "FrameType | None") -> None:
        """Handle the signal.

        It may interrupt itself: then it must not raise, or the ids that the
        outer one has read are lost, and not just return, or its own are.
        """
        self._again = True
        if self._busy:
            return
        while self._again:
            self._busy = True
            try:
                self._again = False
                self.take()
                if self._revoked:
                    self._give_back(frame)
            finally:
                self._busy = False
        call = self._current.main
        if call not in shots:
            self._prune()
            return
        whole = self._is_whole(frame)
        if whole is None:  # about to start, and asks before it does; or over
            return
        if whole:
            self._insist()
            return
        if Kicks.shown[0] != call:  # a second shot finds it in its `finally:`
            try:
                Kicks.shown = call, threads(frame)
            except Exception as error:  # no room for that on the stack, or no memory
                Kicks.shown = call, f"no Python stack: {type(error).__name__}"
        shots.discard(call)
        events = sys.modules.get("asyncio.events")
        if events is not None and events._get_running_loop() is not None:
            raise CancelledUnderLoop(call)
        raise Cancelled(call)

    def _give_back(self, frame: "FrameType | None") -> None:
        """Answer the revoked calls whose lines wait behind the one that runs.

        Only from inside that one: there the main thread writes no answer of its
        own and cannot be about to start one of them. Elsewhere it is not stuck,
        and will reach them soon: the revocation is void. The newest goes first,
        as each is put back to the head of a queue.
        """
        if _writing and _is_writing(frame):
            self._insist()
            return
        taken = tuple(self._revoked)
        self._revoked.difference_update(taken)
        revoked = sorted([call - REVOKE for call in taken], reverse=True)
        if self._is_whole(frame) is None:
            return
        board, seats = self._worker.wire.board, self._worker.wire.seats
        for call in revoked:
            if board is not None and board[1 + call % seats] < call and call not in returned:
                returned.add(call)
                try:
                    self._worker.give_back(call)
                except OSError:  # nobody reads the answers any more
                    return

    def _is_whole(self, frame: "FrameType | None") -> "bool | None":
        """Tell whether what was interrupted has to go on; None outside of a call.

        An interrupted import leaves half a module in sys.modules for all calls
        after this one. What __del__ raises is ignored.
        """
        whole = (
            frame is not None
            and frame.f_code.co_name in _LOGGING
            and frame.f_code.co_filename == getattr(sys.modules.get("logging"), "_srcfile", None)
        )
        while frame is not None:
            code = frame.f_code
            if code is self._mark:
                return whole
            if (
                id(code) in _whole
                or code.co_name == "__del__"
                or code.co_filename.startswith("<frozen importlib")
            ):
                whole = True
            frame = frame.f_back
        return None

    def _insist(self) -> None:
        """Try again soon: the daemon kicks only a few times.

        What prints without end is in `whole` code whenever one looks, so that
        code looks for itself when it is through.
        """
        if not self._insisting:
            self._insisting = True
            try:
                start_new_thread(self._repeat, ())
            except RuntimeError:  # no more threads: the daemon's next kick has to do
                self._insisting = False

    def _repeat(self) -> None:
        while self._insisting:
            while self._current.main in shots or self._revoked:
                sleep(AGAIN)
                self.kick()
            self._insisting = False
            # Another call may have come to insist just before that line.
            self._insisting = self._current.main in shots or bool(self._revoked)

    @whole
    def _swallowed(self, args: "Any") -> None:
        """Shoot again when the interpreter has ignored a Cancelled.

        It does where it has nobody to raise to: in the callback of a weak
        reference, or when it warns of a coroutine that was never awaited.
        """
        error = args.exc_value
        if isinstance(error, Cancelled) and error.call == self._current.main:
            shots.add(error.call)  # type: ignore[arg-type]
            self._insist()
        else:
            self._unraisable(args)

    def _prune(self) -> None:
        """Forget the shots that came too late, once there are many.

        Where there is a loop it does that, since only it knows its calls.
        """
        if self._worker.loop is None and len(shots) > self._worker.wire.seats:
            shots.difference_update(self.started() - {self._current.main})

    def _forget(self) -> None:
        """In a forked child: nobody kicks it, and it answers nobody."""
        from _signal import SIG_DFL, getsignal, signal

        if getsignal(self._signum) == self._kicked:
            signal(self._signum, SIG_DFL)
        shots.clear()
        self._revoked.clear()
        self._busy = self._insisting = False
