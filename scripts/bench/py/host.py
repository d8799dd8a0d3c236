"""A host in Python: a socket, a line out, a line in."""

from __future__ import annotations

import json
import socket
import sys

from drive import Client, check, start


class Host:
    def __init__(self, path: str, method: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.answers = self.socket.makefile("rb")
        self.method = method
        self.last = 0

    def request(self) -> bytes:
        self.last += 1
        text = json.dumps({"jsonrpc": "2.0", "id": self.last, "method": self.method, "params": [3, 4]})
        return text.encode() + b"\n"

    def answer(self) -> None:
        check(json.loads(self.answers.readline()).get("result"))

    def one(self) -> None:
        self.socket.sendall(self.request())
        self.answer()

    def many(self, calls: int, depth: int) -> int:
        sent = min(calls, depth)
        self.socket.sendall(b"".join(self.request() for _ in range(sent)))
        for _ in range(calls):
            self.answer()
            if sent < calls:
                self.socket.sendall(self.request())
                sent += 1
        return calls


def make() -> tuple[Client, dict[str, list[int]]]:
    return Host(sys.argv[1], sys.argv[2]), {}


if __name__ == "__main__":
    start(make)
