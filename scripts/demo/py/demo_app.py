"""The FastAPI application that the demo serves on loopback, inside a worker."""

import asyncio
import socket
import threading
from typing import Any

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
_server: uvicorn.Server


class Order(BaseModel):
    item: str
    count: int = 1


@app.get("/tea/{kind}")
async def tea(kind: str) -> dict[str, str]:
    await asyncio.sleep(0.001)
    return {"kind": kind, "served": "hot"}


@app.post("/orders")
async def order(wanted: Order) -> dict[str, Any]:
    return {"item": wanted.item, "count": wanted.count}


def serve() -> int:
    """Starts the server on a free port and returns the port: the socket listens
    before it is handed over, so the first request is only ever queued."""
    global _server
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    _server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    threading.Thread(target=_server.run, kwargs={"sockets": [listener]}, daemon=True).start()
    port: int = listener.getsockname()[1]
    return port
