"""aiohttp: sessions, responses, connectors, resolvers and what traces them."""

# One `with` of several lines is grammar of a later Python than the tree's oldest.
# ruff: noqa: SIM117

import asyncio
import socket
from types import SimpleNamespace

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.tracing import Trace
from multidict import CIMultiDict
from yarl import URL

from .row import bare, caught, row, steps
from .zoo import HOST, serving


async def show(response):
    """Show a response in depth."""
    return {
        "status": [response.status, response.reason, list(response.version)],
        "headers": list(response.headers.items()),
        "url": str(response.url),
        "body": await response.text(),
        "cookies": {name: morsel.value for name, morsel in response.cookies.items()},
        "history": [[r.status, str(r.url)] for r in response.history],
        "request": [response.method, list(response.request_info.headers.items())],
    }


PATHS = ("/lines", "/chunked", "/zipped", "/redirect", "/biscuit", "/biscuit")


def session(**named):
    """Make a session that keeps cookies of bare addresses, too."""
    return aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True), **named)


@row("aiohttp.ClientSession.__aenter__", "aiohttp.ClientSession.__aexit__", "aiohttp.ClientSession.close")
async def sessions(name):
    async with serving() as base:
        made = session(headers={"X-Session": "s"}, auth=aiohttp.BasicAuth("ada", "lovelace"))
        entered = await made.__aenter__()
        shown = []
        for path in PATHS:
            async with made.get(base + path, params={"q": "é"}) as response:
                shown.append(await show(response))
        for verb in ("post", "put", "patch", "delete", "options"):
            async with getattr(made, verb)(base + "/echo", json={"v": [verb, None, 1.5]}) as response:
                shown.append(await show(response))
        left = await made.__aexit__(None, None, None)
        await made.close()
        return [name, entered is made, shown, left, made.closed, await caught(_get(made, base))]


async def _get(made, base):
    async with made.get(base) as response:
        return await response.text()


READS = {
    "read": lambda response: _read(response),
    "text": lambda response: response.text(),
    "json": lambda response: response.json(content_type=None),
    "wait_for_close": lambda response: response.wait_for_close(),
    "__aenter__": lambda response: _entered(response),
    "__aexit__": lambda response: response.__aexit__(None, None, None),
}


async def _read(response):
    return (await response.read()).decode("latin-1")  # there may be a port in it


async def _entered(response):
    return (await response.__aenter__()) is response


@row(*(f"aiohttp.ClientResponse.{method}" for method in READS))
async def response(name):
    method, shown = name.rpartition(".")[2], []
    async with serving() as base, session() as made:
        for path in (*PATHS, "/echo"):
            answer = await made.get(base + path)
            shown.append([answer.status, await steps(READS[method](answer), READS[method](answer)), answer.closed])
            answer.release()
        answer = await made.post(base + "/echo", data=b"body")
        body = await answer.read()
        latin = await caught(answer.text(encoding="latin-1"))
        return [method, shown, body.decode(), latin]


@row("aiohttp.DigestAuthMiddleware.__call__")
async def digest():
    auth = aiohttp.DigestAuthMiddleware("ada", "lovelace")
    wrong = aiohttp.DigestAuthMiddleware("ada", "byron")
    shown = []
    async with serving() as base:
        for middleware in (auth, wrong):
            async with session(middlewares=(middleware,)) as made:
                for path in ("/digest?a=b", "/digest", "/lines"):
                    async with made.get(base + path) as answer:
                        shown.append([answer.status, answer.reason, await answer.text()])
    return shown


@row(
    "aiohttp.BaseConnector.__aenter__",
    "aiohttp.BaseConnector.__aexit__",
    "aiohttp.BaseConnector.connect",
    "aiohttp.TCPConnector.close",
)
async def connector(name):
    async with serving() as base:
        made = aiohttp.TCPConnector(limit=1)
        entered = await made.__aenter__()
        async with aiohttp.ClientSession(connector=made, connector_owner=False) as owner:
            request = aiohttp.ClientRequest("GET", URL(base), loop=asyncio.get_running_loop(), session=owner)
            connection = await made.connect(request, [], aiohttp.ClientTimeout())
            shown = [connection.protocol.connected, connection.transport.get_extra_info("peername")[0]]
            queued = await caught(made.connect(request, [], aiohttp.ClientTimeout(connect=0.01)))
            connection.release()
            again = await made.connect(request, [], aiohttp.ClientTimeout())
            shown.append(again.protocol is not None)
            again.close()
        left = await made.__aexit__(None, None, None)
        await made.close()
        return [name, entered is made, shown, queued, left, made.closed]


def plain(infos):
    return [{key: str(value) if key == "family" else value for key, value in info.items()} for info in infos]


@row(
    "aiohttp.AsyncResolver.resolve",
    "aiohttp.AsyncResolver.close",
    "aiohttp.ThreadedResolver.resolve",
    "aiohttp.ThreadedResolver.close",
)
async def resolver(name):
    made = getattr(aiohttp, name.split(".")[1])()
    shown = []
    for host, family in ((HOST, socket.AF_INET), ("localhost", socket.AF_INET), ("", socket.AF_INET)):
        found = await caught(made.resolve(host, 80, family=family))
        # What a resolver says of a failure is the system's C library's.
        shown.append(plain(found["returned"]) if "returned" in found and host else host)
    async with serving() as base:
        port = URL(base).port
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=made)) as using:
            async with using.get(f"http://localhost:{port}/lines") as answer:
                shown.append([answer.status, await answer.text()])
    return [name, shown, await made.close()]


@row("aiohttp.abc.AbstractResolver.resolve", "aiohttp.abc.AbstractResolver.close")
async def abstract_resolver(name):
    made = bare(AbstractResolver)
    return [name, await made.resolve("host", 80, socket.AF_INET), await made.close()]


HEADERS = CIMultiDict({"A": "b"})
SENDS = {
    "send_request_start": ("GET", URL("http://zoo/"), HEADERS),
    "send_request_chunk_sent": ("GET", URL("http://zoo/"), b"chunk"),
    "send_response_chunk_received": ("GET", URL("http://zoo/"), b"chunk"),
    "send_request_end": ("GET", URL("http://zoo/"), HEADERS, None),
    "send_request_exception": ("GET", URL("http://zoo/"), HEADERS, ValueError("e")),
    "send_request_redirect": ("GET", URL("http://zoo/"), HEADERS, None),
    "send_connection_queued_start": (),
    "send_connection_queued_end": (),
    "send_connection_create_start": (),
    "send_connection_create_end": (),
    "send_connection_reuseconn": (),
    "send_dns_resolvehost_start": ("host",),
    "send_dns_resolvehost_end": ("host",),
    "send_dns_cache_hit": ("host",),
    "send_dns_cache_miss": ("host",),
    "send_request_headers": ("GET", URL("http://zoo/"), HEADERS),
}


def traced(log):
    """Make a trace configuration that writes everything down."""
    config = aiohttp.TraceConfig()

    def listener(name):
        async def listen(_session, _context, params):
            shown = {}
            for key in type(params).__slots__:
                if key != "__weakref__":
                    shown[key] = _plainly(getattr(params, key))
            log.append([name, type(params).__name__, shown])

        return listen

    for signal in dir(config):
        if signal.startswith("on_"):
            getattr(config, signal).append(listener(signal))
    config.freeze()
    return config


def _plainly(value):
    if isinstance(value, CIMultiDict):
        return sorted([k.lower(), v] for k, v in value.items())
    if isinstance(value, aiohttp.ClientResponse):
        return [value.status, str(value.url)]
    return value.decode() if isinstance(value, bytes) else str(value)


@row(*(f"aiohttp.client.Trace.{method}" for method in SENDS))
async def trace(name):
    """Send the signal by hand, then have a session send all there are."""
    method, log = name.rpartition(".")[2], []
    made = Trace(None, traced(log), SimpleNamespace())
    returned = await getattr(made, method)(*SENDS[method])
    by_hand = log.copy()
    log.clear()
    async with serving() as base:
        local = base.replace(HOST, "localhost")
        named = aiohttp.TCPConnector(limit=1, family=socket.AF_INET, resolver=aiohttp.ThreadedResolver())
        async with aiohttp.ClientSession(trace_configs=[traced(log)], connector=named) as tracing:

            async def get(path):
                async with tracing.post(local + path, data=b"sent") as answer:
                    await answer.read()

            await get("/redirect")
            await asyncio.gather(get("/lines"), get("/lines"))
            await caught(get("/../%zz\x00"))
    # Two requests at once trace in an order that nobody promises.
    return [method, returned, by_hand, sorted(log, key=repr)]
