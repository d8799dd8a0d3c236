"""A module that computes, and has a fault in its C code."""

import ctypes
import hashlib


def thumbnail(rounds: int) -> str:
    """Keeps a core busy for as long as a small picture does."""
    digest = b""
    for _ in range(rounds):
        digest = hashlib.sha256(digest * 64).digest()
    return digest.hex()


def broken_file() -> bytes:
    """Reads where there is nothing, as a decoder does with a broken file."""
    return ctypes.string_at(0)
