"""Stacks: what every thread did when a call was stopped, in faulthandler's look.

Not by faulthandler: it writes to a descriptor, shows our own frames, and knows
nothing of coroutines. Taken in the signal handler and not from the exception,
which on its way up passes through one thread only, and may be swallowed.

Everything is bounded, and little is called from anywhere: the stack that is
shown may have room for three more frames.
"""

import os
import sys
from _thread import get_ident

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import Task
    from types import FrameType
    from typing import Any

MAX_WALK = 10_000  # frames of one stack that are looked at
MAX_FRAMES = 64  # frames of one stack that are shown: half from each end
MAX_THREADS = 32
MAX_LINE = 512  # characters of a frame's line
MAX_STACK = 32 * 1024  # characters of the threads, and of the task

# Our own frames: files beside this one or, in a bundle, "<mochi_pyd.stacks>".
_THIS = (lambda: None).__code__.co_filename
_OURS = "<mochi_pyd" if _THIS[0] == "<" else os.path.dirname(os.path.abspath(_THIS)) + os.sep

# Awaitables of the interpreter's own that do not tell what they wait for.
_MUTE = frozenset(
    {"anext_awaitable", "async_generator_asend", "async_generator_athrow", "coroutine_wrapper"}
)


def is_ours(file: str) -> bool:
    """Tell whether a frame of this file is the runtime's or the script's."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    return file.startswith(_OURS) or file in (main, "<frozen runpy>")


def threads(interrupted: "FrameType | None" = None) -> str:
    """Show all threads; first the calling one, when it was interrupted in a frame."""
    mine, shown = get_ident(), []
    every = sys._current_frames()
    at: FrameType | None = None
    try:
        if interrupted is not None:
            every.pop(mine, None)
            shown.append(_show(f"Current thread 0x{mine:016x}", _walk(interrupted)))
        left, size = len(every), 0
        for thread, at in every.items():
            if len(shown) == MAX_THREADS or size > MAX_STACK:
                shown.append(f"… {left} threads left out …\n")
                break
            shown.append(_show(f"Thread 0x{thread:016x}", _walk(at)))
            size += len(shown[-1])
            left -= 1
    finally:  # or this frame would hold itself, and the locals of all others
        at = interrupted = None
        every.clear()
    return "\n".join(shown)[: 2 * MAX_STACK]


def waiting(task: "Task[Any]") -> str:
    """Show where a task waits; asyncio itself knows its outermost coroutine only."""
    try:
        return _show("Current task", _awaited(task))[:MAX_STACK]
    except Exception as error:  # whatever a task may be, it has to be cancelled
        return f"no stack of the task: {type(error).__name__}\n"


def _awaited(task: "Task[Any]") -> "list[tuple[str, object, str]]":
    from asyncio import Task
    from gc import get_referents
    from types import AsyncGeneratorType, CoroutineType, GeneratorType

    names = {CoroutineType: "cr", GeneratorType: "gi", AsyncGeneratorType: "ag"}
    found: list[tuple[str, object, str]] = []
    at: Any = task.get_coro()
    for _ in range(MAX_WALK):
        prefix = names.get(type(at))
        if prefix is not None:
            frame = getattr(at, prefix + "_frame")
            if frame is not None and not is_ours(frame.f_code.co_filename):
                found.append((frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name))
            at = getattr(at, "gi_yieldfrom" if prefix == "gi" else prefix + "_await")
        elif type(at).__name__ in _MUTE:
            at = next((other for other in get_referents(at) if type(other) in names), None)
        else:  # a future; what another task is to set is that task's
            other = getattr(task, "_fut_waiter", None)
            if not isinstance(other, Task):
                break
            task, at = other, other.get_coro()
    found.reverse()
    return found


def _walk(frame: "FrameType | None") -> "list[tuple[str, object, str]]":
    """List file, line and name of the frames that are not ours, innermost first."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    ours = (main, "<frozen runpy>")
    found = []
    for _ in range(MAX_WALK):
        if frame is None:
            break
        code = frame.f_code
        if not code.co_filename.startswith(_OURS) and code.co_filename not in ours:
            found.append((code.co_filename, frame.f_lineno, code.co_name))
        frame = frame.f_back
    return found


def _show(who: str, frames: "list[tuple[str, object, str]]") -> str:
    half = MAX_FRAMES // 2
    lines = [
        f'  File "{file}", line {line} in {name}'[:MAX_LINE]
        for file, line, name in (frames[:half] + frames[half:][-half:])
    ]
    if len(frames) > MAX_FRAMES:
        lines.insert(half, f"  … {len(frames) - MAX_FRAMES} frames left out …")
    body = "\n".join(lines) or "  <no frame but the runtime's own>"
    return f"{who} (most recent call first):\n{body}\n"
