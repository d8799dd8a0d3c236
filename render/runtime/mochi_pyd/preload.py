"""Preload: a process that imports the module once and forks workers from then on.

It is started like a worker, reports like one how its import went, and then
serves no calls: over a socket (the wire's `fork`) it is sent the descriptors of
one worker after the other, each of which it forks. A forked worker comes back
out of `serve` and goes on as any worker does.

A fork copies one thread. So this process must have no other, and is refused,
naming them, when the import has started some.
"""

import os
import sys
from _signal import SIG_DFL, SIGCHLD, signal  # type: ignore[import-not-found]
from _socket import CMSG_LEN, MSG_CMSG_CLOEXEC, SCM_RIGHTS, SOL_SOCKET, socket

from . import stdio
from .wire import STAGE_IMPORT, VARIABLE, Wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .worker import Worker

# Marks a worker's processes in their environment, for the daemon's burials.
MARK = "MOCHI_PYD_WORKER"
# The daemon's requests are short lines with at most this many descriptors.
MESSAGE = 4096
DESCRIPTORS = 16
# stdin, stdout and stderr are the first three that come with a request.
STREAMS = 3
# Libraries that start threads as they are imported, unless told not to.
ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
POOL_UNAVAILABLE = -32004

_before: "dict[str, str | None]" = {}


def before_import() -> None:
    """Ask numerical libraries for one thread, as long as nothing has been forked."""
    for name in ONE_THREAD:
        _before[name] = os.environ.get(name)
        os.environ[name] = "1"


def _after_import() -> None:
    """Put the environment back as the user has it."""
    for name, value in _before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def threads() -> "list[str]":
    """Name the threads beside this one, by Python's name where it has one."""
    me = os.getpid()
    known = {}
    if "threading" in sys.modules:
        import threading

        known = {thread.native_id: thread.name for thread in threading.enumerate()}
    names = []
    for task in sorted(map(int, os.listdir("/proc/self/task"))):
        if task == me:
            continue
        name = known.get(task)
        if name is None:
            try:
                with open(f"/proc/self/task/{task}/comm") as comm:
                    name = f"{comm.read().strip()} (not Python's)"
            except OSError:  # it has ended meanwhile
                continue
        names.append(name)
    return names


def serve(worker: "Worker", kinds: "list[dict[str, str]]") -> None:
    """Fork workers until nobody wants more; return in each of them."""
    names = threads()
    if names:
        listed = ", ".join(names)
        cause = f"importing {worker.module} started threads, which a fork does not copy: {listed}"
        hint = "set preload = false for this pool, or start the threads at the first call"
        _refuse(worker, cause, hint, names)
    if not hasattr(os, "pidfd_open"):
        cause = "this Python has no os.pidfd_open, by which it would see its workers end"
        _refuse(worker, cause, "set preload = false, or take a Python built on Linux 5.3", [])
    if any(kind["kind"] in ("coroutine", "async_generator") for kind in kinds):
        from . import loop  # noqa: F401  # and with it asyncio, once for all
    import gc

    _after_import()
    worker.tidy(None)
    stdio.finish_all()
    worker.say_ready(kinds)
    gc.collect()
    gc.freeze()  # what is there now is never garbage: its pages stay shared
    Nursery(worker).serve()


def _refuse(worker: "Worker", cause: str, hint: str, names: "list[str]") -> None:
    data = {
        "kind": "pool_unavailable",
        "stage": "import",
        "cause": cause,
        "threads": names,
        "stderr_tail": [],
        "hint": hint,
    }
    message = f"{worker.module} cannot be preloaded: {cause}; {hint}"
    error = {"code": POOL_UNAVAILABLE, "message": message, "data": data}
    worker.notify("mochi.failed", {"stage": "import", "error": error})
    raise SystemExit(1)


class Nursery:
    """The process that forks, and what it keeps of those it has forked."""

    def __init__(self, worker: "Worker") -> None:
        import select

        self.worker = worker
        # A module may have asked not to hear of its children's deaths, or that the
        # kernel reaps them. Here they must be zombies until the daemon has said so.
        self.user_sigchld = signal(SIGCHLD, SIG_DFL)
        self.socket = socket(fileno=worker.wire.fork)
        self.poll = select.poll()
        self.poll.register(worker.wire.fork, select.POLLIN)
        self.poll.register(worker.wire.requests, select.POLLIN)
        self.children: dict[int, int] = {}  # pidfd → pid

    def serve(self) -> None:
        """Do what the daemon asks; return in a worker, never in this process."""
        own = self.worker.wire.requests
        while True:
            for fd, _ in self.poll.poll():
                if fd in self.children:
                    self._tell_death(fd)
                elif fd == own:  # its end: nobody has been left, and none is to come
                    raise SystemExit(0)
                elif self._take():
                    return

    def _take(self) -> bool:
        """Do one request; say whether this is a worker now."""
        text, ancillary, _, _ = self.socket.recvmsg(
            MESSAGE, CMSG_LEN(4 * DESCRIPTORS), MSG_CMSG_CLOEXEC
        )
        fds = [
            int.from_bytes(data[i : i + 4], sys.byteorder)
            for level, kind, data in ancillary
            if level == SOL_SOCKET and kind == SCM_RIGHTS
            for i in range(0, len(data), 4)
        ]
        word, _, rest = text.decode().partition(" ")
        if word == "reap":
            os.waitpid(int(rest), 0)
            return False
        if word != "fork":
            raise SystemExit(0)  # the daemon's end is closed
        mark, _, wire = rest.partition(" ")
        return self._fork(fds, mark, wire)

    def _fork(self, fds: "list[int]", mark: str, wire: str) -> bool:
        try:
            pid = os.fork()
        except OSError as error:
            self.socket.send(f"error {error.errno} {error.strerror}".encode())
            pid = -1
        if pid == 0:
            self._become(fds, mark, wire)
            return True
        for fd in fds:
            os.close(fd)
        if pid > 0:
            try:
                os.setpgid(pid, pid)  # the child does too: whoever is first
            except OSError:
                pass
            import select

            child = os.pidfd_open(pid)
            self.children[child] = pid
            self.poll.register(child, select.POLLIN)
            self.socket.send(f"forked {pid}".encode())
        return False

    def _tell_death(self, child: int) -> None:
        """Report a dead worker, which is not reaped before the daemon says so.

        Until then its number cannot be given to another process, so no signal
        that is on its way can reach a stranger.
        """
        pid = self.children.pop(child)
        self.poll.unregister(child)
        os.close(child)
        info = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert info is not None
        exited = info.si_code == os.CLD_EXITED
        core = int(info.si_code == os.CLD_DUMPED)
        code, signal = (info.si_status, 0) if exited else (-1, info.si_status)
        self.socket.send(f"dead {pid} {code} {signal} {core}".encode())

    def _become(self, fds: "list[int]", mark: str, wire: str) -> None:
        """Turn the forked child into the worker these descriptors belong to."""
        os.setpgid(0, 0)
        if self.user_sigchld is not None:  # else it is no handler of Python's
            signal(SIGCHLD, self.user_sigchld)
        self.socket.close()
        for child in self.children:
            os.close(child)
        self.children.clear()
        for number, fd in enumerate(fds[:STREAMS]):
            os.dup2(fd, number)
            os.close(fd)
        _bear(mark)
        names = ("in", "loop", "out", "control", "life", "side", "board")
        os.environ[VARIABLE] = " ".join(_renumber(pair, names, fds) for pair in wire.split())
        worker = self.worker
        worker.wire = Wire()
        worker.send = worker.wire.write
        worker.wire.stage(STAGE_IMPORT)
        random = sys.modules.get("numpy.random")
        if random is not None:
            random.seed()  # the standard library's has reseeded itself


def _renumber(pair: str, names: "tuple[str, ...]", fds: "list[int]") -> str:
    """Name a descriptor by its number here, not the one that it has after an exec."""
    name, _, value = pair.partition("=")
    return f"{name}={fds[int(value)]}" if name in names else pair


def _bear(mark: str) -> None:
    """Bear the worker's own mark, for what it starts and for what it forks.

    What it forks shows the environment this process was started with, so that
    is written over too, where it lies; both marks have the same length.
    """
    old = os.environ.get(MARK, "")
    os.environ[MARK] = mark
    if len(old) != len(mark):
        return
    try:
        with open("/proc/self/environ", "rb") as environ:
            at = environ.read().find(f"{MARK}={old}".encode())
        with open("/proc/self/stat", "rb") as stat:
            begin = int(stat.read().rpartition(b")")[2].split()[47])
        if at >= 0:
            with open("/proc/self/mem", "r+b", buffering=0) as memory:
                memory.seek(begin + at)
                memory.write(f"{MARK}={mark}".encode())
    except OSError:
        pass  # then its orphans live as long as the process that forked it
