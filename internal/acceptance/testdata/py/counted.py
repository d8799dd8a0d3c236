"""Functions that say in a file of their own that they ran."""

import asyncio
import os
import time


def _count(path: str, what: str) -> None:
    out = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(out, what.encode() + b"\n")
    os.close(out)


def run(path: str, what: str, seconds: float) -> str:
    _count(path, what)
    time.sleep(seconds)
    return what


async def tidy(path: str, seconds: float) -> None:
    try:
        await asyncio.sleep(seconds)
    finally:
        _count(path, "tidied")


def pid() -> int:
    return os.getpid()
