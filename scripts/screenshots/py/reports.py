"""A module of long calls, and one that ends the process."""

import os
import time


def monthly(seconds: float) -> float:
    """A report that takes its time."""
    time.sleep(seconds)
    return seconds


def out_of_license() -> None:
    """A library that ends the process it is in."""
    os._exit(3)
