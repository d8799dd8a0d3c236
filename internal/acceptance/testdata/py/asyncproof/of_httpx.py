"""httpx: every verb, every way to read a body, every transport."""

import ssl

import httpx

from .row import caught, row
from .zoo import serving

# Reading the system's certificates takes longer than most of what is called.
TRUSTED = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def client(**named):
    """Make a client that goes nowhere but where it is told."""
    return httpx.AsyncClient(verify=TRUSTED, trust_env=False, **named)


def show(response):
    """Show a response in depth."""
    return {
        "status": [response.status_code, response.reason_phrase, response.http_version],
        "headers": response.headers.multi_items(),
        "url": str(response.url),
        "body": response.text if response.is_stream_consumed else None,
        "cookies": dict(response.cookies),
        "history": [[r.status_code, str(r.url)] for r in response.history],
        "request": [response.request.method, response.request.headers.multi_items()],
        "closed": response.is_closed,
    }


VERBS = {
    "get": {"params": {"q": ["1", "é"]}, "headers": {"X-A": "b"}},
    "options": {},
    "head": {"cookies": None},
    "post": {"data": {"a": "1", "b": ["x", "y z"]}},
    "put": {"json": {"deep": [1, {"é": None}]}},
    "patch": {"content": b"\x00\xffraw"},
    "delete": {"params": [("k", "v")]},
}


@row(*(f"httpx.AsyncClient.{verb}" for verb in VERBS))
async def verb(name):
    method = name.rpartition(".")[2]
    async with serving() as base, client(base_url=base) as made:
        return show(await getattr(made, method)("/echo", **VERBS[method]))


@row("httpx.AsyncClient.request")
async def request():
    async with serving() as base, client(base_url=base, follow_redirects=True) as made:
        multipart = {"Content-Type": "multipart/form-data; boundary=zoo"}
        files = {"file": ("name.txt", b"content", "text/plain")}
        return [
            show(await made.request("GET", "/redirect")),
            show(await made.request("POST", "/echo", headers=multipart, files=files, data={"k": "v"})),
            show(await made.request("GET", "/biscuit")),
            show(await made.request("GET", "/biscuit")),
            show(await made.request("GET", "/digest", auth=httpx.DigestAuth("ada", "lovelace")))["body"],
        ]


@row("httpx.AsyncClient.stream")
async def stream():
    async with serving() as base, client() as made, made.stream("GET", base + "/chunked") as response:
        before = show(response)
        return [before, [line async for line in response.aiter_lines()], response.is_closed]


@row("httpx.AsyncClient.send")
async def send():
    async with serving() as base, client(auth=("ada", "lovelace")) as made:
        return show(await made.send(made.build_request("GET", base + "/basic")))


@row("httpx.AsyncClient.aclose")
async def client_aclose():
    made = client()
    await made.aclose()
    return [made.is_closed, await caught(made.get("http://127.0.0.1/"))]


@row("httpx.AsyncClient.__aenter__")
async def client_aenter():
    made = client()
    entered = await made.__aenter__()
    same = entered is made
    again = await caught(made.__aenter__())
    await made.aclose()
    return [same, again]


@row("httpx.AsyncClient.__aexit__")
async def client_aexit():
    made = await client().__aenter__()
    return [await made.__aexit__(None, None, None), made.is_closed]


@row("httpx.Auth.async_auth_flow")
async def auth_flow():
    async with serving() as base:
        auth = httpx.DigestAuth("ada", "lovelace")
        first = httpx.Request("GET", base + "/digest")
        flow = auth.async_auth_flow(first)
        sent = await flow.__anext__()
        unsigned = dict(sent.headers)
        async with client() as made:
            answer = await made.send(sent, auth=None)
            again = await flow.asend(answer)
            signed = again.headers["Authorization"].split(", ")
            final = await made.send(again, auth=None)
        await flow.aclose()
        return [
            unsigned,
            [s for s in signed if not s.startswith(("cnonce", "response"))],
            final.status_code,
            final.text,
        ]


def answered(content, **more):
    return httpx.Response(200, content=content, **more)


async def pieces():
    for piece in (b"one\ntw", b"o \xc3", b"\xa9\r\n", b"three"):
        yield piece


TYPED = {"Content-Type": "text/plain; charset=utf-8"}


@row("httpx.Request.aread")
async def request_aread():
    asked = httpx.Request("POST", "http://zoo/", content=pieces())
    return [await asked.aread(), asked.content, asked.headers.multi_items()]


@row("httpx.Response.aread")
async def response_aread():
    response = answered(pieces(), headers=TYPED)
    return [await response.aread(), response.text, response.is_stream_consumed, response.is_closed]


@row(
    "httpx.Response.aiter_bytes",
    "httpx.Response.aiter_text",
    "httpx.Response.aiter_lines",
    "httpx.Response.aiter_raw",
)
async def iterated(name):
    method = name.rpartition(".")[2]
    shown = []
    async with serving() as base, client() as made:
        for path in ("/lines", "/zipped"):
            async with made.stream("GET", base + path) as response:
                sized = () if method == "aiter_lines" else (7,)
                items = [item async for item in getattr(response, method)(*sized)]
                # The compressor's bytes are the machine's zlib's, the same on both sides.
                shown.append([items, response.num_bytes_downloaded])
    plain = answered(pieces(), headers=TYPED)
    shown.append([item async for item in getattr(plain, method)()])
    if method == "aiter_raw":
        shown.append(await caught(plain.aread()))
    return shown


@row("httpx.Response.aclose")
async def response_aclose():
    response = answered(pieces())
    before = response.is_closed
    await response.aclose()
    return [before, response.is_closed, await caught(response.aread())]


@row("httpx.ByteStream.__aiter__", "httpx.AsyncByteStream.__aiter__")
async def byte_stream(name):
    if "Async" in name:
        return await caught(_all(httpx.AsyncByteStream()))
    return await _all(httpx.ByteStream(b"all at once"))


async def _all(items):
    return [item async for item in items]


@row("httpx.AsyncByteStream.aclose")
async def byte_stream_aclose():
    class Empty(httpx.AsyncByteStream):
        async def __aiter__(self):
            yield b"x"

    empty = Empty()
    return [await _all(empty), await empty.aclose()]


async def asgi(scope, receive, send):
    body = (await receive())["body"]
    headers = [(b"x-path", scope["raw_path"]), (b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 201, "headers": headers})
    await send({"type": "http.response.body", "body": scope["method"].encode() + b" ", "more_body": True})
    await send({"type": "http.response.body", "body": body})


@row("httpx.ASGITransport.handle_async_request")
async def asgi_transport():
    asked = httpx.Request("POST", "http://zoo/a%20b?c", content=b"body")
    response = await httpx.ASGITransport(asgi).handle_async_request(asked)
    return [response.status_code, response.headers.multi_items(), await response.aread()]


@row("httpx.MockTransport.handle_async_request")
async def mock_transport():
    async def handler(asked):
        return httpx.Response(202, json={"method": asked.method, "url": str(asked.url)})

    asked = httpx.Request("PUT", "http://zoo/x")
    response = await httpx.MockTransport(handler).handle_async_request(asked)
    return [response.status_code, response.json()]


class Plain(httpx.AsyncBaseTransport):
    async def handle_async_request(self, asked):
        return httpx.Response(204, request=asked)


@row("httpx.AsyncBaseTransport.__aenter__", "httpx.AsyncBaseTransport.__aexit__", "httpx.AsyncBaseTransport.aclose")
async def base_transport(name):
    transport = Plain()
    entered = await transport.__aenter__()
    answer = await transport.handle_async_request(httpx.Request("GET", "http://zoo/"))
    return [name, entered is transport, answer.status_code, await transport.__aexit__(), await transport.aclose()]


@row("httpx.AsyncBaseTransport.handle_async_request")
async def base_transport_handle():
    return await caught(httpx.AsyncBaseTransport().handle_async_request(httpx.Request("GET", "http://zoo/")))


@row(
    "httpx.AsyncHTTPTransport.__aenter__",
    "httpx.AsyncHTTPTransport.__aexit__",
    "httpx.AsyncHTTPTransport.handle_async_request",
    "httpx.AsyncHTTPTransport.aclose",
)
async def http_transport(name):
    async with serving() as base:
        transport = httpx.AsyncHTTPTransport(retries=1, verify=TRUSTED)
        entered = await transport.__aenter__()
        asked = httpx.Request("GET", base + "/echo", headers={"X": "y"})
        response = await transport.handle_async_request(asked)
        body = await response.aread()
        await response.aclose()
        left = await transport.__aexit__(None, None, None)
        await transport.aclose()
        return [name, entered is transport, response.status_code, response.headers.multi_items(), body.decode(), left]
