"""Paths: where in a value something does not fit.

A path begins with "$", the result or the params as the host wrote them, and is
put together only when something went wrong: what met the trouble raises a
Misfit, and each container on the way out adds the step that led to it.
"""

from __future__ import annotations

from .values import quote

# How many characters of a path or a key an error's sentence repeats.
QUOTED = 80
# Longer paths exist only where something is nested too deeply.
MAX_PATH = 2000


class Misfit(Exception):
    """A part of a value cannot be read or written."""

    def __init__(self, reason: str, kind: str = "") -> None:
        super().__init__(reason)
        self.reason, self.kind = reason, kind
        self.steps: list[object] = []

    def under(self, key: object) -> Misfit:
        """Add the step by which the container reached it."""
        self.steps.append(key)
        return self

    def path(self) -> str:
        """Give the whole path, from the root down."""
        return ("$" + "".join(map(step, reversed(self.steps))))[:MAX_PATH]

    def shown(self) -> str:
        """Give as much of the path as a sentence holds."""
        return short(self.path())


def step(key: object) -> str:
    """Write one step: `.name`, `["any text"]` or `[index]`."""
    if isinstance(key, str):
        return f".{key}" if key.isidentifier() and key.isascii() else f"[{quote(key)}]"
    return f"[{key}]"


def short(path: str) -> str:
    """Cut a path to what a sentence holds."""
    return path if len(path) <= QUOTED else f"{path[:QUOTED]}…"
