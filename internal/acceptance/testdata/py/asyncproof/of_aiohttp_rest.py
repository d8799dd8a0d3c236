"""aiohttp: applications and what runs them, the tools for tests, and what is abstract."""

import asyncio
import os
import socket
import tempfile
import unittest

import aiohttp
from aiohttp import abc, test_utils, web, web_urldispatcher
from aiohttp.web_runner import BaseRunner, BaseSite

from .row import bare, caught, excuse, row, steps
from .zoo import HOST, application


@row(
    "aiohttp.web.Application.startup",
    "aiohttp.web.Application.shutdown",
    "aiohttp.web.Application.cleanup",
    "aiohttp.web.AppRunner.shutdown",
    "aiohttp.web.BaseRunner.setup",
    "aiohttp.web.BaseRunner.cleanup",
)
async def life(name):
    """Have an application live twice: by hand, and run by a runner."""
    log = []

    def make():
        app = web.Application()

        async def context(app):
            log.append("context in")
            yield
            log.append("context out")

        def note(word):
            async def listener(app):
                log.append(word)

            return listener

        app.cleanup_ctx.append(context)
        app.on_startup.append(note("startup"))
        app.on_shutdown.append(note("shutdown"))
        app.on_cleanup.append(note("cleanup"))
        return app

    app = make()
    app.freeze()
    by_hand = [await app.startup(), await app.shutdown(), await app.cleanup()]
    runner = web.AppRunner(make())
    early = await caught(runner.cleanup())
    run = [early, await runner.setup(), await runner.shutdown(), await runner.cleanup()]
    return [name, by_hand, run, log]


SITES = ("TCPSite.start", "UnixSite.start", "SockSite.start", "BaseSite.stop")


@row(*(f"aiohttp.web.{site}" for site in SITES))
async def site(name):
    runner = web.AppRunner(application(), shutdown_timeout=0.1)
    await runner.setup()
    with tempfile.TemporaryDirectory() as directory, socket.socket() as listening:
        path = os.path.join(directory, "s")
        listening.bind((HOST, 0))
        if "Unix" in name:
            made, connector = web.UnixSite(runner, path), aiohttp.UnixConnector(path)
        elif "Sock" in name:
            made, connector = web.SockSite(runner, listening), None
        else:
            made, connector = web.TCPSite(runner, HOST, 0), None
        started, again = await made.start(), await caught(made.start())
        base = "http://zoo" if "Unix" in name else f"http://{HOST}:{runner.addresses[0][1]}"
        async with aiohttp.ClientSession(connector=connector) as session, session.get(base + "/lines") as response:
            shown = [response.status, await response.text()]
        stopped = [await made.stop(), (await caught(made.stop()))["raised"], len(runner.sites)]
        await runner.cleanup()
    return [name, started, again["raised"], shown, stopped]


excuse(
    "aiohttp.web.NamedPipeSite.start",
    "serves Windows' named pipes: the class refuses to be made on any event loop but Windows' own",
)


@row("aiohttp.web.BaseSite.start", "aiohttp.web.BaseRunner.shutdown")
async def abstract_runner(name):
    runner = web.AppRunner(web.Application())
    await runner.setup()
    made = bare(BaseSite, runner)
    shown = await steps(made.start(), made.stop(), BaseRunner.shutdown(runner))
    await runner.cleanup()
    return [name, shown]


@row(
    "aiohttp.abc.AbstractRouter.resolve",
    "aiohttp.web.AbstractResource.resolve",
    "aiohttp.web_urldispatcher.AbstractRuleMatching.match",
)
async def abstract(name):
    """Call what an abstract class leaves to others, as a subclass's `super()` does."""
    request = test_utils.make_mocked_request("GET", "/")
    if name.endswith("match"):
        return [name, await bare(web_urldispatcher.AbstractRuleMatching).match(request)]
    cls = abc.AbstractRouter if "Router" in name else web.AbstractResource
    return [name, await bare(cls).resolve(request)]


SERVER = ("start_server", "close", "__aenter__", "__aexit__")


@row(*(f"aiohttp.test_utils.BaseTestServer.{method}" for method in SERVER))
async def test_server(name):
    shown = []
    for made in (test_utils.TestServer(application()), test_utils.RawTestServer(_raw)):
        started = [await made.start_server(), (await made.__aenter__()) is made, made.started]
        async with aiohttp.ClientSession() as session, session.get(made.make_url("/lines")) as response:
            shown.append([started, response.status, await response.text()])
        shown.append([await made.__aexit__(None, None, None), await made.close(), made.closed])
    return [name, shown]


async def _raw(request):
    return web.Response(text="raw " + request.path)


@row(*(f"aiohttp.test_utils.TestClient.{method}" for method in SERVER))
async def test_client(name):
    made = test_utils.TestClient(test_utils.TestServer(application()))
    started = [await made.start_server(), (await made.__aenter__()) is made]
    response = await made.post("/echo", data=b"body", headers={"User-Agent": "zoo"})
    shown = [response.status, await response.json()]
    async with made.ws_connect("/socket") as ws:
        await ws.send_str("hello")
        shown.append((await ws.receive()).data)
    return [name, started, shown, await made.__aexit__(None, None, None), await made.close()]


CASE = (
    "get_application",
    "asyncSetUp",
    "setUpAsync",
    "asyncTearDown",
    "tearDownAsync",
    "get_server",
    "get_client",
)


@row(*(f"aiohttp.test_utils.AioHTTPTestCase.{method}" for method in CASE))
async def test_case(name):
    """Run a case's whole life on this loop, as unittest does on one of its own."""
    log = []

    class Case(test_utils.AioHTTPTestCase):
        def get_app(self):
            log.append("app")
            return application()

        async def test_lines(self):
            async with self.client.get("/lines") as response:
                log.append([response.status, await response.text()])

    case = Case("test_lines")
    up = await case.asyncSetUp()
    same = [case.server.started, case.client.app is case.app]
    await case.test_lines()
    down = await case.asyncTearDown()
    bald = await caught(test_utils.AioHTTPTestCase("run").get_application())
    # The same by unittest itself, which wants a thread for its loop.
    result = unittest.TestResult()
    await asyncio.to_thread(Case("test_lines").run, result)
    return [name, up, same, down, bald, log, [result.testsRun, len(result.failures), len(result.errors)]]
