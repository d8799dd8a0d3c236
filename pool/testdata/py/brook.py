"""Streams and callbacks: what the pool's tests call."""

import asyncio
import os
import time

import mochi_pyd


def count(n, size=0):
    for i in range(n):
        yield "x" * size if size else i


async def acount(n):
    for i in range(n):
        yield i


def forever(mark=""):
    i = 0
    try:
        while True:
            yield i
            i += 1
    finally:
        if mark:
            with open(mark, "a") as f:
                f.write("closed")


def fails(n):
    yield from range(n)
    raise ValueError("no more")


def dies(n, mark=""):
    if mark and os.path.exists(mark):
        yield "again"
        return
    if mark:
        with open(mark, "w"):
            pass
    yield from range(n)
    os._exit(3)


def slow(n, pause):
    for i in range(n):
        time.sleep(pause)
        yield i


def spins():
    yield 0
    while True:
        pass


def ask(name, *args):
    return mochi_pyd.callback(name)(*args)


async def aask(name, *args):
    return await mochi_pyd.callback(name)(*args)


def add(a, b):
    return a + b


async def aadd(a, b):
    await asyncio.sleep(0)
    return a + b


def steps():
    mochi_pyd.progress(0.5, "half")
    mochi_pyd.progress(1, "done")
    return "ok"


def left():
    return mochi_pyd.remaining()
