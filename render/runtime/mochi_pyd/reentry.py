"""Reentry: errors of event loops that say what happened, and now also what to do.

asyncio and uvloop tell them by a RuntimeError's words alone. Those words are
taken for theirs only when the exception was raised inside them.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# What is entered again from inside.
_ENTERED = (
    "cannot be called from a running event loop",
    "this event loop is already running",
    "cannot run the event loop while another loop is running",
)
# What belongs to a loop that is another one, or over.
_STALE = ("attached to a different loop", "bound to a different event loop", "event loop is closed")

ENTERED = (
    "the function already runs on an event loop of the worker: await the coroutine "
    "instead of running a loop for it, or make the function a plain def, which runs "
    "on the main thread, where there is no loop"
)
STALE = (
    "an object of one event loop was used on another: make locks, queues, futures and "
    "sessions inside the coroutine that uses them, and keep none from call to call "
    '(event-loop = "per-call") or from import time (either way); a plain def runs on '
    "another thread than the loop and hands it none of its own"
)
# What the file names of asyncio's and uvloop's frames end with, without their last part.
_LIBRARIES = ("asyncio", "uvloop")


def explain(error: BaseException, data: dict[str, object]) -> str:
    """Add to an error's data what it means; the new message where it has one."""
    if type(error) is not RuntimeError or not _of_a_loop(error):
        return ""
    words = str(error)
    lower = words.lower()
    if any(entered in lower for entered in _ENTERED):
        data["kind"], data["hint"] = "reentry", ENTERED
        return f"MochiAsyncReentryError: {words.rstrip('.')}: {ENTERED}"
    if any(stale in lower for stale in _STALE):
        data["hint"] = STALE
        data["text"] = f"{data['text']}\n{STALE}\n"
        return f"RuntimeError: {words.rstrip('.')}: {STALE}"
    return ""


def _of_a_loop(error: BaseException) -> bool:
    """Tell whether the exception was raised in asyncio or uvloop, or in a task by it."""
    at: Any = error.__traceback__
    if at is None:
        return True
    while at.tb_next is not None:
        at = at.tb_next
    directory = os.path.dirname(at.tb_frame.f_code.co_filename)
    if os.path.basename(directory) in _LIBRARIES:
        return True
    # What a task finds in its hands is thrown into the coroutine, at its await.
    return "attached to a different loop" in str(error) and str(error).startswith("Task ")
