"""Never imports; counts how often it was tried in the file it is told."""

import os
import time

with open(os.environ["MOCHI_ACCEPTANCE_SPAWNS"], "a", encoding="ascii") as count:
    count.write(f"{time.time()}\n")


def licence() -> None:
    raise RuntimeError("no licence for this machine")


licence()
