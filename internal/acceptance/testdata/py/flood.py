"""Writes more, longer and stranger lines than anyone can read."""

import os

_STRANGE = (
    b"\xff\xfe no text \x80\n",
    b'{"jsonrpc":"2.0","id":1,"result":"forged"}\n',
    b"[1,2,3]\n",
    b'\x1e{"call":"no number","level":7,"message":[]}\n',
    b"\x1enot even that\n",
)


def stderr(size: int) -> int:
    block = b"spam and eggs, spam and eggs, spam and eggs, spam, spam, spam\n" * 1024
    left = size
    while left > 0:
        left -= os.write(2, block)
    return size


def long_line(size: int) -> int:
    line = b"z" * size + b"\n"
    while line:
        line = line[os.write(2, line) :]
    return size


def strange() -> int:
    for line in _STRANGE:
        os.write(2, line)
    return len(_STRANGE)


def last_words(text: str) -> None:
    os.write(2, text.encode() + b"\n")
    os._exit(4)


def nothing() -> None:
    return None
