"""Loopback servers that show what they were sent, and send all there is to send."""

import asyncio
import contextlib
import hashlib

from aiohttp import web

HOST = "127.0.0.1"
LINES = b"first\nsecond \xc3\xa9\r\nthird"


async def echo(request):
    """Show a request, its body included."""
    body = await request.read()
    return web.json_response(
        {
            "method": request.method,
            "path": request.path_qs,
            "headers": sorted([name.lower(), value] for name, value in request.headers.items()),
            "body": body.decode("latin-1"),
        },
        headers={"X-Zoo": "echo"},
    )


async def chunked(request):
    response = web.StreamResponse(headers={"Content-Type": "text/plain; charset=utf-8"})
    response.enable_chunked_encoding()
    await response.prepare(request)
    for line in LINES.splitlines(keepends=True):
        await response.write(line)
    await response.write_eof()
    return response


async def lines(request):
    return web.Response(body=LINES, content_type="text/plain", charset="utf-8")


async def zipped(request):
    response = web.Response(body=LINES * 20, content_type="text/plain", charset="utf-8")
    response.enable_compression(web.ContentCoding.gzip)
    return response


async def redirect(request):
    raise web.HTTPFound("/echo?redirected=yes")


async def biscuit(request):
    response = web.json_response({"had": dict(request.cookies)})
    response.set_cookie("flavour", "ginger", path="/")
    return response


async def basic(request):
    given = request.headers.get("Authorization", "")
    if not given:
        return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="zoo"'})
    return web.json_response({"authorization": given})


async def digest(request):
    """Ask for digest authentication, and check the answer for real."""
    given = request.headers.get("Authorization", "")
    if not given.startswith("Digest "):
        challenge = 'Digest realm="zoo", nonce="n0nce", qop="auth", algorithm=SHA-256, opaque="o"'
        return web.Response(status=401, text="who?", headers={"WWW-Authenticate": challenge})
    said = {}
    for part in given[len("Digest ") :].split(","):
        key, _, value = part.strip().partition("=")
        said[key] = value.strip('"')

    def hashed(*parts):
        return hashlib.sha256(":".join(parts).encode()).hexdigest()

    ha1 = hashed("ada", "zoo", "lovelace")
    ha2 = hashed(request.method, said["uri"])
    want = hashed(ha1, said["nonce"], said["nc"], said["cnonce"], said["qop"], ha2)
    status = 200 if said["response"] == want else 403
    return web.json_response({"user": said["username"], "uri": said["uri"], "nc": said["nc"]}, status=status)


async def socket(request):
    """Answer every message of a websocket with itself."""
    ws = web.WebSocketResponse(protocols=("zoo",), autoping=False)
    await ws.prepare(request)
    async for message in ws:
        if message.type is web.WSMsgType.TEXT:
            await ws.send_str("text:" + message.data)
        elif message.type is web.WSMsgType.BINARY:
            await ws.send_bytes(b"binary:" + message.data)
        elif message.type is web.WSMsgType.PING:
            await ws.pong(message.data)
        elif message.type is web.WSMsgType.PONG:
            await ws.send_str("ponged:" + bytes(message.data).decode())
    return ws


async def parts(request):
    """Send a multipart body of everything a reader has a method for."""
    body = (
        b"--zoo\r\nContent-Type: text/plain; charset=utf-8\r\nX-N: 1\r\n\r\nfirst\r\nsecond \xc3\xa9\r\n"
        b"--zoo\r\nContent-Type: application/json\r\n\r\n" + b'{"a": [1, 2]}' + b"\r\n"
        b"--zoo\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\na=1&b=%C3%A9\r\n"
        b"--zoo\r\nContent-Transfer-Encoding: base64\r\nContent-Length: 8\r\n\r\naGVsbG8=\r\n"
        b"--zoo--\r\n"
    )
    return web.Response(body=body, headers={"Content-Type": "multipart/mixed; boundary=zoo"})


def application():
    """Make the zoo's own application."""
    app = web.Application()
    for path, handler in {
        "/chunked": chunked,
        "/lines": lines,
        "/zipped": zipped,
        "/redirect": redirect,
        "/biscuit": biscuit,
        "/basic": basic,
        "/digest": digest,
        "/socket": socket,
        "/parts": parts,
        "/{tail:.*}": echo,
    }.items():
        app.router.add_route("*", path, handler)
    return app


@contextlib.asynccontextmanager
async def serving(app=None):
    """Serve an application, the zoo's own by default, and give its base URL."""
    runner = web.AppRunner(app or application(), shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, HOST, 0)
        await site.start()
        yield f"http://{HOST}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def raw(answer):
    """Serve bytes: answer(reader, writer) is called for every connection."""

    async def connected(reader, writer):
        try:
            await answer(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(connected, HOST, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


class Recorder:
    """A writer of bodies that keeps what is written."""

    def __init__(self):
        self.chunks, self.ended = [], None

    async def write(self, chunk):
        self.chunks.append(bytes(chunk))

    async def write_eof(self, chunk=b""):
        self.ended = bytes(chunk)

    async def drain(self):
        self.chunks.append("drained")

    async def write_headers(self, status_line, headers):
        self.chunks.append([status_line, list(headers.items())])
