"""The floor: a Python loop that reads and writes, and looks at nothing."""

import os

while True:
    data = os.read(0, 65536)
    if not data:
        break
    while data:
        data = data[os.write(1, data) :]
