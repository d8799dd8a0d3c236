"""A C extension that has a bad day."""

import ctypes
import os


def add(a: int, b: int) -> int:
    return a + b


def pid() -> int:
    return os.getpid()


def segfault() -> None:
    ctypes.string_at(0)
