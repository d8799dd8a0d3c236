"""A module of long calls, and one that ends the process."""

import logging
import os
import time

log = logging.getLogger("reports")


def monthly(month: str, seconds: float) -> float:
    """A report that takes its time."""
    print(f"{month}: {len(month) * 1733:,} orders to read")
    time.sleep(seconds)
    print(f"{month}: done")
    return seconds


def out_of_license() -> None:
    """A library that ends the process it is in."""
    log.warning("libchart: the licence has run out")
    os._exit(3)
