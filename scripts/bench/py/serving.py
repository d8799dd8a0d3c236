"""A peer's server, as a process that ends with the driver that started it."""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
import time
from typing import Callable

START_LIMIT = 20.0  # seconds; a cold start of the heaviest framework takes two
PAUSE = 0.01
END_LIMIT = 5.0


def spawn(*args: str, ready: Callable[[], bool], env: dict[str, str] | None = None) -> int:
    """Start it and wait until it is ready; gives its pid."""
    # Its stdout is not ours: a driver's is the line to the benchmark.
    server = subprocess.Popen(
        args, stdin=subprocess.DEVNULL, stdout=sys.stderr, stderr=sys.stderr, env={**os.environ, **(env or {})}
    )
    atexit.register(end, server)
    deadline = time.monotonic() + START_LIMIT
    while not ready():
        if server.poll() is not None:
            raise RuntimeError(f"its server ended with status {server.returncode}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"its server was not ready within {START_LIMIT:.0f} s")
        time.sleep(PAUSE)
    return server.pid


def end(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(END_LIMIT)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def accepts(path: str) -> Callable[[], bool]:
    def look() -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(path)
        except OSError:
            return False
        return True

    return look


def myself(*args: str) -> tuple[str, ...]:
    """Give the command that runs this peer's other half."""
    return (sys.executable, os.path.abspath(sys.argv[0]), *args)


def family(pid: int) -> list[int]:
    """Give a process and all that come of it: what a call costs, whoever works."""
    found = [pid]
    for parent in found:
        with open(f"/proc/{parent}/task/{parent}/children", encoding="ascii") as children:
            found.extend(int(one) for one in children.read().split())
    return found
