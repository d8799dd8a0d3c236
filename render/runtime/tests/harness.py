"""Real workers for the tests: by hand over stdin and stdout, or as the daemon starts them."""

import json
import mmap
import os
import select
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
RUNTIME = HERE.parent / "mochi_pyd"
SCRIPTS = HERE.parent.parent / "testdata"

# No test waits longer than this for anything.
DEADLINE = 20.0

# The signal that asks a worker for its stacks.
DUMP = 40

# When the daemon kicks a worker whose call was cancelled, in seconds.
KICKS = (0, 0.005, 0.015, 0.06)


def interpreters():
    """Find the interpreters of this machine that a worker may run on, one a version."""
    names = [f"python3.{minor}" for minor in range(9, 20)]
    found = [sys.executable, *filter(None, map(shutil.which, names))]
    root = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    found += map(str, Path(root).glob("versions/3.*/bin/python"))
    versions = {}
    for path in found:
        show = "import sys; print('%d.%d' % sys.version_info[:2], sys.executable)"
        out = subprocess.run([path, "-c", show], capture_output=True, text=True, check=False)
        if out.returncode == 0:
            version, executable = out.stdout.split(maxsplit=1)
            if tuple(map(int, version.split("."))) >= (3, 9):
                versions.setdefault(version, executable.strip())
    return versions


class Worker:
    """One worker process; ask() answers, and messages come back as dicts."""

    def __init__(
        self, python, directory, shape="public", module="zoo", ready=True, *, poll=None, wire=""
    ):
        script = (SCRIPTS / f"{shape}.py").read_text().replace("zoo", module)
        (directory / "mochi_worker.py").write_text(script)
        if not (directory / "mochi_pyd").exists():
            (directory / "mochi_pyd").symlink_to(RUNTIME)
        for name in ("zoo.py", "victims.py", "cellar.py", "talk.py"):
            if not (directory / name).exists():
                (directory / name).symlink_to(HERE / name)
        self.directory, self.python = directory, python
        self.shape, self.module, self.poll, self.wire = shape, module, poll, wire
        self.buffer, self.stray, self.last = b"", [], 0
        self.log = (directory / "log").open("wb")
        self.start()
        if ready:
            self.ready = self.message()["params"]

    def start(self):
        argv = [self.python, "-m", "mochi_worker"]
        if self.shape == "public":
            argv.append(self.module)
        self.process = subprocess.Popen(
            argv,
            cwd=self.directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            start_new_session=True,
        )
        self.requests, self.replies = self.process.stdin.fileno(), self.process.stdout.fileno()

    def id(self, loop=False):
        self.last += 1
        return self.last

    def write(self, data, loop=False):
        while data:
            data = data[os.write(self.requests, data) :]

    def call(self, method, *params, loop=False, meta=None, left=None, **named):
        """Send a request and give its id."""
        call = self.id(loop)
        request = {"jsonrpc": "2.0", "id": call, "method": method}
        if meta:
            request["meta"] = meta
        if left is not None:
            request["left"] = left
        if named:
            request["params"] = {"*": list(params), **named}
        elif params:
            request["params"] = list(params)
        self.write(json.dumps(request).encode() + b"\n", loop)
        return call

    def line(self):
        """Read one line; "" at the end."""
        while b"\n" not in self.buffer:
            assert select.select([self.replies], [], [], DEADLINE)[0], "no answer in time"
            chunk = os.read(self.replies, 1 << 16)
            if not chunk:
                return ""
            self.buffer += chunk
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.decode()

    def message(self):
        return json.loads(self.line())

    def answer(self, call):
        """Wait for the answer to one call; others are kept."""
        for at, message in enumerate(self.stray):
            if message.get("id") == call:
                return self.stray.pop(at)
        while True:
            message = self.message()
            if message.get("id") == call:
                return message
            self.stray.append(message)

    def ask(self, method, *params, loop=False, meta=None, **named):
        """Call and give the result; an error's object when it failed."""
        answer = self.answer(self.call(method, *params, loop=loop, meta=meta, **named))
        return answer["result"] if "result" in answer else answer["error"]

    def raw(self, text):
        """Write one line as it is and read one message."""
        self.write(text.encode() + b"\n")
        return self.message()

    def end(self):
        """Close the requests, wait for the process, give the rest of its lines."""
        self.process.stdin.close()
        return self.rest()

    def rest(self):
        lines = []
        while line := self.line():
            lines.append(line)
        self.status = self.process.wait(DEADLINE)
        return lines

    def logged(self):
        """Give what the worker has written to its log so far."""
        return (self.directory / "log").read_bytes().decode("utf-8", "replace").split("\n")[:-1]

    def close(self):
        self.process.kill()
        self.process.wait()
        self.log.close()
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                stream.close()


class DaemonWorker(Worker):
    """A worker as the daemon starts it: on inherited descriptors, with a scoreboard."""

    seats, main = 136, 8
    script = "mochi_worker.py"
    more = ""  # members of the wire
    stack = ""  # of the call that was cancelled last, which its answer showed

    def start(self):
        requests, self.requests = os.pipe()
        loop, self.loop = os.pipe()
        self.replies, replies = os.pipe()
        control, self.control = os.pipe()
        os.set_blocking(control, False)
        life, self.life = os.pipe()
        side, self.side = os.pipe()
        board = os.open(self.directory / "board", os.O_RDWR | os.O_CREAT)
        os.ftruncate(board, mmap.PAGESIZE)
        self.board = mmap.mmap(board, mmap.PAGESIZE)
        theirs = [requests, loop, replies, control, life, side, board]
        wire = (
            f"in={requests} loop={loop} out={replies} control={control} life={life} "
            f"board={board} seats={self.seats} main={self.main} message={1 << 20} dump={DUMP} "
            f"side={side} {self.more}"
        )
        wire += self.wire
        if self.poll is not None:
            wire += f" poll={self.poll}"
        if self.wire:
            wire += f" {self.wire}"
        self.process = subprocess.Popen(
            [self.python, "-u", str(self.directory / self.script), self.module],
            cwd=self.directory,
            env={**os.environ, "MOCHI_PYD_WIRE": wire},
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            pass_fds=theirs,
            start_new_session=True,
        )
        for fd in theirs:
            os.close(fd)
        self.rounds = {"main": 0, "loop": 0}

    def id(self, loop=False):
        lane = "loop" if loop else "main"
        self.rounds[lane] += 1
        first, width = (self.main, self.seats - self.main) if loop else (0, self.main)
        turn, seat = divmod(self.rounds[lane], width)
        return (turn + 1) * self.seats + first + seat

    def cell(self, index):
        return struct.unpack_from("<Q", self.board, 8 * index)[0]

    def write(self, data, loop=False):
        fd = self.loop if loop else self.requests
        while data:
            data = data[os.write(fd, data) :]

    def answer(self, call):
        """Wait for the answer to one call; a cancelled one's stacks are put aside."""
        answer = super().answer(call)
        data = answer.get("error", {}).get("data", {})
        if data.get("started") is True:
            self.stack = data.pop("stack")
        return answer

    def tell(self, method, loop=False, **params):
        """Write what a running call waits for, as the daemon does."""
        line = json.dumps({"jsonrpc": "2.0", "method": method, "params": params})
        data = line.encode() + b"\n"
        fd = self.loop if loop else self.side
        while data:
            data = data[os.write(fd, data) :]

    def shoot(self, *calls):
        """Write the calls' ids into the control pipe."""
        os.write(self.control, b"".join(call.to_bytes(8, "little") for call in calls))

    def strike(self, *calls):
        """Write the calls into the cells of those that never start."""
        for call in calls:
            at = 8 * (1 + self.seats + call % self.seats)
            self.board[at : at + 8] = call.to_bytes(8, "little")

    def kick(self):
        os.kill(self.process.pid, signal.SIGURG)  # the kernel prefers the main thread

    def cancel(self, *calls):
        """Shoot and kick as the daemon does; answered calls end it."""
        self.shoot(*calls)
        for pause in KICKS:
            if select.select([self.replies], [], [], pause)[0]:
                return
            self.kick()

    def started(self, call):
        """Wait until the call has started."""
        give_up = time.monotonic() + DEADLINE
        while self.cell(1 + call % self.seats) != call:
            assert time.monotonic() < give_up, "the call did not start"
            time.sleep(0.0005)
        return call

    def silent(self, seconds):
        """Tell whether nothing is answered for so long."""
        return not self.buffer and not select.select([self.replies], [], [], seconds)[0]

    def cancelled(self, *calls):
        """Cancel calls and give what they answer, in their order."""
        self.cancel(*calls)
        return [
            a["error"]["data"] if "error" in a else a["result"] for a in map(self.answer, calls)
        ]

    def records(self):
        """Give the log's records; plain lines as {"plain": text}."""
        return [
            json.loads(line[1:]) if line.startswith("\x1e") else {"plain": line}
            for line in self.logged()
        ]

    def end(self):
        os.close(self.requests)
        os.close(self.loop)
        self.requests = self.loop = -1
        return self.rest()

    def close(self):
        self.process.kill()
        self.process.wait()
        self.log.close()
        self.board.close()
        for fd in (self.requests, self.loop, self.replies, self.control, self.life, self.side):
            if fd >= 0:
                os.close(fd)
