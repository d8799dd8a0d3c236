"""What is called: as little as a function can do, so that the call is what costs."""

from __future__ import annotations

import os
import time
from typing import TypeVar

T = TypeVar("T")


def add(a: int, b: int) -> int:
    return a + b


def same(value: T) -> T:
    return value


def pid() -> int:
    return os.getpid()


def block(seconds: float) -> None:
    time.sleep(seconds)
