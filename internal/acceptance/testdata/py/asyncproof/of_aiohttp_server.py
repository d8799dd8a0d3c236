"""aiohttp: requests as a handler reads them, answers as it writes them."""

import asyncio
import os
import pathlib
import tempfile

import aiohttp
from aiohttp import web

from .row import caught, row, steps
from .zoo import HOST, serving


async def handled(handler, *asks, path="/{tail:.*}", **named):
    """Serve one handler, ask it, and show what it saw and what came back."""
    seen, answers = [], []

    async def watched(request):
        request_seen, response = await handler(request)
        seen.append(request_seen)
        return response or web.Response(text="seen")

    app = web.Application(**named)
    app.router.add_route("*", path, watched)
    async with serving(app) as base, aiohttp.ClientSession() as session:
        for ask in asks or ({},):
            ask = {"method": "GET", "url": "/", **ask}
            async with session.request(**{**ask, "url": base + ask["url"]}) as response:
                answers.append([response.status, response.reason, list(response.headers.items()), await body(response)])
    return [seen, answers]


async def body(response):
    try:
        return (await response.read()).decode("latin-1")
    except aiohttp.ClientError as error:
        return type(error).__name__


def uploads():
    form = aiohttp.FormData({"plain": "é"})
    form._writer = aiohttp.MultipartWriter("form-data", boundary="zoo")
    form.add_field("file", b"content", filename="f.txt", content_type="text/plain")
    return form


ASKS = (
    {},
    {"method": "POST", "url": "/a?b=c", "json": {"é": [1.5, None]}},
    {"method": "POST", "data": {"a": ["1", "2"], "b": "é"}},
    {"method": "POST", "data": b"\x00\xff", "headers": {"Content-Type": "application/octet-stream"}},
    {"method": "PUT", "data": "text é"},
)
READS = {
    "read": lambda request: request.read(),
    "text": lambda request: request.text(),
    "json": lambda request: request.json(),
    "release": lambda request: request.release(),
}


@row(*(f"aiohttp.web.BaseRequest.{method}" for method in READS))
async def request(name):
    method = name.rpartition(".")[2]

    async def handler(request):
        shown = await steps(READS[method](request), READS[method](request))
        return [request.method, request.path_qs, request.content_type, shown, request.can_read_body], None

    return [method, await handled(handler, *ASKS)]


@row("aiohttp.web.BaseRequest.post")
async def request_post():
    async def handler(request):
        fields = []
        for key, value in (await request.post()).items():
            if isinstance(value, web.FileField):
                fields.append([key, value.filename, value.content_type, value.file.read()])
            else:
                fields.append([key, value])
        return [request.method, fields], None

    return await handled(handler, *ASKS, {"method": "POST", "data": uploads()})


@row("aiohttp.web.BaseRequest.multipart")
async def request_multipart():
    async def handler(request):
        parts = []
        reader = await caught(request.multipart())
        if "returned" not in reader:
            return reader, None
        async for part in reader["returned"]:
            parts.append([part.name, part.filename, await part.text()])
        return parts, None

    return await handled(handler, {"method": "POST", "data": uploads()})


@row(*(f"aiohttp.web.StreamResponse.{method}" for method in ("prepare", "write", "drain", "write_eof")))
async def stream_response(name):
    async def handler(request):
        response = web.StreamResponse(status=206, reason="Some", headers={"X-A": "b"})
        response.content_type = "text/plain"
        response.set_cookie("c", "d", httponly=True)
        early = await steps(response.write(b"early"), response.write_eof())
        if request.path == "/zip":
            response.enable_compression(web.ContentCoding.deflate)
        elif request.path == "/chunks":
            response.enable_chunked_encoding(3)
        writer = await response.prepare(request)
        again = await response.prepare(request)
        done = [await response.write(b"one "), await response.drain(), await response.write_eof(b"two")]
        late = await steps(response.write(b"late"), response.write_eof())
        return [early, writer is again, done, late, response.body_length], response

    return [name, await handled(handler, {}, {"url": "/zip"}, {"url": "/chunks"})]


@row("aiohttp.web.Response.write_eof")
async def response_write_eof():
    async def handler(request):
        by_path = {
            "/": {"text": "téxt"},
            "/body": {"body": b"body", "content_type": "x/y"},
            "/empty": {"status": 204},
            "/payload": {"body": aiohttp.payload.StringPayload("payload")},
        }
        response = web.Response(**by_path[request.path])
        if request.query:
            response.enable_compression()
        await response.prepare(request)
        return [await response.write_eof(), await caught(response.write_eof()), response.body_length], response

    asks = [{"url": url} for url in ("/", "/body", "/empty", "/payload", "/?zip", "/body?zip")]
    return await handled(handler, *asks, {"method": "HEAD"})


def written(directory):
    """Write a file as old as the day: its time is half of its entity tag."""
    file = pathlib.Path(directory, "file.txt")
    file.write_bytes(b"content of a file\n" * 3)
    os.utime(file, (0, 10**9))
    return file


@row("aiohttp.web.FileResponse.prepare")
async def file_response():
    with tempfile.TemporaryDirectory() as directory:
        file = written(directory)

        async def handler(request):
            name = file if request.path == "/" else pathlib.Path(directory, "missing")
            return None, web.FileResponse(name, chunk_size=10)

        asks = [
            {},
            {"method": "HEAD"},
            {"headers": {"Range": "bytes=3-9"}},
            {"headers": {"Range": "bytes=900-"}},
            {"headers": {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}},
            {"headers": {"If-Unmodified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"}},
            {"url": "/missing"},
        ]
        return await handled(handler, *asks)


def routed():
    """Make an application with every kind of resource."""

    async def handler(request):
        return web.json_response({"path": request.path, "match": dict(request.match_info)})

    inner, local = web.Application(), web.Application()
    inner.router.add_get("/{name}", handler)
    local.router.add_get("/where", handler)
    app = web.Application()
    app.router.add_get("/plain", handler)
    app.router.add_post("/dynamic/{id:\\d+}", handler)
    app.router.add_static("/static", pathlib.Path(__file__).parent, name="static")
    app.add_subapp("/inner", inner)
    app.add_domain("localhost", local)
    app.add_domain("*.zoo", local)
    return app


PATHS = (
    ("GET", "/plain", {}),
    ("POST", "/plain", {}),
    ("POST", "/dynamic/7", {}),
    ("POST", "/dynamic/x", {}),
    ("GET", "/static/none.txt", {}),
    ("POST", "/static/none.txt", {}),
    ("GET", "/inner/é", {}),
    ("DELETE", "/inner/x", {}),
    ("GET", "/where", {"Host": "localhost"}),
    ("GET", "/where", {"Host": "a.zoo:80"}),
    ("GET", "/nowhere", {}),
)


async def resolved(app, resolve):
    """Resolve real requests of a real connection, each before it is handled."""
    shown = []

    @web.middleware
    async def middleware(request, handler):
        shown.append(await resolve(request))
        return await handler(request)

    app.middlewares.append(middleware)
    async with serving(app) as base, aiohttp.ClientSession() as session:
        for method, path, headers in PATHS:
            async with session.request(method, base + path, headers=headers) as response:
                shown.append([method, path, response.status, await response.text()])
    return shown


@row("aiohttp.web.UrlDispatcher.resolve")
async def dispatcher():
    app = routed()

    async def resolve(request):
        info = await app.router.resolve(request)
        return [dict(info), repr(info.http_exception), info.route.method]

    return await resolved(app, resolve)


@row(
    "aiohttp.web.Resource.resolve",
    "aiohttp.web.StaticResource.resolve",
    "aiohttp.web.PrefixedSubAppResource.resolve",
    "aiohttp.web_app.MatchedSubAppResource.resolve",
)
async def resource(name):
    app = routed()

    async def resolve(request):
        shown = []
        for one in (*app.router.resources(), *app.router._matched_sub_app_resources):
            info, methods = await one.resolve(request)
            shown.append([type(one).__name__, dict(info) if info is not None else None, sorted(methods)])
        return shown

    return [name, await resolved(app, resolve)]


@row("aiohttp.web_app.Domain.match")
async def domain():
    from aiohttp.web_urldispatcher import Domain, MaskDomain

    async def resolve(request):
        return [await rule.match(request) for rule in (Domain("localhost"), MaskDomain("*.zoo:80"))]

    return await resolved(routed(), resolve)


@row("aiohttp.web.AbstractRoute.handle_expect_header")
async def expect():
    async def unwilling(request):
        raise web.HTTPExpectationFailed(text="no: " + request.headers["Expect"])

    async def handler(request):
        return web.Response(text="got " + await request.text())

    app = web.Application()
    app.router.add_post("/yes", handler)
    app.router.add_post("/no", handler, expect_handler=unwilling)
    shown = []
    async with serving(app) as base, aiohttp.ClientSession() as session:
        for path in ("/yes", "/no"):
            async with session.post(base + path, data=b"body", expect100=True) as response:
                shown.append([response.status, await response.text()])
        async with session.post(base + "/yes", data=b"", headers={"Expect": "wonders"}) as response:
            shown.append([response.status, await response.text()])
    return shown


@row(
    "aiohttp.web.RequestHandler.start",
    "aiohttp.web.RequestHandler.finish_response",
    "aiohttp.web.RequestHandler.shutdown",
    "aiohttp.web.Server.shutdown",
    "aiohttp.web.ServerRunner.shutdown",
)
async def low_level(name):
    """A server without an application, spoken to in bytes: good requests, bad ones, none."""

    async def handler(request):
        if request.path == "/fail":
            raise web.HTTPGone(text="gone")
        return web.Response(text=f"{request.method} {request.path} {await request.text()}")

    server = web.Server(handler)
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, HOST, 0).start()
    port = runner.addresses[0][1]
    shown = []
    for said in (
        b"POST /a HTTP/1.1\r\nHost: zoo\r\nContent-Length: 4\r\n\r\nbodyGET /fail HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: zoo\r\nConnection: close\r\n\r\n",
        b"nonsense\r\n\r\n",
    ):
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(said)
        shown.append((await reader.read()).decode())
        writer.close()
    reader, idle = await asyncio.open_connection(HOST, port)
    idle.write(b"GET /idle HTTP/1.1\r\nHost: zoo\r\n\r\n")
    await reader.readuntil(b"GET /idle ")
    connected = len(server.connections)
    shown.append([connected, await runner.shutdown(), await server.shutdown(0.1), len(server.connections)])
    idle.close()
    return [name, shown, await runner.cleanup()]
