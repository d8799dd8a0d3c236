"""gunicorn's dirty workers: an app that its arbiter keeps, called by its own client."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterable
from typing import Callable

from drive import Client, Threads, check, start
from serving import family, spawn

try:
    from gunicorn.dirty import DirtyApp
    from gunicorn.dirty.client import DirtyClient
except ImportError:
    print('{"failed": "this gunicorn has no dirty workers"}')
    raise SystemExit(0) from None

APP = "peer_gunicorn:Adder"


class Adder(DirtyApp):  # type: ignore[misc]
    def add(self, a: int, b: int) -> int:
        return a + b

    def close(self) -> None:
        pass


def application(_: object, respond: Callable[[str, list[tuple[str, str]]], object]) -> Iterable[bytes]:
    """Serve HTTP: gunicorn does not start without."""
    respond("204 No Content", [])
    return []


class Host(Threads):
    def __init__(self, path: str) -> None:
        super().__init__(lambda: self.call(DirtyClient(path)))
        self.one = self.call(DirtyClient(path))

    @staticmethod
    def call(client: DirtyClient) -> Callable[[], None]:
        return lambda: check(client.execute(APP, "add", 3, 4))


def make() -> tuple[Client, dict[str, list[int]]]:
    directory = sys.argv[1]
    os.mkdir(directory)
    pattern = os.path.join(directory, "gunicorn-dirty-*", "*")
    # The arbiter's socket, and one of its worker.
    command = ["-m", "gunicorn", "--log-level", "warning", "--workers", "1", "--dirty-workers", "1", "--dirty-app"]
    server = spawn(
        sys.executable,
        *command,
        APP,
        "--control-socket",
        os.path.join(directory, "control.sock"),
        "--bind",
        f"unix:{directory}/http.sock",
        "peer_gunicorn:application",
        ready=lambda: len(glob.glob(pattern)) > 1,
        env={"TMPDIR": directory, "PYTHONPATH": os.path.dirname(os.path.abspath(__file__))},
    )
    return Host(glob.glob(os.path.join(directory, "gunicorn-dirty-*", "arbiter.sock"))[0]), {"server": family(server)}


if __name__ == "__main__":
    start(make)
