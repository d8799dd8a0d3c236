"""Engine: what runs an event loop, uvloop's where the pool's environment has it.

Whoever installed uvloop wants it used; nobody's global policy is changed, so a
function that makes a loop of its own gets the kind it would get anywhere else.
Imported, as asyncio is, only when there is a coroutine.
"""

from __future__ import annotations

import asyncio
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

# "0" in a pool's environment keeps asyncio's own loop beside an installed uvloop.
VARIABLE = "MOCHI_PYD_UVLOOP"


def runner() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Give what does as asyncio.run does: a fresh loop, run to its end and closed."""
    if os.environ.get(VARIABLE) == "0":
        return asyncio.run
    try:
        from uvloop import run  # type: ignore[import-not-found,unused-ignore]
    except Exception:  # none, one before 0.18, or one that does not load here
        return asyncio.run
    return run  # type: ignore[no-any-return,unused-ignore]
