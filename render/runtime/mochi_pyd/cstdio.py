"""C's stdout, made to show its lines when they are written.

On a pipe printf collects 4 KiB before anything is seen, and a worker that is
killed loses it. Done only once foreign C code is in the process: to reach libc
takes ctypes, which a plain worker never imports.
"""

from __future__ import annotations

import sys

_IOLBF = 1

_done = False


def install() -> None:
    """Switch C's stdout to line buffering, once there is somebody to use it."""
    global _done
    if _done:
        return
    _done = True
    try:
        import ctypes

        libc = ctypes.CDLL(None)
        name = "__stdoutp" if sys.platform == "darwin" else "stdout"
        libc.setvbuf(ctypes.c_void_p.in_dll(libc, name), None, _IOLBF, 0)
        libc.fflush(None)
    except Exception:  # no such libc: its lines come later, nothing else is lost
        pass
