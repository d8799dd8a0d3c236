"""The smallest worker that speaks the wire: what the supervisor's tests run.

It misbehaves on request. Usage: mini_worker.py MODULE, where MODULE is a word
that says how to start.
"""

import collections
import ctypes
import faulthandler
import itertools
import json
import mmap
import os
import queue
import signal
import struct
import sys
import threading
import time

module = sys.argv[1]
wire = dict(p.split("=") for p in os.environ.pop("MOCHI_PYD_WIRE").split())
refs = wire.pop("refs", "")
wire = {k: int(v) for k, v in wire.items()}
for key in ("in", "loop", "out", "control", "life", "board", "side"):
    os.set_inheritable(wire[key], False)
board = mmap.mmap(wire["board"], 8 * (1 + 2 * wire["seats"]))
write_lock = threading.Lock()
shots = set()
words = queue.Queue()  # what the loop's pipe brought that is no request
awaited = {}  # of calls on the loop's lane that can be cancelled: id → event
current = 0


def cell(n, value):
    board[8 * n : 8 * n + 8] = struct.pack("<Q", value)


def struck(seat):
    return struct.unpack_from("<Q", board, 8 * (1 + wire["seats"] + seat))[0]


def put(text):
    data = text.encode() if isinstance(text, str) else text
    with write_lock:
        while data:
            data = data[os.write(wire["out"], data) :]


def say(message):
    put(json.dumps({"jsonrpc": "2.0", **message}) + "\n")


def reply(id, **outcome):
    say({"id": id, **outcome})


class Cancelled(BaseException):
    """Raised in a call that is to end, and nowhere else."""


def kicked(signum, frame):
    try:
        new = os.read(wire["control"], 1 << 20)
    except BlockingIOError:
        return
    ids = {i for (i,) in struct.iter_unpack("<Q", new)}
    shots.update(ids)
    for i in ids & set(awaited):
        awaited[i].set()
    if current in ids:
        while frame is not None:
            if frame.f_code is call.__code__:
                raise Cancelled
            frame = frame.f_back


def fork_child(hold, detach=False):
    """A forked child that outlives the call and keeps stderr open."""
    r, w = os.pipe()
    pid = os.fork()
    if pid:
        if detach:
            os.waitpid(pid, 0)
        return int(os.read(r, 32))
    if detach:
        os.setsid()
        if os.fork():
            os._exit(0)
    os.write(w, str(os.getpid()).encode())
    time.sleep(hold)
    os._exit(0)


def orphan():
    """Leave a grandchild in this group that ends at once; give its number."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        parent = os.getpid()
        grandchild = os.fork()
        if grandchild == 0:
            # Only once its parent is gone: it is an orphan when it ends.
            while os.getppid() == parent:
                time.sleep(0.001)
            os._exit(0)
        os.write(write, str(grandchild).encode())
        os._exit(0)
    os.waitpid(child, 0)
    number = int(os.read(read, 16))
    os.close(read)
    os.close(write)
    return number


def count(path, call):
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(fd, b"%d\n" % call)
    os.close(fd)


def call(id, method, params):
    if id in shots and module != "heedless":
        raise Cancelled
    if method == "await":  # a coroutine, as far as anyone outside can tell
        awaited[id] = threading.Event()
        if id not in shots and not awaited[id].wait(60):
            return None
        raise Cancelled
    if method == "in_c":  # nothing in here looks for signals
        collections.deque(itertools.count(), maxlen=0)
    if method == "in_c_for":
        return sum(itertools.repeat(1, params[0]))
    if method == "stubborn":  # cleans up for a minute
        try:
            time.sleep(60)
        finally:
            time.sleep(60)
    if method == "swallow":
        try:
            time.sleep(60)
        except Cancelled:
            return "swallowed"
    if method == "echo":
        return params
    if method == "sleep":
        time.sleep(params[0])
        return None
    if method == "count":  # says in a file of its own that it ran
        count(*params[:2])
        time.sleep(params[2])
        return params[1]
    if method == "exit":
        os._exit(params[0])
    if method == "segv":
        faulthandler.enable()
        print("about to crash", file=sys.stderr)
        ctypes.string_at(0)
    if method == "abort":
        os.abort()
    if method == "fork":
        return fork_child(params[0])
    if method == "daemonize":
        return fork_child(params[0], detach=True)
    if method == "env":
        return os.environ.get(params[0])
    if method == "close_out":
        os.close(wire["out"])
        time.sleep(60)
    if method == "close_all":
        os.closerange(3, 256)
        time.sleep(60)
    if method == "raw":  # say anything, then answer
        put(params[0])
        return "said"
    if method == "say":  # the same, about this call
        put(params[0].replace("ID", str(id)))
        return "said"
    if method == "hear":  # and wait for a line that comes because of it
        put(params[0].replace("ID", str(id)))
        if threading.current_thread() is not threading.main_thread():
            return words.get()
        line = b""
        while not line.endswith(b"\n"):
            line += os.read(wire["side"], 1)
        return json.loads(line)
    if method == "half":  # half a line, then death
        put(f'{{"jsonrpc":"2.0","id":{id},"resu')
        os._exit(9)
    if method == "whole":  # a whole reply that lacks its newline, then death
        put(f'{{"jsonrpc":"2.0","id":{id},"result":"whole"}}')
        os._exit(9)
    if method == "twice":
        reply(id, result=1)
        return 2
    if method == "flood":
        line = params[1].encode() + b"\n"
        block = line * max(1, 65536 // len(line))
        left = params[0]
        while left > 0:
            left -= os.write(2, block)
        os.write(2, b"the last line\n")
        return "flooded"
    if method == "stderr":
        os.write(2, params[0].encode("utf-8", "surrogateescape"))
        return None
    if method == "tagged":
        os.write(2, b"\x1e" + json.dumps({"call": id, **params[0]}).encode() + b"\n")
        return None
    if method == "stdout":
        os.write(1, params[0].encode())
        return None
    if method == "gil":  # holds the GIL in C for ever
        if params:
            fork_child(600)
        pow(3, 10**10)
    if method == "ignore_term":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        return None
    if method == "pid":
        return os.getpid()
    if method == "large":
        return "x" * params[0]
    if method == "mochi.ping":
        return "pong"
    if method == "status":
        with open("/proc/self/status") as f:
            return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
    if method == "orphans":
        return [orphan() for _ in range(params)]
    if method == "fds":
        return sorted(int(fd) for fd in os.listdir("/proc/self/fd"))
    if method == "flags":
        import fcntl

        return {k: bool(fcntl.fcntl(wire[k], fcntl.F_GETFL) & os.O_NONBLOCK) for k in ("in", "loop", "out", "control")}
    raise ValueError("no " + method)


def cancelled(started):
    return {"code": -32800, "message": "cancelled", "data": {"kind": "request_cancelled", "started": started}}


def run(request):
    global current
    id = request["id"]
    if id in shots and module != "heedless":
        reply(id, error=cancelled(started=False))
        return
    if threading.current_thread() is threading.main_thread():
        current = id
    seat = id % wire["seats"]
    cell(1 + seat, id)
    if struck(seat) == id and module != "heedless":
        reply(id, error=cancelled(started=False))
        return
    if request["method"] == "give_back":  # whether it was asked to or not
        reply(id, error=cancelled(started=False))
        return
    try:
        result = call(id, request["method"], request.get("params"))
    except Cancelled:
        reply(id, error=cancelled(started=True))
    except ValueError as e:
        reply(id, error={"code": -32603, "message": str(e), "data": {"kind": "python_error", "type": "ValueError"}})
    else:
        reply(id, result=result)


def serve(fd, each):
    rest = b""
    while chunk := os.read(fd, 1 << 16):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            each(json.loads(line))


def apart(request):
    if "id" not in request:
        words.put(request)
        return
    threading.Thread(target=run, args=(request,), daemon=True).start()


def start():
    if module == "silent":
        time.sleep(60)
    if module == "bye":
        sys.exit("no, thanks")
    cell(0, 1)
    if module == "hang":
        time.sleep(60)
    if module == "die":
        os._exit(7)
    if module == "broken":
        error = {"code": -32005, "message": "no module named broken", "data": {"kind": "import_failed", "n": 1.50}}
        say({"method": "mochi.failed", "params": {"stage": "import", "error": error}})
        sys.exit(1)
    if module == "garbage":
        put("hello, world\n")
        time.sleep(60)
    cell(0, 2)
    if module == "mute":
        time.sleep(60)
    say(
        {
            "method": "mochi.ready",
            "params": {
                "protocol": 99 if module == "future" else 1,
                "runtime": "mini",
                "python": ".".join(map(str, sys.version_info[:3])),
                "pid": os.getpid(),
                "module": module,
                "loop": True,
                "methods": [{"name": "echo", "kind": "function"}],
            },
        }
    )


if module != "deaf":
    signal.signal(signal.SIGURG, kicked)
    faulthandler.register(wire["dump"], all_threads=True, chain=False)
start()
threading.Thread(target=serve, args=(wire["loop"], apart), daemon=True).start()
serve(wire["in"], run)
if module == "stay":
    time.sleep(60)
