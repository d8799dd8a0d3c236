"""Functions that do to their worker what no function should."""

import asyncio
import collections
import ctypes
import io
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

_LONG = 600


def add(a: int, b: int) -> int:
    return a + b


def pid() -> int:
    return os.getpid()


def leave() -> None:
    os._exit(3)


# What they return is the processes that they left behind.


def forks_and_both_return() -> list[int]:
    child = os.fork()
    return [child]


def forks_and_stays() -> list[int]:
    child = os.fork()
    if child == 0:
        time.sleep(_LONG)
        os._exit(0)
    return [child]


def daemonizes() -> list[int]:
    """The double fork with setsid, as in the books."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()
        if os.fork() == 0:
            os.write(write, str(os.getpid()).encode())
            time.sleep(_LONG)
        os._exit(0)
    os.waitpid(child, 0)
    return [int(os.read(read, 32))]


def leaves_a_child_on_stderr() -> list[int]:
    return [subprocess.Popen(["sleep", str(_LONG)]).pid]


def leaves_a_session_on_stderr() -> list[int]:
    return [subprocess.Popen(["sleep", str(_LONG)], start_new_session=True).pid]


def closes_all_descriptors() -> list[int]:
    os.closerange(0, 1 << 16)
    return []


def redefines_json_dumps() -> list[int]:
    forged: Any = lambda *_args, **_kw: '"forged"'  # noqa: E731
    json.dumps = json.dump = forged
    json.JSONEncoder.encode = json.JSONEncoder.iterencode = forged
    return []


def replaces_stdout() -> list[int]:
    sys.stdout = sys.stderr = io.StringIO()
    sys.stdout.close()
    sys.stdin.close()
    return []


# What never ends by itself.


def spin() -> None:
    while True:
        pass


def sleeps() -> None:
    time.sleep(_LONG)


async def awaits() -> None:
    await asyncio.sleep(_LONG)


def sleeps_in_c() -> None:
    """Holds the GIL, but a signal ends the sleep itself."""
    ctypes.PyDLL(None).sleep(_LONG)


def busy_in_c() -> None:
    """Holds the GIL in a loop in C that looks at no signal."""
    collections.deque(itertools.count(), maxlen=0)


def deadlock() -> None:
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def stop_itself() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)
    time.sleep(_LONG)
