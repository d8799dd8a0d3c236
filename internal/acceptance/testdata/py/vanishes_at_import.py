"""Is gone before its import has ended; counts how often in the file it is told."""

import os
import sys
import time

with open(os.environ["MOCHI_ACCEPTANCE_VANISHED"], "a", encoding="ascii") as count:
    count.write(f"{time.time()}\n")
print("last words of the module", file=sys.stderr, flush=True)
os._exit(3)
