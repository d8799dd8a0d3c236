"""grpcio: a server on threads over a Unix socket, as its manual writes it; also as a go-plugin."""

from __future__ import annotations

import importlib
import sys
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from drive import Client, check, start
from serving import accepts, myself, spawn

# Generated from add.proto when the benchmark runs; nothing can check their types.
add_pb2: Any = importlib.import_module("add_pb2")
add_pb2_grpc: Any = importlib.import_module("add_pb2_grpc")

THREADS = 10  # its examples' number


class Adder(add_pb2_grpc.AdderServicer):  # type: ignore[misc]
    def Add(self, request: Any, context: object) -> Any:
        return add_pb2.Sum(value=request.a + request.b)


class Host:
    def __init__(self, path: str) -> None:
        self.stub = add_pb2_grpc.AdderStub(grpc.insecure_channel(f"unix:{path}"))

    def one(self) -> None:
        check(self.stub.Add(add_pb2.Terms(a=3, b=4)).value)

    def many(self, calls: int, depth: int) -> int:
        def call() -> Any:
            return self.stub.Add.future(add_pb2.Terms(a=3, b=4))

        flying = deque(call() for _ in range(min(calls, depth)))
        left = calls - len(flying)
        while flying:
            check(flying.popleft().result().value)
            if left:
                flying.append(call())
                left -= 1
        return calls


def server(path: str) -> Any:
    made = grpc.server(ThreadPoolExecutor(THREADS))
    add_pb2_grpc.add_AdderServicer_to_server(Adder(), made)
    made.add_insecure_port(f"unix:{path}")
    return made


def serve(path: str) -> None:
    made = server(path)
    made.start()
    made.wait_for_termination()


def plugin(path: str) -> None:
    """Serve go-plugin: a health service, and a handshake on stdout."""
    from grpc_health.v1 import health, health_pb2, health_pb2_grpc

    made = server(path)
    well = health.HealthServicer()
    well.set("plugin", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(well, made)
    made.start()
    print(f"1|1|unix|{path}|grpc", flush=True)
    made.wait_for_termination()


def make() -> tuple[Client, dict[str, list[int]]]:
    path = sys.argv[1]
    server = spawn(*myself("serve", path), ready=accepts(path))
    return Host(path), {"server": [server]}


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
    elif sys.argv[1] == "plugin":
        plugin(sys.argv[2])
    else:
        start(make)
