"""What the tests call in an embedded interpreter."""

import asyncio
import atexit
import os
import pathlib
import sys
import threading


def add(a, b):
    return a + b


def fails(word):
    raise ValueError(f"<{word}>")


def leaves():
    raise SystemExit(3)


def prints(word):
    print(word)
    sys.stdout.flush()
    os.write(1, word.encode() + b"\n")
    return word


def counts(n):
    yield from range(n)


async def acounts(n):
    for i in range(n):
        await asyncio.sleep(0)
        yield i


async def where():
    return threading.current_thread().name


async def alone():
    return [threading.current_thread().name == "mochi-asyncio-loop", len(asyncio.all_tasks())]


_met = {}


async def meets(name, other):
    """Return when the other is there as well: only if both run at once."""
    _met.setdefault(name, asyncio.Event()).set()
    await asyncio.wait_for(_met.setdefault(other, asyncio.Event()).wait(), 20)
    return name


def pid():
    return os.getpid()


def executable():
    return [sys.executable, sys.prefix]


def at_exit(file):
    atexit.register(pathlib.Path(file).write_text, "left")
