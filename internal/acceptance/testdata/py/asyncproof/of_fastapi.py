"""fastapi: what each of its functions does, asked in the application or alone."""

import asyncio
import io
from typing import Annotated

import httpx
from fastapi import (
    APIRouter,
    BackgroundTasks,
    Body,
    FastAPI,
    HTTPException,
    UploadFile,
    WebSocket,
    exception_handlers,
)
from fastapi.applications import AppBodyLimitMiddleware, AsyncExitStackMiddleware
from fastapi.concurrency import contextmanager_in_threadpool
from fastapi.dependencies.utils import get_dependant, request_body_to_args
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from fastapi.routing import run_endpoint_function, serialize_response
from starlette.requests import Request

from .app_of_fastapi import HAPPENED, SCHEMES, Item, application, serving
from .of_httpx import client as httpx_client
from .of_httpx import show
from .row import caught, row
from .zoo import HOST

UPLOAD = {"upload": ("u.txt", b"uploaded", "text/x-zoo"), "blob": ("b", b"blob")}
MULTIPART = {"Content-Type": "multipart/form-data; boundary=zoo"}


@row(
    "fastapi.FastAPI.__call__",
    "fastapi.APIRouter.app",
    "fastapi.routing.APIRoute.handle",
    "fastapi.routing.run_endpoint_function",
    "fastapi.routing.serialize_response",
    "fastapi.routing.solve_dependencies",
    "fastapi.dependencies.utils.request_body_to_args",
    "fastapi.applications.AsyncExitStackMiddleware.__call__",
    "fastapi.applications.ExceptionTelemetryMiddleware.__call__",
    "fastapi.applications.AppBodyLimitMiddleware.__call__",
)
async def whole(name):
    async with serving(application(max_body_size=200)) as client:
        answers = [
            await client.post("/items/7?q=a&q=b", json={"name": "é", "tags": ["t"]}, headers={"Cookie": "c=crumb"}),
            await client.post("/items/seven", json={"price": "dear"}),
            await client.post("/items/7", content=b"x" * 500, headers={"Content-Type": "application/json"}),
            await client.get("/plain"),
            await client.get("/stream"),
            await client.get("/inner/deep/down"),
            await client.put("/plain"),
            await client.get("/nowhere"),
        ]
        if name == "fastapi.FastAPI.__call__":
            answers.append(await client.get("/openapi.json"))
        shown = [show(answer) for answer in answers]
    return [name, shown, list(HAPPENED), await DIRECT.get(name, nothing)()]


async def nothing():
    return None


def asked(path="/", method="GET", body=b"", headers=(), **more):
    """Make a request and the list that an ASGI application's messages go to."""
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "scheme": "http",
        "query_string": b"",
        "headers": [(k.lower().encode(), v.encode()) for k, v in headers],
        "server": (HOST, 80),
        "client": (HOST, 1),
        "http_version": "1.1",
        **more,
    }
    sent, inbox = [], [{"type": "http.request", "body": body, "more_body": False}]

    async def receive():
        return inbox.pop(0) if inbox else {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    return scope, receive, send, sent


async def direct_app():
    scope, receive, send, sent = asked("/teapot")
    await application()(scope, receive, send)
    return sent


async def direct_stack():
    async def app(scope, receive, send):
        scope["stack"].callback(HAPPENED.append, "unwound")

    HAPPENED.clear()
    await AsyncExitStackMiddleware(app, context_name="stack")(*asked()[:3])
    return list(HAPPENED)


async def direct_limit():
    async def app(scope, receive, send):
        raise AssertionError("a body over the limit arrived: " + repr(await receive()))

    scope, receive, send, sent = asked(method="POST", body=b"12345", headers=[("Content-Length", "5")])
    outcome = await caught(AppBodyLimitMiddleware(app, 4)(scope, receive, send))
    return [outcome, sent]


async def direct_endpoint():
    async def multiply(a: int, b: int):
        return a * b

    def add(a: int, b: int):
        return a + b

    return [
        await run_endpoint_function(
            dependant=get_dependant(path="/", call=call), values={"a": 6, "b": 7}, is_coroutine=call is multiply
        )
        for call in (multiply, add)
    ]


async def direct_serialize():
    return await serialize_response(response_content=Item(name="x"))


async def direct_body():
    def call(a: Annotated[int, Body()], b: Annotated[str, Body()] = "b"): ...

    fields = get_dependant(path="/", call=call).body_params
    good = await request_body_to_args(body_fields=fields, received_body={"a": "1"}, embed_body_fields=True)
    bad = await request_body_to_args(body_fields=fields, received_body={"a": "one"}, embed_body_fields=True)
    return [good, bad]


DIRECT = {
    "fastapi.FastAPI.__call__": direct_app,
    "fastapi.applications.AsyncExitStackMiddleware.__call__": direct_stack,
    "fastapi.applications.AppBodyLimitMiddleware.__call__": direct_limit,
    "fastapi.routing.run_endpoint_function": direct_endpoint,
    "fastapi.routing.serialize_response": direct_serialize,
    "fastapi.dependencies.utils.request_body_to_args": direct_body,
}


@row("fastapi.APIRouter.handle")
async def router_handle():
    router = APIRouter()

    @router.get("/there")
    async def there():
        return "here"

    app = FastAPI()
    app.mount("/at", router)
    app.include_router(router, prefix="/in")
    async with httpx_client(transport=httpx.ASGITransport(app), base_url="http://zoo") as client:
        mounted = await caught(client.get("/at/there"))
        shown = show(mounted["returned"]) if "returned" in mounted else mounted
        return [shown, show(await client.get("/in/there")), show(await client.get("/in/nowhere"))]


@row("fastapi.applications.NativeTelemetry.__call__")
async def telemetry():
    from fastapi.applications import NativeTelemetry

    seen = []

    async def app(scope, receive, send):
        seen.append([scope["path"], "fastapi.telemetry" in scope])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    served = FastAPI(telemetry={"exclude": lambda scope: scope["path"] == "/quiet"})
    native = NativeTelemetry(served._telemetry)
    for path in ("/quiet", "/counted"):
        scope, receive, send, sent = asked(path)
        seen.append(await caught(native(app=app, scope=scope, receive=receive, send=send)))
        seen.append(sent)
    return seen


@row("fastapi.BackgroundTasks.__call__")
async def background():
    async with serving(application()) as client:
        answer = show(await client.get("/later"))
    tasks = BackgroundTasks()
    tasks.add_task(HAPPENED.append, "sync")
    tasks.add_task(asyncio.sleep, 0, "async")
    return [answer, await tasks(), list(HAPPENED)]


@row(*(f"fastapi.UploadFile.{method}" for method in ("write", "read", "seek", "close")))
async def upload(name):
    async with serving(application()) as client:
        answer = show(await client.post("/form", data={"note": "n"}, files=UPLOAD, headers=MULTIPART))
    file = UploadFile(io.BytesIO(b"abc"), filename="f")
    steps = [await file.read(2), await file.write(b"XYZ"), await file.seek(1), await file.read(), await file.close()]
    return [name, answer, steps, await caught(file.read())]


@row("fastapi.applications.http_exception_handler")
async def http_exception():
    async with serving(application()) as client:
        answers = [show(await client.get("/teapot")), show(await client.get("/nowhere"))]
    empty = await exception_handlers.http_exception_handler(Request(asked()[0]), HTTPException(204))
    return [answers, empty.status_code, empty.body]


@row("fastapi.applications.request_validation_exception_handler")
async def validation():
    async with serving(application()) as client:
        answer = show(await client.post("/items/x", content=b"{"))
    errors = RequestValidationError([{"type": "t", "loc": ("a", 0), "msg": "m", "input": b"i"}])
    made = await exception_handlers.request_validation_exception_handler(Request(asked()[0]), errors)
    return [answer, made.status_code, made.body]


async def websocket(path, *said):
    """Speak to a websocket route as a server would."""
    inbox = [{"type": "websocket.connect"}, *({"type": "websocket.receive", "text": text} for text in said)]
    scope, _, send, sent = asked(path, type="websocket", subprotocols=["zoo"])

    async def receive():
        return inbox.pop(0) if inbox else {"type": "websocket.disconnect", "code": 1001}

    await application()(scope, receive, send)
    return sent


@row("fastapi.applications.websocket_request_validation_exception_handler")
async def websocket_validation():
    scope, receive, send, sent = asked(type="websocket")
    socket = WebSocket(scope, receive, send)
    errors = WebSocketRequestValidationError([{"type": "t", "loc": ("path", "n"), "msg": "m"}])
    outcome = await caught(exception_handlers.websocket_request_validation_exception_handler(socket, errors))
    return [await websocket("/ws/2", "[1]", '{"a": "é"}'), await websocket("/ws/many"), outcome, sent]


class Resource:
    """A context manager that blocks, as a database connection does."""

    def __init__(self, swallows):
        self.swallows, self.log = swallows, []

    def __enter__(self):
        self.log.append("in")
        return self

    def __exit__(self, kind, error, traceback):
        self.log.append(f"out {error!r}")
        return self.swallows


@row("fastapi.concurrency.contextmanager_in_threadpool")
async def threadpool():
    quiet, loud = Resource(True), Resource(False)

    async def use(resource, error=None):
        async with contextmanager_in_threadpool(resource) as entered:
            if error:
                raise error
            return entered is resource

    outcomes = [await use(quiet), await use(quiet, KeyError("k")), await caught(use(loud, ValueError("v")))]
    async with serving(application()) as client:
        await client.get("/plain")
    return [outcomes, quiet.log, loud.log, list(HAPPENED)]


@row(*(f"fastapi.security.{name}.__call__" for name in SCHEMES))
async def secured(name):
    scheme = name.removeprefix("fastapi.security.").removesuffix(".__call__")
    async with serving(application()) as client:
        query = {"key": "q"} if scheme == "APIKeyQuery" else {}
        good = await client.get("/secure/" + scheme, headers=SCHEMES[scheme][1], params=query)
        bad = await client.get("/secure/" + scheme)
        wrong = await client.get("/secure/" + scheme, headers={"Authorization": "Basic !"})
        return [show(good), show(bad), show(wrong)]
