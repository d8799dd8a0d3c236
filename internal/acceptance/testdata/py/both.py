"""Synchronous and asynchronous functions in one module."""

import asyncio
import os
import time


def add(a: int, b: int) -> int:
    return a + b


async def aadd(a: int, b: int) -> int:
    await asyncio.sleep(0)
    return a + b


async def sleep(seconds: float) -> float:
    await asyncio.sleep(seconds)
    return seconds


def nap(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def pid() -> int:
    return os.getpid()


async def apid() -> int:
    return os.getpid()
