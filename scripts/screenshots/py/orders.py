"""A module that mostly waits: many calls at once, in one process."""

import asyncio


async def price(item: int) -> float:
    """What an item costs, asked of somebody who takes a moment."""
    await asyncio.sleep(0.002 + item % 5 / 1000)
    return item * 1.19


async def reserve(item: int, seconds: float) -> int:
    """Keeps an item for somebody who thinks about it."""
    await asyncio.sleep(seconds)
    return item
