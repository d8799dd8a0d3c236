"""execnet: a gateway to an interpreter over its pipes, and one channel."""

from __future__ import annotations

import atexit
import sys

import execnet
from drive import Client, check, start


def adder(channel):  # type: ignore[no-untyped-def]
    """Run on the other side, as source, which may name nothing of this module."""
    import os

    channel.send(os.getpid())
    for a, b in channel:
        channel.send(a + b)


class Host:
    def __init__(self) -> None:
        gateway = execnet.makegateway(f"popen//python={sys.executable}")
        atexit.register(gateway.exit)
        self.channel = gateway.remote_exec(adder)
        self.server: int = self.channel.receive()

    def one(self) -> None:
        self.channel.send((3, 4))
        check(self.channel.receive())

    def many(self, calls: int, depth: int) -> int:
        sent = min(calls, depth)
        for _ in range(sent):
            self.channel.send((3, 4))
        for _ in range(calls):
            check(self.channel.receive())
            if sent < calls:
                self.channel.send((3, 4))
                sent += 1
        return calls


def make() -> tuple[Client, dict[str, list[int]]]:
    host = Host()
    return host, {"server": [host.server]}


if __name__ == "__main__":
    start(make)
