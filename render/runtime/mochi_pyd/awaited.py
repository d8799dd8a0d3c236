"""Awaited: what a script awaits although it may not be a coroutine function."""

from __future__ import annotations

from .surface import kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def awaiting(function: Any) -> Any:
    """Make a function that can be awaited of one that was declared to be so."""
    if kind(function) == "coroutine":
        return function

    import functools

    @functools.wraps(function)
    async def awaited(*params: Any, **named: Any) -> Any:
        result = function(*params, **named)
        return await result if hasattr(type(result), "__await__") else result

    return awaited
