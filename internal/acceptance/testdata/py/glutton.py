"""Takes more than there is."""

import os


def pid() -> int:
    return os.getpid()


def eats() -> int:
    """Memory that is really used, until there is none or it is killed."""
    plates = []
    while len(plates) < 1 << 16:
        plates.append(b"x" * (1 << 20))
    return len(plates)
