"""RPyC: a service on a ThreadedServer over a Unix socket, netrefs and all."""

from __future__ import annotations

import os
import sys
from collections import deque
from typing import Any

import rpyc
from drive import Client, check, start
from rpyc.utils.factory import unix_connect
from rpyc.utils.server import ThreadedServer
from serving import myself, spawn


class Adder(rpyc.Service):  # type: ignore[misc]
    def exposed_add(self, a: int, b: int) -> int:
        return a + b


class Host:
    def __init__(self, path: str) -> None:
        self.root: Any = unix_connect(path).root
        self.later = rpyc.async_(self.root.add)

    def one(self) -> None:
        check(self.root.add(3, 4))

    def many(self, calls: int, depth: int) -> int:
        flying = deque(self.later(3, 4) for _ in range(min(calls, depth)))
        left = calls - len(flying)
        while flying:
            check(flying.popleft().value)
            if left:
                flying.append(self.later(3, 4))
                left -= 1
        return calls


def make() -> tuple[Client, dict[str, list[int]]]:
    path = sys.argv[1]
    # Not by connecting: its server takes a connection that says nothing for a client.
    server = spawn(*myself("serve", path), ready=lambda: os.path.exists(path))
    return Host(path), {"server": [server]}


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        ThreadedServer(Adder, socket_path=sys.argv[2]).start()
    else:
        start(make)
