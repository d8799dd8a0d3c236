"""What the demo runs while it kills workers."""

import os
import time


def work(n: int, milliseconds: float) -> tuple[int, int]:
    """The square, and which process computed it."""
    time.sleep(milliseconds / 1000)
    return n * n, os.getpid()
