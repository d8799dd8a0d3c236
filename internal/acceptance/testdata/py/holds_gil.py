"""Busy in C with the GIL held: nothing in Python can interrupt it."""

import ctypes
import os


def hold(seconds: int) -> None:
    ctypes.PyDLL(None).sleep(seconds)


def fork_and_hold(seconds: int) -> None:
    os.fork()
    ctypes.PyDLL(None).sleep(seconds)
