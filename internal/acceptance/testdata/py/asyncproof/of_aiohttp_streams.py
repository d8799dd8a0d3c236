"""aiohttp: what is read and written piece by piece, fed by hand and by real connections."""

import asyncio
import random
import zlib

import aiohttp
from aiohttp import compression_utils, http, streams
from aiohttp.abc import AbstractStreamWriter
from aiohttp.base_protocol import BaseProtocol
from multidict import CIMultiDict

from .row import bare, caught, row, steps
from .zoo import HOST, raw, serving

READS = {
    "readline": [((), {}), ((), {})],
    "readuntil": [((b"d ",), {}), ((b"\xa9",), {})],
    "read": [((3,), {}), ((0,), {}), ((), {})],
    "readany": [((), {})],
    "readchunk": [((), {}), ((), {})],
    "readexactly": [((4,), {}), ((500,), {})],
    "wait_eof": [],
}


def fed(limit=2**16):
    """Make a reader that holds three chunks and then ends."""
    loop = asyncio.get_running_loop()
    reader = aiohttp.StreamReader(BaseProtocol(loop), limit, loop=loop)
    for piece in (b"first\nsec", b"ond \xc3\xa9\r\n", b"third"):
        reader.begin_http_chunk_receiving()
        reader.feed_data(piece)
        reader.end_http_chunk_receiving()
    return reader


@row(*(f"aiohttp.StreamReader.{method}" for method in READS))
async def reader(name):
    method = name.rpartition(".")[2]
    by_hand = fed()
    asyncio.get_running_loop().call_soon(by_hand.feed_eof)
    if method == "wait_eof":
        shown = [by_hand.at_eof(), await by_hand.wait_eof(), by_hand.is_eof(), await by_hand.read()]
    else:
        shown = [await caught(getattr(by_hand, method)(*args, **named)) for args, named in READS[method]]
    broken = fed()
    broken.set_exception(ValueError("broken"))
    async with serving() as base, aiohttp.ClientSession() as session, session.get(base + "/lines") as response:
        real = [await caught(getattr(response.content, method)(*args, **named)) for args, named in READS[method]]
        if method == "wait_eof":
            await response.content.wait_eof()
        rest = await response.content.read()
    return [method, shown, real, rest, await caught(broken.read())]


EMPTY = {"wait_eof": (), "readline": (), "read": (5,), "readany": (), "readchunk": (), "readexactly": (3,)}


@row(*(f"aiohttp.streams.EmptyStreamReader.{method}" for method in EMPTY))
async def empty_reader(name):
    method = name.rpartition(".")[2]
    empty = streams.EmptyStreamReader()
    twice = await steps(*(getattr(empty, method)(*EMPTY[method]) for _ in range(2)))
    return [method, twice, empty.is_eof(), empty.at_eof()]


@row("aiohttp.streams.AsyncStreamIterator.__anext__")
async def iterator():
    by_hand = fed()
    by_hand.feed_eof()
    lines = [line async for line in by_hand]
    async with serving() as base, aiohttp.ClientSession() as session, session.get(base + "/lines") as response:
        return [lines, [chunk async for chunk in response.content.iter_chunked(5)]]


@row("aiohttp.streams.ChunkTupleAsyncStreamIterator.__anext__")
async def chunk_iterator():
    by_hand = fed()
    by_hand.feed_eof()
    async with serving() as base, aiohttp.ClientSession() as session, session.get(base + "/chunked") as response:
        real = [chunk async for chunk, _ in response.content.iter_chunks()]
        return [[chunk async for chunk in by_hand.iter_chunks()], b"".join(real)]


@row("aiohttp.DataQueue.read")
async def queue():
    loop = asyncio.get_running_loop()
    return await _queue(streams.DataQueue(loop))


@row("aiohttp.FlowControlDataQueue.read")
async def flow_queue():
    async def flow(protocol):
        protocol._upgraded = True  # as a websocket's is, which has no parser to pause
        made = streams.FlowControlDataQueue(protocol, 4, loop=asyncio.get_running_loop())
        return [await _queue(made), protocol._reading_paused]

    return await written(flow)


async def _queue(made):
    asyncio.get_running_loop().call_soon(made.feed_data, "late", 4)
    got = [await made.read()]
    made.feed_data("x" * 20, 20)
    made.feed_eof()
    got.append(await made.read())
    return [got, await caught(made.read()), made.is_eof()]


@row("aiohttp.multipart.ZLibCompressor.compress")
async def compress():
    small = compression_utils.ZLibCompressor(encoding="deflate")
    large = compression_utils.ZLibCompressor(encoding="gzip", max_sync_chunk_size=8)
    shown = []
    for compressor, wbits in ((small, 15), (large, 31)):
        data = await compressor.compress(b"compressed " * 50) + compressor.flush()
        shown.append([data, zlib.decompress(data, wbits)])
    return shown


@row("aiohttp.compression_utils.DecompressionBaseHandler.decompress")
async def decompress():
    data = zlib.compress(b"compressed " * 50)
    shown = []
    for limit in (None, 8):
        decompressor = compression_utils.ZLibDecompressor(max_sync_chunk_size=limit)
        shown.append([await decompressor.decompress(data, 20), await decompressor.decompress(b"")])
    async with serving() as base, aiohttp.ClientSession() as session, session.get(base + "/zipped") as response:
        return [shown, await response.read()]


async def written(write):
    """Show what arrives at the other end of a connection that write(protocol) writes to."""
    heard = asyncio.get_running_loop().create_future()

    async def listen(reader, _):
        heard.set_result(await reader.read())

    async with raw(listen) as port:
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_connection(lambda: BaseProtocol(loop), HOST, port)
        try:
            returned = await write(protocol)
        finally:
            transport.close()
        return {"returned": returned, "heard": await heard}


@row(*(f"aiohttp.http.StreamWriter.{method}" for method in ("write", "write_headers", "write_eof", "drain")))
async def writer(name):
    loop = asyncio.get_running_loop()
    seen = []

    async def on_chunk(chunk):
        seen.append(bytes(chunk))

    async def on_headers(headers):
        seen.append(list(headers.items()))

    async def plain(protocol):
        made = http.StreamWriter(protocol, loop, on_chunk, on_headers)
        headers = CIMultiDict({"X-A": "b", "Content-Length": "9"})
        made.length = 9
        returned = await steps(
            made.write_headers("POST / HTTP/1.1", headers),
            made.write(b"four"),
            made.write(memoryview(b"more than nine")),
            made.drain(),
            made.write_eof(b""),
        )
        return [returned, made.output_size]

    async def chunked(protocol):
        made = http.StreamWriter(protocol, loop, on_chunk)
        made.enable_chunking()
        made.enable_compression("deflate")
        await made.write_headers("GET / HTTP/1.1", CIMultiDict({"Transfer-Encoding": "chunked"}))
        await made.write(b"squeezed " * 30)
        await made.write_eof(b"end")
        return made.output_size

    return [name, await written(plain), await written(chunked), seen]


WRITES = {"write": (b"x",), "write_eof": (b"",), "drain": (), "write_headers": ("GET", CIMultiDict())}


@row(*(f"aiohttp.abc.AbstractStreamWriter.{method}" for method in WRITES))
async def abstract_writer(name):
    method = name.rpartition(".")[2]
    return [method, await getattr(bare(AbstractStreamWriter), method)(*WRITES[method])]


@row("aiohttp.http.WebSocketWriter.send_frame", "aiohttp.http.WebSocketWriter.close")
async def websocket_writer(name):
    async def plain(protocol):
        made = http.WebSocketWriter(protocol, protocol.transport)
        await made.send_frame(b"text", aiohttp.WSMsgType.TEXT)
        await made.send_frame(b"b" * 300, aiohttp.WSMsgType.BINARY)
        await made.close(1001, "away")
        return await caught(made.send_frame(b"late", aiohttp.WSMsgType.TEXT))

    async def masked(protocol):
        # The mask is the one thing a websocket draws by lot.
        made = http.WebSocketWriter(
            protocol, protocol.transport, use_mask=True, random=random.Random(7), compress=15, notakeover=True
        )
        await made.send_frame(b"compressed " * 20, aiohttp.WSMsgType.TEXT)
        await made.send_frame(b"large " * 5000, aiohttp.WSMsgType.TEXT)
        await made.send_frame(b"ping", aiohttp.WSMsgType.PING)
        return await made.close()

    return [name, await written(plain), await written(masked)]
