"""The module that the tests' workers serve: well-behaved and misbehaving functions."""

import asyncio
import collections
import ctypes
import functools
import json
import logging
import math
import os
import subprocess
import sys
import threading
import time
import warnings
from math import sqrt

CONSTANT = 42
LATER = None


def add(a, b=10, /, c=0, *, d=0):
    return a + b + c + d


def echo(value):
    return value


def fail(message="no"):
    raise ValueError(message)


def type_error_inside(a):
    return a + "text"


def injected(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function("injected", *args, **kwargs)

    return wrapper


@injected
def needs_injection(first, second):
    return [first, second]


def raise_(kind):
    raise {
        "SystemExit": SystemExit(3),
        "KeyboardInterrupt": KeyboardInterrupt(),
        "MemoryError": MemoryError(),
        "GeneratorExit": GeneratorExit(),
        "BaseException": BaseException("base"),
    }[kind]


def recurse():
    return recurse()


def chained():
    try:
        json.loads("{")
    except ValueError as error:
        raise RuntimeError("outer") from error


class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError("no text")

    __repr__ = __str__


def unprintable():
    raise Unprintable(Unprintable())


class Counter:
    """Counts things."""

    total = 7
    system = os.system

    @classmethod
    def make(cls):
        return "made"

    @staticmethod
    async def nap(seconds):
        await asyncio.sleep(seconds)
        return seconds


counter = Counter()


async def nap(seconds):
    """Sleep.

    And nothing else.
    """
    await asyncio.sleep(seconds)
    return seconds


def nap_later(seconds):
    return nap(seconds)


async def leave_generator():
    raise GeneratorExit


async def leave_generator_later():
    await asyncio.sleep(0)
    raise GeneratorExit


async def fail_async():
    await asyncio.sleep(0)
    raise LookupError("async")


async def count_async(n):
    for i in range(n):
        await asyncio.sleep(0)
        yield i


def count(n):
    yield from range(n)


def forever():
    while True:
        yield "x" * 1000


async def exit_loop():
    async def leave():
        raise SystemExit(9)

    await asyncio.create_task(leave())


def block(seconds):
    time.sleep(seconds)
    return seconds


def thread_name():
    return threading.current_thread().name


async def thread_name_async():
    return threading.current_thread().name


def loaded(name):
    return name in sys.modules


def speak(text):
    print(text)
    print(text, file=sys.stderr)
    sys.stdout.write("half")
    libc = ctypes.CDLL(None)
    libc.printf(b"%s\n", b"from C")
    libc.puts(text.encode())
    subprocess.run(["echo", "from a child"], check=True)
    return "spoken"


async def speak_async(text, seconds):
    print("begin", text)
    await asyncio.sleep(seconds)
    print("end", text)


def log(text):
    logging.getLogger("app.db").warning(text)
    logging.warning("by the root")
    try:
        fail(text)
    except ValueError:
        logging.getLogger("app.db").exception("failed")
    warnings.warn("deprecated " + text, stacklevel=1)


def close_streams():
    sys.stdout.close()
    sys.stderr.close()
    sys.__stdout__.close()
    print("still here")
    return "closed"


def close_descriptors():
    os.close(1)
    os.close(2)
    print("nobody hears this")
    sys.stderr.write("nor this\n")
    return "closed"


def replace_streams():
    import io

    sys.stdout = io.StringIO()
    print("into the void")
    return "replaced"


def redefine_json():
    json.dumps = None
    json.JSONEncoder.default = None
    json.loads = None
    return {"still": ["json", 1.5]}


def fork():
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
    return pid > 0


def read_stdin():
    return sys.stdin.read()


def descriptors():
    return {name: os.path.exists(f"/proc/self/fd/{name}") for name in (0, 1, 2)}


def wire_variable():
    return os.environ.get("MOCHI_PYD_WIRE")


def deque():
    return collections.deque([1, 2])


def big(size):
    return "x" * size


def set_later():
    global LATER
    LATER = echo


def spawned():
    """Run a process that imports this worker's script again, as spawn does."""
    import multiprocessing

    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.map(math.sqrt, [4.0])


def foreign():
    return sqrt(4)


TICKS = [0]


def tick():
    """Start a thread that wakes a thousand times a second."""

    def run():
        while True:
            TICKS[0] += 1
            time.sleep(0.001)

    threading.Thread(target=run, daemon=True).start()


def ticks():
    return TICKS[0]
