"""What the pool's tests call."""

import asyncio
import ctypes
import os
import time


def add(a, b):
    return a + b


def pid():
    return os.getpid()


def sleep(seconds):
    time.sleep(seconds)
    return seconds


async def asleep(seconds):
    await asyncio.sleep(seconds)
    return seconds


def later(seconds):
    """A plain function whose result has to be awaited."""
    return asleep(seconds)


def note(path, key):
    """Leave a mark of having run, whatever happens next."""
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(fd, f"{key}\n".encode())
    os.close(fd)
    return key


def note_and_sleep(path, key, seconds):
    note(path, key)
    time.sleep(seconds)
    return key


def segfault():
    ctypes.string_at(0)


def leave(status):
    os._exit(status)


def note_and_die_once(path):
    first = not os.path.exists(path)
    note(path, "run")
    if first:
        os._exit(7)
    return "survived"


def pid_after(seconds):
    time.sleep(seconds)
    return os.getpid()


_kept = []


def keep(mebibytes):
    """Grow, and stay so."""
    _kept.append(b"x" * (mebibytes << 20))
    return os.getpid()


def borrow(mebibytes, seconds):
    """Grow for as long as the call takes; what is this big is mapped, and so given back."""
    lent = b"x" * (mebibytes << 20)
    time.sleep(seconds)
    return len(lent) >> 20


def keep_in_child(mebibytes, detached):
    """Have a child that grows, and tell when it has; detached is an orphan in a session of its own."""
    up, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        if detached:
            os.setsid()
            if os.fork():
                os._exit(0)
        grown = b"x" * (mebibytes << 20)
        os.write(told, b"!")
        time.sleep(600)
        os._exit(len(grown) > 0)
    os.close(told)
    os.read(up, 1)
    os.close(up)
    if detached:
        os.waitpid(pid, 0)
    return os.getpid()


def borrow_in_child(mebibytes):
    keep_in_child(mebibytes, False)
    time.sleep(60)


def keep_among_children(mebibytes, children):
    """Grow, and have children that share it all."""
    keep(mebibytes)
    for _ in range(children):
        if os.fork() == 0:
            time.sleep(600)
            os._exit(0)
    return os.getpid()


def ask_for(mebibytes, limit):
    """Take memory where the process may have only so much address space."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (limit << 20, resource.RLIM_INFINITY))
    return len(b"x" * (mebibytes << 20))


class Crowd:
    """Many coroutine functions, which nobody knows before they are called."""


def _member(number):
    async def member(seconds):
        await asyncio.sleep(seconds)
        return number

    return staticmethod(member)


for _number in range(200):
    setattr(Crowd, f"f{_number}", _member(_number))


def spin():
    """Busy in Python, for as long as it is let."""
    while True:
        pass


def hold():
    """Busy in C with the interpreter's lock held, for ever."""
    import collections
    import itertools

    collections.deque(itertools.count(), maxlen=0)


def lock_up():
    import threading

    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def swallow():
    try:
        time.sleep(30)
    except BaseException:
        return "late"


def fail_instead():
    swallow()
    raise ValueError("instead")


async def add_later(a, b):
    await asyncio.sleep(0)
    return a + b


_late = []


def late(number):
    """Answer after the deadline, come what may."""
    try:
        time.sleep(30)
    except BaseException:
        _late.append(number)
    return number


async def late_later(number):
    try:
        await asyncio.sleep(30)
    except asyncio.CancelledError:
        await asyncio.sleep(0.001)
        _late.append(number)
    return number


def late_replies():
    return len(set(_late))


async def tidy_sleep(path, seconds):
    try:
        await asyncio.sleep(seconds)
    finally:
        note(path, "tidied")


_speed = []


def grip(seconds):
    """Busy in C with the interpreter's lock held, for about so long.

    No sleep: a signal would end it.
    """
    from collections import deque
    from itertools import repeat

    if not _speed:
        begin = time.monotonic()
        deque(repeat(None, 1_000_000), maxlen=0)
        _speed.append(1_000_000 / (time.monotonic() - begin))
    deque(repeat(None, int(seconds * _speed[0])), maxlen=0)
    return seconds


async def note_later(path, key):
    return note(path, key)
