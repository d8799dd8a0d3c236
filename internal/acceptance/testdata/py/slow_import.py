"""Takes a second to import, as a framework does."""

import os
import time

time.sleep(1)


def pid() -> int:
    return os.getpid()
