"""aiohttp: bodies, whole and in parts, written to a recorder and sent to a server."""

# One `with` of several lines is grammar of a later Python than the tree's oldest.
# ruff: noqa: SIM117

import asyncio
import io
import warnings

import aiohttp
from aiohttp import multipart, payload, payload_streamer

from .row import bare, caught, row, steps
from .zoo import Recorder, serving


async def items():
    for item in (b"one ", b"two ", b"three"):
        yield item


class Seen(Recorder):
    """What was written, without where one write ended and the next began."""

    def show(self):
        return [b"".join(self.chunks), self.ended]


MAKES = {
    "AsyncIterablePayload": lambda: payload.AsyncIterablePayload(items()),
    "BytesIOPayload": lambda: payload.BytesIOPayload(io.BytesIO(b"bytes in memory")),
    "BytesPayload": lambda: payload.BytesPayload(b"plain bytes"),
    "IOBasePayload": lambda: payload.IOBasePayload(io.BufferedReader(io.BytesIO(b"bytes of a file"))),
    "TextIOPayload": lambda: payload.TextIOPayload(io.StringIO("téxt"), encoding="utf-16-le"),
    "Payload": lambda: bare(payload.Payload, b"value"),
}
METHODS = {
    "AsyncIterablePayload": ("write", "write_with_length", "as_bytes"),
    "BytesIOPayload": ("write", "write_with_length", "as_bytes", "close"),
    "BytesPayload": ("write", "write_with_length", "as_bytes"),
    "IOBasePayload": ("write", "write_with_length", "as_bytes", "close"),
    "TextIOPayload": ("as_bytes",),
    "Payload": ("write", "write_with_length", "as_bytes", "close"),
}


@row(*(f"aiohttp.{kind}.{method}" for kind, methods in METHODS.items() for method in methods))
async def body(name):
    _, kind, method = name.split(".")
    made, recorder = MAKES[kind](), Seen()
    args = {"write": (recorder,), "write_with_length": (recorder, 7), "as_bytes": (), "close": ()}[method]
    first = await caught(getattr(made, method)(*args))
    again = await caught(getattr(made, method)(*args))
    shown = [first, again, recorder.show(), made.consumed, list(made.headers.items())]
    if kind != "Payload":
        async with serving() as base, aiohttp.ClientSession() as session:
            async with session.post(base + "/echo", data=MAKES[kind](), skip_auto_headers=["User-Agent"]) as response:
                shown.append(await response.json())
    return [name, shown]


@row("aiohttp.payload_streamer.StreamWrapperPayload.write", "aiohttp.payload_streamer.StreamPayload.write")
async def streamed(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")

        @payload_streamer.streamer
        async def sender(writer, word=b"default"):
            await writer.write(word)

    recorder = Seen()
    if name.endswith("StreamPayload.write"):
        made = payload_streamer.StreamPayload(sender, content_type="text/plain")
    else:
        made = payload_streamer.StreamWrapperPayload(sender(word=b"given"), content_type="text/plain")
    return [name, await made.write(recorder), recorder.show(), made.content_type]


def form():
    """Make a multipart body of every kind of part."""
    made = aiohttp.MultipartWriter("mixed", boundary="zoo")
    made.append("plain é", {"X-N": "1"})
    made.append_json({"a": [1, 2]})
    made.append_form([("b", "c d")])
    made.append(b"zipped " * 9, {"Content-Encoding": "deflate", "Content-Type": "text/plain"})
    made.append(b"based", {"Content-Transfer-Encoding": "base64", "Content-Type": "text/plain"})
    made.append(io.BytesIO(b"file"), {"Content-Disposition": 'form-data; name="f"; filename="f.bin"'})
    return made


@row(*(f"aiohttp.MultipartWriter.{method}" for method in ("as_bytes", "write", "close")))
async def multipart_writer(name):
    made, recorder = form(), Seen()
    plain = aiohttp.MultipartWriter("mixed", boundary="zoo")
    plain.append("one")
    plain.append(b"two")
    shown = [await plain.as_bytes(), await made.write(recorder), await made.close(), recorder.show()]
    async with serving() as base, aiohttp.ClientSession() as session:
        async with session.post(base + "/echo", data=form()) as response:
            shown.append((await response.json())["body"])
    return [name, shown]


@row("aiohttp.multipart.MultipartPayloadWriter.write", "aiohttp.multipart.MultipartPayloadWriter.write_eof")
async def multipart_payload_writer(name):
    shown = []
    for encoding in ("base64", "quoted-printable", ""):
        for compression in ("deflate", ""):
            recorder = Seen()
            made = multipart.MultipartPayloadWriter(recorder)
            if encoding:
                made.enable_encoding(encoding)
            if compression:
                made.enable_compression(compression)
            await made.write(b"seven b")
            await made.write("ytes é=".encode())
            shown.append([encoding, compression, await made.write_eof(), recorder.show()])
    return [name, shown]


async def all_lines(part):
    lines = []
    while not part.at_eof():
        lines.append(await part.readline())
    return lines


PARTS = {
    "__anext__": lambda part: part.__anext__(),
    "next": lambda part: part.next(),
    "read": lambda part: part.read(decode=True),
    "read_chunk": lambda part: part.read_chunk(6),
    "readline": all_lines,
    "release": lambda part: part.release(),
    "text": lambda part: part.text(),
    "json": lambda part: part.json(),
    "form": lambda part: part.form(),
}


@row(*(f"aiohttp.BodyPartReader.{method}" for method in PARTS))
async def part(name):
    """Read every part of a real multipart answer the same way; some ways do not fit some parts."""
    method, shown = name.rpartition(".")[2], []
    async with serving() as base, aiohttp.ClientSession() as session, session.get(base + "/parts") as response:
        reader = aiohttp.MultipartReader.from_response(response)
        async for one in reader:
            shown.append([list(one.headers.items()), await caught(PARTS[method](one)), one.at_eof()])
            if not one.at_eof():
                shown.append(await caught(one.read()))
    return [method, shown]


@row("aiohttp.BodyPartReader.decode_iter")
async def decode_iter():
    shown = []
    async with serving() as base, aiohttp.ClientSession() as session, session.get(base + "/parts") as response:
        async for one in aiohttp.MultipartReader.from_response(response):
            data = await one.read()
            shown.append([bytes(data), b"".join([bytes(piece) async for piece in one.decode_iter(data)])])
    return shown


@row(
    "aiohttp.multipart.BodyPartReaderPayload.as_bytes",
    "aiohttp.multipart.BodyPartReaderPayload.write",
)
async def part_payload(name):
    shown = []
    async with serving() as base, aiohttp.ClientSession() as session, session.get(base + "/parts") as response:
        async for one in aiohttp.MultipartReader.from_response(response):
            made, recorder = multipart.BodyPartReaderPayload(one), Seen()
            call = made.as_bytes() if name.endswith("as_bytes") else made.write(recorder)
            shown.append([await caught(call), recorder.show(), made.consumed])
            if not one.at_eof():
                await one.release()
    return [name, shown]


READERS = ("__anext__", "next", "release")


@row(
    *(f"aiohttp.MultipartReader.{method}" for method in (*READERS, "fetch_next_part")),
    *(f"aiohttp.multipart.MultipartResponseWrapper.{method}" for method in READERS),
)
async def multipart_reader(name):
    method = name.rpartition(".")[2]
    async with serving() as base, aiohttp.ClientSession() as session, session.get(base + "/parts") as response:
        wrapper = aiohttp.MultipartReader.from_response(response)
        reader = wrapper if "Wrapper" in name else wrapper.stream
        shown = [wrapper.at_eof()]
        for _ in range(2):
            # The first part is behind the first boundary, which `next` looks for.
            got = await caught(getattr(reader, "next" if method == "fetch_next_part" else method)())
            one = got.get("returned")
            if isinstance(one, aiohttp.BodyPartReader):
                shown.append([list(one.headers.items()), await one.text()])
            else:
                shown.append(got)
        await wrapper.release()
        return [name, shown, wrapper.at_eof(), await steps(wrapper.next())]


@row("aiohttp.ClientRequest.update_body")
async def update_body():
    """Send a request whose body a middleware replaces on the way."""

    async def replace(request, handler):
        await request.update_body(b"replaced")
        return await handler(request)

    async with serving() as base, aiohttp.ClientSession(middlewares=(replace,)) as session:
        async with session.post(base + "/echo", data=b"original and longer") as response:
            return [response.status, await response.json()]


async def requested(base, session, **named):
    """Make a request and the connection it goes over."""
    from yarl import URL

    loop = asyncio.get_running_loop()
    request = aiohttp.ClientRequest("POST", URL(base + "/echo"), loop=loop, session=session, **named)
    connection = await session.connector.connect(request, [], aiohttp.ClientTimeout())
    return request, connection


@row("aiohttp.ClientRequest.send", "aiohttp.ClientRequest.close", "aiohttp.ClientResponse.start")
async def request_send(name):
    async with serving() as base, aiohttp.ClientSession() as session:
        request, connection = await requested(base, session, data=items(), headers={"X-A": "b"}, cookies={"c": "d"})
        connection.protocol.set_response_params()
        response = await request.send(connection)
        started = await response.start(connection)
        body = await response.json()
        closed = await request.close()
        return [name, started is response, response.status, response.headers.getall("X-Zoo"), body, closed]


@row("aiohttp.ClientRequest.write_bytes")
async def request_write_bytes():
    from aiohttp.http import StreamWriter

    async with serving() as base, aiohttp.ClientSession() as session:
        request, connection = await requested(base, session, data=b"written by hand")
        connection.protocol.set_response_params()
        writer = StreamWriter(connection.protocol, asyncio.get_running_loop())
        await writer.write_headers("POST /echo HTTP/1.1", request.headers)
        returned = await request.write_bytes(writer, connection, None)
        message, content = await connection.protocol.read()
        body = await content.read()
        connection.close()
        return [returned, message.code, message.reason, body.decode()]
