"""What Mochi programs call: values of every kind, and every way to fail."""

from __future__ import annotations

import os
import signal
import sys

PI = 3.14159
NAMES = ["a", "é", "\ud800"]
TABLE = {"b": 1, "a": [True, None, 1.5], "3": "x"}
NOTHING = None
NAN = float("nan")


class Point:
    """A class is no routine: Mochi does not call it."""

    def __init__(self, x: int = 0) -> None:
        self.x = x

    def method(self) -> int:
        """Give x."""
        return self.x


POINT = Point(3)
bound = POINT.method


def echo(value: object) -> object:
    """Give it back."""
    return value


def add(a: float, b: float) -> float:
    """Add."""
    return a + b


def pair() -> tuple[int, int]:
    """Give what JSON has no word for."""
    return 1, 2


def keys() -> dict[object, object]:
    """Give keys that json.dump turns into strings."""
    return {7: "a", None: "b", True: "c", 2.5: "d"}


def half_written() -> object:
    """Give what json.dump writes a part of."""
    return [1, "two", {3}]


def a_set() -> object:
    """Give what json.dump writes nothing of."""
    return {1}


def raises() -> None:
    """Raise."""
    raise KeyError("lost")


def leaves(code: object = None) -> None:
    """Leave as a script may."""
    sys.exit(code)  # type: ignore[arg-type]


def dies(number: int) -> None:
    """Die without a word."""
    os._exit(number)


def killed() -> None:
    """Be killed."""
    os.kill(os.getpid(), signal.SIGKILL)


def segv() -> None:
    """Be killed by a fault."""
    os.kill(os.getpid(), signal.SIGSEGV)


async def coroutine() -> int:
    """Be something that is not awaited."""
    return 1
