"""What is called: as little as a function can do, so that the call is what costs.

It imports nothing that an interpreter has not imported by itself: a restart is
held against a bare start with the same imports.
"""

import os
import time


def add(a: int, b: int) -> int:
    return a + b


def same(value: object) -> object:
    return value


def pid() -> int:
    return os.getpid()


def block(seconds: float) -> None:
    time.sleep(seconds)
