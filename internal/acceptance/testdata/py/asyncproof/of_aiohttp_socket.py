"""aiohttp: websockets, the client's end and the server's, frame by frame."""

# One `with` of several lines is grammar of a later Python than the tree's oldest.
# ruff: noqa: SIM117

import aiohttp
from aiohttp import WSMsgType, web

from .row import caught, row, steps
from .zoo import serving


def plain(message):
    """Show a message."""
    data = message.data
    return [message.type.name, bytes(data) if isinstance(data, (bytes, bytearray)) else str(data), message.extra]


SENDS = {
    "ping": lambda ws: ws.ping(b"p"),
    "pong": lambda ws: ws.pong(b"q"),
    "send_frame": lambda ws: ws.send_frame(b"framed", WSMsgType.TEXT),
    "send_str": lambda ws: ws.send_str("té"),
    "send_bytes": lambda ws: ws.send_bytes(b"\x00\xff"),
    "send_json": lambda ws: ws.send_json({"a": [1]}),
    "send_json_bytes": lambda ws: ws.send_json_bytes({"a": [1]}, dumps=lambda value: repr(value).encode()),
}
MISFITS = {"send_str": b"bytes", "send_bytes": "text"}
RECEIVES = ("receive", "receive_str", "receive_bytes", "receive_json", "__anext__")


async def received(ws, method):
    """Receive as the method does, and show it."""
    got = await caught(getattr(ws, method)())
    if isinstance(got.get("returned"), aiohttp.WSMessage):
        return plain(got["returned"])
    if "raised" not in got and hasattr(got["returned"], "type"):
        return plain(got["returned"])
    return got


@row(*(f"aiohttp.ClientWebSocketResponse.{method}" for method in SENDS))
async def client_sends(name):
    method = name.rpartition(".")[2]
    async with serving() as base, aiohttp.ClientSession() as session:
        async with session.ws_connect(base + "/socket", protocols=["zoo"], autoping=False, compress=15) as ws:
            returned = await SENDS[method](ws)
            shown = [ws.protocol, ws.compress, returned, plain(await ws.receive())]
            if method in MISFITS:
                shown.append(await caught(getattr(ws, method)(MISFITS[method])))
        shown += [await caught(SENDS[method](ws)), ws.closed, ws.close_code]
        return [method, shown]


@row(*(f"aiohttp.ClientWebSocketResponse.{method}" for method in RECEIVES))
async def client_receives(name):
    method, shown = name.rpartition(".")[2], []

    async def talk(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await ws.send_str('{"json": "té"}')
        await ws.send_bytes(b"\x00\x01")
        await ws.send_str("no json")
        await ws.close(code=4000, message=b"enough")
        return ws

    app = web.Application()
    app.router.add_get("/", talk)
    async with serving(app) as base, aiohttp.ClientSession() as session, session.ws_connect(base) as ws:
        for _ in range(4):
            shown.append(await received(ws, method))
        return [method, shown, ws.closed, ws.close_code]


@row(
    "aiohttp.ClientWebSocketResponse.close",
    "aiohttp.ClientWebSocketResponse.__aenter__",
    "aiohttp.ClientWebSocketResponse.__aexit__",
)
async def client_ends(name):
    async with serving() as base, aiohttp.ClientSession() as session:
        ws = await session.ws_connect(base + "/socket")
        entered = await ws.__aenter__()
        await ws.send_str("x")
        echoed = plain(await ws.receive())
        first = await ws.close(code=1001, message=b"bye")
        again = await ws.close()
        left = await ws.__aexit__(None, None, None)
        return [name, entered is ws, echoed, first, again, left, ws.close_code, plain(await ws.receive())]


async def conversation(serve, *said):
    """Serve one websocket with serve(ws, request), say something, and show both ends."""
    outcome = {}

    async def handler(request):
        ws = web.WebSocketResponse(protocols=("zoo",), autoping=False)
        outcome["served"] = await caught(serve(ws, request))
        return ws

    app = web.Application()
    app.router.add_get("/", handler)
    heard = []
    async with serving(app) as base, aiohttp.ClientSession() as session:
        async with session.ws_connect(base, autoping=False, protocols=["zoo"]) as ws:
            for one in said:
                await (ws.send_bytes(one) if isinstance(one, bytes) else ws.send_str(one))
            async for message in ws:
                heard.append(plain(message))
            ended = [ws.protocol, ws.close_code]
    return [outcome, heard, ended]


@row(*(f"aiohttp.web.WebSocketResponse.{method}" for method in SENDS))
async def server_sends(name):
    method = name.rpartition(".")[2]

    async def serve(ws, request):
        early = await caught(SENDS[method](ws))
        await ws.prepare(request)
        sent = await SENDS[method](ws)
        misfit = await caught(getattr(ws, method)(MISFITS[method])) if method in MISFITS else None
        await ws.close()
        return [early, sent, misfit, await caught(SENDS[method](ws))]

    return [method, await conversation(serve)]


@row(*(f"aiohttp.web.WebSocketResponse.{method}" for method in RECEIVES))
async def server_receives(name):
    method = name.rpartition(".")[2]

    async def serve(ws, request):
        await ws.prepare(request)
        got = [await received(ws, method) for _ in range(3)]
        await ws.close(code=4001, message=b"heard")
        return got

    return [method, await conversation(serve, '{"json": "té"}', b"\x00\x01", "no json")]


@row(*(f"aiohttp.web.WebSocketResponse.{method}" for method in ("prepare", "close", "write", "write_eof")))
async def server_ends(name):
    async def serve(ws, request):
        unready = await steps(ws.close(), ws.write_eof())
        can = ws.can_prepare(request)
        writer = await ws.prepare(request)
        again = await ws.prepare(request)
        written = await caught(ws.write(b"not for websockets"))
        closed = [await ws.close(code=4002, message=b"done"), await ws.close(), await ws.write_eof()]
        return [unready, [bool(can), can.protocol], writer is again, written, closed, ws.close_code]

    async with serving() as base, aiohttp.ClientSession() as session, session.get(base + "/socket") as response:
        refused = [response.status, await response.text()]
    return [name, await conversation(serve), refused]
