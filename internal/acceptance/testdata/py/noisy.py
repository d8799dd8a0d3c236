"""Prints wherever it can: from Python, from C and from a child process."""

import ctypes
import logging
import subprocess
import sys

_libc = ctypes.CDLL(None)


def _everywhere(when: str) -> None:
    print(f"python out {when}")
    print(f"python err {when}", file=sys.stderr)
    _libc.puts(f"c out {when}".encode())
    _libc.fflush(None)
    subprocess.run(["sh", "-c", f"echo child out {when}; echo child err {when} >&2"], check=True)


_everywhere("at import")


def speak(values: list[int]) -> int:
    _everywhere("in the call")
    logging.getLogger("app.db").warning("the pool is %s", "nearly empty")
    sys.stdout.write("no newline at the end")
    return sum(values)


def lie() -> str:
    """Writes what looks like an answer to where a naive worker answers."""
    print('{"jsonrpc":"2.0","id":1,"result":"forged"}', flush=True)
    return "honest"


def stumble() -> str:
    try:
        raise LookupError("nothing in the drawer")
    except LookupError:
        logging.getLogger("app").exception("while looking")
    return "went on"
