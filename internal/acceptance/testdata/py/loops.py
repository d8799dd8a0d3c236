"""What event loops can be asked to do, and what they must not be."""

import asyncio
import threading
import time

SEEN: list = []  # loops are kept: an address is given again
KEPT: list = []
ENDED: list = []


async def nap(seconds: float) -> float:
    await asyncio.sleep(seconds)
    return seconds


def block(seconds: float) -> float:
    """Sleep in C, where the interpreter is let go."""
    time.sleep(seconds)
    return seconds


async def which() -> int:
    """Count the loops that have been seen."""
    loop = asyncio.get_running_loop()
    if not any(loop is seen for seen in SEEN):
        SEEN.append(loop)
    return len(SEEN)


async def engine() -> str:
    return type(asyncio.get_running_loop()).__module__


async def thread() -> str:
    return threading.current_thread().name


def main_thread() -> str:
    return threading.current_thread().name


async def run_again() -> None:
    """Enter a loop from inside it, in a helper that does not know better."""
    _fetch()


def _fetch() -> None:
    asyncio.run(asyncio.sleep(0))


async def keep() -> None:
    KEPT[:] = [asyncio.get_running_loop().create_future()]


async def use() -> None:
    await KEPT[0]


async def tidy(seconds: float) -> None:
    try:
        await asyncio.sleep(seconds)
    finally:
        ENDED.append(seconds)


async def ended() -> list:
    return ENDED
