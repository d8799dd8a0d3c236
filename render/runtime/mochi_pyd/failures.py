"""Failures: the error object of an exception, with all that helps to find it.

Imported when something has failed. Everything is bounded, and everything that
belongs to the exception may itself raise: whatever it does, an error comes out.
"""

from __future__ import annotations

import sys

from . import stdio
from .cancel import Cancelled
from .convert import type_name
from .stacks import is_ours
from .values import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

MAX_MESSAGE = 8 * 1024  # characters of a message, and of each note
MAX_TEXT = 32 * 1024  # characters of the formatted traceback
MAX_FRAMES = 64  # frames of one traceback: half from each end
MAX_CHAIN = 8  # causes of causes
MAX_MEMBERS = 16  # of an exception group, on each of
MAX_GROUPS = 3  # levels
MAX_ARGUMENT = 2 * 1024  # characters of one of the exception's args


def python_error(error: BaseException, call: object) -> tuple[str, dict[str, object]]:
    """Give the message and the data of an exception that user code raised."""
    data: dict[str, object] = {"kind": "python_error", **_describe(error, 0, set())}
    data["text"] = cut(text(error), MAX_TEXT)
    tail = stdio.tail(call)
    if tail:
        data["stderr_tail"] = tail
    if "asyncio" in sys.modules:
        from .reentry import explain

        return explain(error, data) or summary(error), data
    return summary(error), data


def summary(error: BaseException) -> str:
    """Give the line a traceback ends with: "ValueError: math domain error"."""
    message = _message(error)
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else type_name(kind)
    return f"{name}: {message}" if message else name


def text(error: BaseException) -> str:
    """Format the exception as the interpreter would, without our own frames."""
    try:
        from traceback import TracebackException

        shown = TracebackException(
            type(error), error, _users(error.__traceback__), limit=-MAX_FRAMES
        )
        return "".join(shown.format())
    except Exception:
        return summary(error)


def cut(value: str, longest: int) -> str:
    """Shorten a text from its middle: both ends of a traceback matter."""
    if len(value) <= longest:
        return value
    half = longest // 2
    return f"{value[:half]}\n… {len(value) - 2 * half} characters left out …\n{value[-half:]}"


def _describe(error: BaseException, depth: int, seen: set[int]) -> dict[str, object]:
    seen.add(id(error))
    kind = type(error)
    data: dict[str, object] = {
        "type": kind.__qualname__,
        "module": kind.__module__,
        "message": _message(error),
        "args": _args(error),
        "traceback": frames(error.__traceback__),
    }
    cause, context = error.__cause__, error.__context__
    if cause is not None and id(cause) not in seen and depth < MAX_CHAIN:
        data["cause"] = _describe(cause, depth + 1, seen)
    elif (
        context is not None
        and not error.__suppress_context__
        and id(context) not in seen
        and depth < MAX_CHAIN
    ):
        data["context"] = _describe(context, depth + 1, seen)
    notes = getattr(error, "__notes__", None)
    if isinstance(notes, (list, tuple)) and notes:
        data["notes"] = [cut(_safe(str, note), MAX_MESSAGE) for note in notes[:MAX_MEMBERS]]
    members = getattr(error, "exceptions", None)
    if isinstance(members, (list, tuple)) and depth < MAX_GROUPS:
        data["group"] = [
            _describe(member, depth + 1, seen)
            for member in members[:MAX_MEMBERS]
            if isinstance(member, BaseException) and id(member) not in seen
        ]
    return data


def frames(traceback: TracebackType | None) -> list[dict[str, object]]:
    """List where the exception passed, outermost first, without our own frames."""
    found: list[dict[str, object]] = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if not is_ours(code.co_filename):
            found.append(
                {
                    "file": code.co_filename,
                    "line": traceback.tb_lineno,
                    "name": code.co_name,
                    "source": "",
                }
            )
        traceback = traceback.tb_next
    if len(found) > MAX_FRAMES:
        half = MAX_FRAMES // 2
        found = found[:half] + found[-half:]
    from linecache import getline

    for frame in found:
        frame["source"] = _safe(
            lambda f=frame: cut(getline(f["file"], f["line"] or 0).strip(), MAX_ARGUMENT)
        )
    return found


def _users(traceback: TracebackType | None) -> TracebackType | None:
    """Skip the frames of the script and the runtime that lead to user code."""
    at = traceback
    while at is not None and is_ours(at.tb_frame.f_code.co_filename):
        at = at.tb_next
    return at


def _message(error: BaseException) -> str:
    return cut(_safe(str, error), MAX_MESSAGE)


def _args(error: BaseException) -> list[object]:
    return [_argument(value) for value in _safe_args(error)[:MAX_MEMBERS]]


def _safe_args(error: BaseException) -> tuple[Any, ...]:
    args = getattr(error, "args", ())
    return args if isinstance(args, tuple) else ()


def _argument(value: Any) -> object:
    """Keep an argument that is small plain JSON, else its repr."""
    if value is None or isinstance(value, (bool, int, float, str)):
        try:
            if len(encode(value)) <= MAX_ARGUMENT:
                return value
        except Exception:
            pass
    return cut(_safe(repr, value), MAX_ARGUMENT)


def _safe(function: Any, *args: Any) -> str:
    try:
        return str(function(*args))
    except Cancelled:
        raise
    except BaseException as error:
        return f"<{type(error).__name__} while describing it>"
