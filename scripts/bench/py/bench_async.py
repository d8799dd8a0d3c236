"""The same as coroutine functions: a worker of this module has an event loop."""

from __future__ import annotations

import asyncio


async def add(a: int, b: int) -> int:
    return a + b


async def nap(seconds: float) -> None:
    await asyncio.sleep(seconds)
