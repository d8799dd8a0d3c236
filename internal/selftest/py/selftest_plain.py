"""What the self-test calls: functions that count their own runs, and misbehave.

Every function takes a key that no other call has and writes it, before it does
anything else, to a file that all workers append to: the file says how often
each call ran, whatever the daemon believes.
"""

import ctypes
import os
import resource
import signal
import sys
import time

__all__ = [
    "aborts",
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

_RUNS = os.open(os.environ["MOCHI_PYD_SELFTEST_RUNS"], os.O_WRONLY | os.O_APPEND)
_DEATHS = os.open(os.environ["MOCHI_PYD_SELFTEST_DEATHS"], os.O_WRONLY | os.O_APPEND)
_LINGER = 10.0  # seconds that a fork stays when nobody ends it
_ADDRESSES = 1 << 36  # bytes: far above what a worker has, far below what a hog asks for

# Who tests a machine does not want a core file for each segmentation fault.
resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def _count(key: int) -> None:
    # One write: lines of several workers never mix, and one that is killed in
    # between has written all of it or nothing.
    os.write(_RUNS, b"%d\n" % key)


def _last_will(how: str) -> None:
    os.write(_DEATHS, f"{os.getpid()} {how}\n".encode())


def echo(key: int, padding: str = "") -> int:
    _count(key)
    return key


def nap(key: int, seconds: float) -> int:
    _count(key)
    time.sleep(seconds)
    return key


def spins(key: int, seconds: float) -> int:
    """A Python loop: it can be interrupted between any two instructions."""
    _count(key)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
    return key


def grinds(key: int, steps: int) -> int:
    """A loop in C that holds the interpreter: nothing interrupts it."""
    _count(key)
    sum(range(steps))
    return key


def raises(key: int) -> int:
    _count(key)
    raise ValueError(f"call {key} raises")


def leaves(key: int) -> int:
    _count(key)
    sys.exit(3)


def big(key: int, size: int) -> list[object]:
    _count(key)
    return [key, "x" * size]


def unwritable(key: int) -> object:
    _count(key)
    return object()


def hogs(key: int) -> int:
    _count(key)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESSES, hard))
    try:
        return len(bytearray(1 << 40))
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def floods(key: int, lines: int) -> int:
    """Much, long lines, bytes that are no text, and no newline at the end."""
    _count(key)
    os.write(2, b"x" * 100_000 + b"\n\xff\xfe\x00\n{\x1e\n")
    for n in range(lines):
        print(f"line {n} of call {key}", file=sys.stderr)
    sys.stdout.write("no newline")
    return key


def forks(key: int) -> int:
    """Leaves a process behind in the worker's group."""
    _count(key)
    if os.fork() == 0:
        time.sleep(_LINGER)
        os._exit(0)
    return key


def daemonises(key: int) -> int:
    """Leaves a process behind that has left the worker's group and session."""
    _count(key)
    first = os.fork()
    if first == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(_LINGER)
        os._exit(0)
    os.waitpid(first, 0)
    return key


def dies(key: int) -> int:
    _count(key)
    _last_will("exit")
    os._exit(7)


def segfaults(key: int) -> int:
    _count(key)
    _last_will("SIGSEGV")
    ctypes.string_at(0)
    signal.pause()
    return key


def aborts(key: int) -> int:
    _count(key)
    _last_will("SIGABRT")
    os.abort()
