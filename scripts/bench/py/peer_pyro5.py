"""Pyro5: an exposed object of a daemon on a Unix socket; a batch where calls may overlap."""

from __future__ import annotations

import os
import sys

import Pyro5.api
from drive import Client, check, start
from serving import myself, spawn

NAME = "adder"


@Pyro5.api.expose
class Adder:
    def add(self, a: int, b: int) -> int:
        return a + b


class Host:
    def __init__(self, path: str) -> None:
        self.proxy = Pyro5.api.Proxy(f"PYRO:{NAME}@./u:{path}")

    def one(self) -> None:
        check(self.proxy.add(3, 4))

    def many(self, calls: int, depth: int) -> int:
        # A proxy has one call in flight; what its manual recommends for many is a batch.
        for _ in range(0, calls, depth):
            batch = Pyro5.api.BatchProxy(self.proxy)
            for _ in range(depth):
                batch.add(3, 4)
            for result in batch():
                check(result)
        return -(-calls // depth) * depth


def serve(path: str) -> None:
    daemon = Pyro5.api.Daemon(unixsocket=path)
    daemon.register(Adder, NAME)
    daemon.requestLoop()


def make() -> tuple[Client, dict[str, list[int]]]:
    path = sys.argv[1]
    server = spawn(*myself("serve", path), ready=lambda: os.path.exists(path))
    return Host(path), {"server": [server]}


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
    else:
        start(make)
