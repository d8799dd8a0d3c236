"""A driver's side of the talk with the benchmark: a line in, a line out.

A client gives `one()`, which makes one call and checks its answer, and
`many(calls, depth)`, which keeps that many calls in flight, as its library's
users would, and returns how many it made.
"""

from __future__ import annotations

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Protocol


class Client(Protocol):
    def one(self) -> None: ...

    def many(self, calls: int, depth: int) -> int: ...


def say(message: object) -> None:
    text = json.dumps(message).encode() + b"\n"
    while text:
        text = text[os.write(1, text) :]


def turn(client: Client, calls: int, depth: int) -> dict[str, object]:
    clock = time.perf_counter_ns
    if depth > 1:
        started = clock()
        calls = client.many(calls, depth)
        return {"calls": calls, "took_ns": clock() - started}
    each = []
    one = client.one
    started = last = clock()
    for _ in range(calls):
        one()
        now = clock()
        each.append(now - last)
        last = now
    return {"calls": calls, "took_ns": last - started, "each_ns": each}


def drive(client: Client, pids: dict[str, list[int]] | None = None) -> None:
    """Make calls as told, until there is nobody to tell."""
    say({"pids": pids or {}})
    for line in sys.stdin:
        order = json.loads(line)
        try:
            say(turn(client, order["calls"], order["depth"]))
        except Exception as error:
            say({"failed": f"{type(error).__name__}: {error}"})


def start(make: Callable[[], tuple[Client, dict[str, list[int]]]]) -> None:
    """Make the client and drive it; say why when it cannot be made."""
    try:
        client, pids = make()
    except Exception as error:
        say({"failed": f"{type(error).__name__}: {error}"})
        return
    drive(client, pids)


def check(result: Any) -> None:
    if result != 7:
        raise AssertionError(f"add(3, 4) was answered {result!r}")


class Threads:
    """Calls in flight, one thread and one client each: how blocking libraries overlap them."""

    def __init__(self, connect: Callable[[], Callable[[], None]]) -> None:
        self.connect = connect
        self.calls: list[Callable[[], None]] = []
        self.pool = ThreadPoolExecutor(256)

    def many(self, calls: int, depth: int) -> int:
        while len(self.calls) < depth:
            self.calls.append(self.connect())
        each = max(calls // depth, 1)

        def some(one: Callable[[], None]) -> None:
            for _ in range(each):
                one()

        for done in [self.pool.submit(some, one) for one in self.calls[:depth]]:
            done.result()
        return each * depth
