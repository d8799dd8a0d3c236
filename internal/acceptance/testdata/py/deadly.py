"""Ways to die, and ways to seem to."""

import ctypes
import os
import resource
import signal
import stat
import sys
import threading


def pid() -> int:
    return os.getpid()


def leaves_at_once() -> None:
    print("last words", file=sys.stderr, flush=True)
    os._exit(3)


def aborts() -> None:
    os.abort()


def segfaults() -> None:
    ctypes.string_at(0)


def overflows_the_stack() -> None:
    """Recursion in C, which no limit of Python's stops."""
    sys.setrecursionlimit(1 << 30)
    callback = ctypes.CFUNCTYPE(None)

    def deeper() -> None:
        callback(deeper)()

    deeper()


def is_killed() -> None:
    """As the kernel does when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


def is_terminated_in_a_thread() -> None:
    thread = threading.Thread(target=os._exit, args=(5,))
    thread.start()
    thread.join()


def exits() -> None:
    sys.exit("good bye")


def wants_too_much_memory() -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, hard))
    try:
        return len(bytes(8 << 30))
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _reply_pipes() -> list[int]:
    """What user code that looks for it finds: pipes that can only be written."""
    import fcntl

    found = []
    for name in os.listdir("/proc/self/fd"):
        fd = int(name)
        try:
            is_pipe = stat.S_ISFIFO(os.fstat(fd).st_mode)
            flags = fcntl.fcntl(fd, fcntl.F_GETFL)
        except OSError:
            continue
        if fd > 2 and is_pipe and flags & os.O_ACCMODE == os.O_WRONLY:
            found.append(fd)
    return found


def forges(text: str) -> str:
    """Writes to the daemon what the runtime did not say."""
    for fd in _reply_pipes():
        os.write(fd, text.encode())
    return "said"


def writes_an_endless_line(size: int) -> str:
    block = b"x" * (1 << 20)
    for fd in _reply_pipes():
        for _ in range(size >> 20):
            left = block
            while left:
                left = left[os.write(fd, left) :]
    return "said"
