"""The application that fastapi's fixtures ask: a route for each thing it does, behind uvicorn."""

import asyncio
import contextlib
import functools
import socket
from typing import Annotated

import uvicorn
from fastapi import (
    APIRouter,
    BackgroundTasks,
    Cookie,
    Depends,
    FastAPI,
    File,
    Form,
    HTTPException,
    Query,
    UploadFile,
    WebSocket,
    security,
)
from fastapi.security.http import HTTPBase
from pydantic import BaseModel
from starlette.requests import Request

from .of_httpx import client as httpx_client
from .zoo import HOST

HAPPENED = []
TURNS = 5000


class Item(BaseModel):
    name: str
    price: float = 1.5
    tags: list[str] = []


@contextlib.asynccontextmanager
async def lifespan(_app):
    HAPPENED.append("up")
    yield {"answer": 42}
    HAPPENED.append("down")


def opened():
    HAPPENED.append("opened")
    yield "resource"
    HAPPENED.append("closed")


SCHEMES = {
    "APIKeyCookie": (security.APIKeyCookie(name="key"), {"Cookie": "key=c"}),
    "APIKeyHeader": (security.APIKeyHeader(name="X-Key"), {"X-Key": "h"}),
    "APIKeyQuery": (security.APIKeyQuery(name="key"), {}),
    "HTTPBasic": (security.HTTPBasic(realm="zoo"), {"Authorization": "Basic YWRhOmxvdmVsYWNl"}),
    "HTTPBearer": (security.HTTPBearer(), {"Authorization": "Bearer token"}),
    "HTTPDigest": (security.HTTPDigest(), {"Authorization": "Digest username=ada"}),
    "OAuth2": (security.OAuth2(), {"Authorization": "Anything at all"}),
    "OAuth2AuthorizationCodeBearer": (
        security.OAuth2AuthorizationCodeBearer(authorizationUrl="auth", tokenUrl="token"),
        {"Authorization": "Bearer code"},
    ),
    "OAuth2PasswordBearer": (security.OAuth2PasswordBearer(tokenUrl="token"), {"Authorization": "Bearer password"}),
    "OpenIdConnect": (security.OpenIdConnect(openIdConnectUrl="/oidc"), {"Authorization": "Open sesame"}),
    "http.HTTPBase": (HTTPBase(scheme="zoo"), {"Authorization": "Zoo keeper"}),
}


@functools.cache  # building its models takes longer than all it is asked
def application(**more):
    """Make an application with something for each of fastapi's functions to do."""
    app = FastAPI(lifespan=lifespan, title="zoo", **more)
    router = APIRouter(prefix="/inner", tags=["inner"])

    @app.post("/items/{number}", status_code=201)
    async def item(
        number: int, item: Item, q: Annotated[list[str] | None, Query()] = None, c: Annotated[str, Cookie()] = "none"
    ) -> dict[str, object]:
        return {"number": number, "item": item, "q": q, "c": c}

    @app.get("/plain")
    def plain(resource: Annotated[str, Depends(opened)]):
        return {"resource": resource}

    @app.get("/teapot")
    async def teapot():
        raise HTTPException(418, detail={"short": True}, headers={"X-Pot": "tea"})

    @app.get("/later")
    async def later(tasks: BackgroundTasks):
        tasks.add_task(HAPPENED.append, "later")
        return "soon"

    @app.post("/form")
    async def form(note: Annotated[str, Form()], upload: UploadFile, blob: Annotated[bytes, File()]):
        first = await upload.read(3)
        await upload.seek(0)
        return [
            note,
            upload.filename,
            upload.content_type,
            first.decode(),
            (await upload.read()).decode(),
            blob.decode(),
        ]

    @app.get("/stream")
    async def stream(request: Request):
        return {"state": request.state.answer, "url": str(request.url)}

    @router.get("/deep/{name}")
    async def deep(name: str):
        return {"deep": name}

    @app.websocket("/ws/{n}")
    async def ws(websocket: WebSocket, n: int):
        await websocket.accept(subprotocol="zoo")
        for _ in range(n):
            await websocket.send_json({"got": await websocket.receive_json()})
        await websocket.close(1000, "enough")

    for name, (scheme, _) in SCHEMES.items():

        @app.get("/secure/" + name)
        async def secure(given: Annotated[object, Depends(scheme)]):
            return given

    app.include_router(router)
    return app


@contextlib.asynccontextmanager
async def serving(app):
    """Serve an application with uvicorn on a port of its own, without its naps of a tenth of a second."""
    HAPPENED.clear()
    listener = socket.socket(proto=socket.IPPROTO_TCP)  # else asyncio does not know that it may have no delay
    listener.bind((HOST, 0))
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="on", ws="none", http="h11")
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    try:
        base = f"http://{HOST}:{listener.getsockname()[1]}"
        async with httpx_client(base_url=base) as client:
            yield client
        # What goes on after an answer was sent (background tasks, the end of dependencies).
        await asyncio.gather(*server.server_state.tasks)
        for _ in range(TURNS):  # until it has seen the client's connections close
            if not server.server_state.connections:
                break
            await asyncio.sleep(0.001)
    finally:
        for listening in server.servers:
            listening.close()
        listener.close()
        await server.lifespan.shutdown()
