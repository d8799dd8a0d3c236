"""Writes a word in every way there is, and gets into trouble in every way."""

import asyncio
import ctypes
import logging
import os
import signal
import sys
import time
import traceback
import warnings
from typing import Any

_tasks: list[Any] = []


def speak(word: str) -> str:
    print("printed", word)
    sys.stderr.write(f"written {word}\n")
    logging.getLogger("app").warning("logged %s", word)
    warnings.warn(f"warned {word}", stacklevel=1)
    try:
        raise ValueError(word)
    except ValueError:
        traceback.print_exc()
        logging.exception("stumbled over %s", word)
    sys.stdout.write(f"half of {word}")
    return word


async def murmur(word: str, pause: float) -> str:
    print("printed", word)
    await asyncio.sleep(pause)
    logging.getLogger("app.loop").warning("logged %s", word)
    await asyncio.gather(_deeper(word, pause), asyncio.to_thread(print, "threaded", word))
    try:
        raise ValueError(word)
    except ValueError:
        traceback.print_exc()
    _tasks.append(asyncio.ensure_future(_late(word, pause)))
    return word


async def _deeper(word: str, pause: float) -> None:
    await asyncio.sleep(pause)
    sys.stderr.write(f"written {word}\n")


async def _late(word: str, pause: float) -> None:
    await asyncio.sleep(pause)
    print("afterwards", word)


def nan() -> float:
    return float("nan")


def nap(seconds: float) -> None:
    time.sleep(seconds)


def fail(word: str) -> None:
    raise RuntimeError(word)


def two(a: int, b: int) -> int:
    return a + b


def die() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def leave() -> None:
    os._exit(3)


def spin() -> None:
    """Obeys nobody: in C, with the GIL."""
    ctypes.PyDLL(None).usleep(20_000_000)
