"""Functions that are there to be cancelled: one for each way of being busy."""

import asyncio
import collections.abc
import importlib
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref

LOG = []  # what the functions' finally: blocks have done
STARTED = {}  # how often each token was started


def inside():
    """Tell the test that the function is where it is to be cancelled."""
    print("inside")


def log():
    done, LOG[:] = list(LOG), []
    return done


def pid():
    return os.getpid()


def shots():
    return len(sys.modules["mochi_pyd.cancel"].shots)


def sleep(seconds):
    try:
        inside()
        time.sleep(seconds)
    finally:
        LOG.append("slept")
    return seconds


def large(size):
    return "x" * size


def spin():
    inside()
    while True:
        pass


def read_pipe():
    inside()
    read, write = os.pipe()
    try:
        os.read(read, 1)
    finally:
        os.close(read)
        os.close(write)


def acquire():
    inside()
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def wait_event():
    inside()
    threading.Event().wait()


def receive():
    inside()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.recv(1)


def run_child():
    inside()
    subprocess.run(["sleep", "600"], check=True)


def endless():
    try:
        inside()
        while True:
            yield None
    finally:
        LOG.append("closed")


class Unreadable(collections.abc.Mapping):
    """A value whose conversion takes for ever."""

    def __getitem__(self, key):
        return key

    def __len__(self):
        return 1

    def __iter__(self):
        inside()
        while True:
            time.sleep(0.05)
            LOG.clear()
            yield "a"


def encode():
    return Unreadable()


class Untold(Exception):
    def __str__(self):
        time.sleep(600)
        return "at last"


def untold():
    inside()
    raise Untold


def chatter():
    inside()
    while True:
        print("x" * 100)


def report():
    inside()
    while True:
        logging.getLogger("app").warning("x" * 100)


def swallow():
    try:
        inside()
        time.sleep(600)
    except BaseException as error:
        return type(error).__name__
    return "nothing"


def fail_in_finally():
    try:
        inside()
        time.sleep(600)
    finally:
        raise ValueError("in finally")


def linger():
    try:
        inside()
        time.sleep(600)
    finally:
        LOG.append("lingering")
        time.sleep(600)


def keep_for_next():
    try:
        inside()
        time.sleep(600)
    except BaseException as error:
        LOG.append(error)
    return "kept"


def raise_kept():
    raise LOG.pop()


def import_slowly(name, seconds):
    inside()
    module = importlib.import_module(name)
    assert module.whole
    time.sleep(seconds)


class Dying:
    def __del__(self):
        LOG.append("dying")
        inside()
        time.sleep(0.15)
        LOG.append("dead")


def collect():
    dying = Dying()
    del dying
    time.sleep(600)


def call_back():
    def dead(_):
        LOG.append("called back")
        inside()
        time.sleep(0.15)

    dying = threading.Event()
    kept = weakref.ref(dying, dead)
    del dying
    time.sleep(600)
    return kept


def run_loop():
    async def child():
        try:
            inside()
            while True:
                await asyncio.sleep(0.001)
        finally:
            LOG.append("child ended")

    async def main():
        await asyncio.gather(asyncio.create_task(child()), return_exceptions=True)
        return "swallowed"

    return asyncio.run(main())


def fork():
    pid = os.fork()
    if pid == 0:
        state = signal.getsignal(signal.SIGURG)
        os.kill(os.getpid(), signal.SIGURG)
        os._exit(3 if state == signal.SIG_DFL else 4)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


async def nap(seconds):
    LOG.append("begun")
    try:
        inside()
        await asyncio.sleep(seconds)
    finally:
        LOG.append("woken")
    return seconds


async def hog(seconds):
    inside()
    time.sleep(seconds)


async def nap_and_swallow():
    try:
        inside()
        await asyncio.sleep(600)
    except asyncio.CancelledError:
        return "swallowed"


async def nap_and_linger():
    try:
        inside()
        await asyncio.sleep(600)
    finally:
        LOG.append("lingering")
        await asyncio.sleep(600)


async def cancel_itself():
    task = asyncio.current_task()
    task.cancel()
    await asyncio.sleep(600)


async def finish_cancelled():
    asyncio.current_task().cancel()
    return "answered once"


async def count_for_ever():
    try:
        inside()
        while True:
            await asyncio.sleep(0)
            yield None
    finally:
        LOG.append("closed")


def nap_later(seconds):
    LOG.append("called")
    return nap(seconds)


async def nap_in_task(seconds):
    return await asyncio.create_task(nap(seconds))


class Napper:
    @staticmethod
    async def nap(seconds):
        return await nap(seconds)


# For the storm: each gives its token, so that an answer shows whose it is.
# A plain increment would not do for both threads; their tokens differ.


def quick(token):
    STARTED[token] = STARTED.get(token, 0) + 1
    return token


def busy(token):
    STARTED[token] = STARTED.get(token, 0) + 1
    for _ in range(1500):
        pass
    return [token, "busy"][0]


def lazy(token):
    STARTED[token] = STARTED.get(token, 0) + 1
    time.sleep(0.0001)
    return token


def spoken(token):
    STARTED[token] = STARTED.get(token, 0) + 1
    for _ in range(5):
        print(token)
    return token


def items(token):
    STARTED[token] = STARTED.get(token, 0) + 1
    return map(int, [token] * 50)


def moved(token):
    STARTED[token] = STARTED.get(token, 0) + 1
    return later(token)


async def later(token):
    await asyncio.sleep(0)
    return token


async def soon(token):
    STARTED[token] = STARTED.get(token, 0) + 1
    await asyncio.sleep(0.0001)
    return token


def doomed(token):
    STARTED[token] = STARTED.get(token, 0) + 1
    time.sleep(600)


async def doomed_soon(token):
    STARTED[token] = STARTED.get(token, 0) + 1
    await asyncio.sleep(600)


def repeats():
    return sum(times > 1 for times in STARTED.values())


def ran(tokens):
    return [token for token in tokens if token in STARTED]
