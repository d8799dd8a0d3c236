"""The same functions, and coroutines beside them in the same workers."""

import asyncio
import os

from selftest_plain import (
    _count,
    _last_will,
    aborts,
    big,
    daemonises,
    dies,
    echo,
    floods,
    forks,
    grinds,
    hogs,
    leaves,
    nap,
    raises,
    segfaults,
    spins,
    unwritable,
)

__all__ = [
    "aborts",
    "adies",
    "aecho",
    "anap",
    "araises",
    "big",
    "daemonises",
    "dies",
    "echo",
    "floods",
    "forks",
    "grinds",
    "hogs",
    "leaves",
    "nap",
    "raises",
    "segfaults",
    "spins",
    "unwritable",
]


async def aecho(key: int) -> int:
    _count(key)
    return key


async def anap(key: int, seconds: float) -> int:
    _count(key)
    await asyncio.sleep(seconds)
    return key


async def araises(key: int) -> int:
    _count(key)
    await asyncio.sleep(0)
    raise ValueError(f"call {key} raises")


async def adies(key: int) -> int:
    _count(key)
    await asyncio.sleep(0)
    _last_will("exit")
    os._exit(7)
