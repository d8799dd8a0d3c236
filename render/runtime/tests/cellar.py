"""Functions that are stopped where stacks are deep, many, or wide."""

import os
import sys
import threading
import time

from victims import inside


def pid():
    return os.getpid()


def dig(depth, then=None):
    """Be busy so many calls further down, and call then when there."""
    if depth:
        return dig(depth - 1, then)
    if then is not None:
        then()
    while True:
        pass


def deep(depth):
    sys.setrecursionlimit(max(sys.getrecursionlimit(), depth + 200))
    dig(depth, inside)


def near_the_limit(room):
    """Be busy where there is room for so many more calls, or hardly any less."""
    inside()
    frame, used = sys._getframe(), 0
    while frame is not None:
        frame, used = frame.f_back, used + 1
    dig(sys.getrecursionlimit() - used - room)


def crowd(threads):
    over = threading.Event()
    for _ in range(threads):
        threading.Thread(target=over.wait, daemon=True).start()
    try:
        inside()
        time.sleep(600)
    finally:
        over.set()


def long_names(size):
    inside()
    name = "f" * size
    scope = {}
    exec(compile(f"def {name}():\n while True: pass", "x" * size, "exec"), scope)
    scope[name]()
