"""The runtime of a mochi-pyd worker: what never varies between worker scripts.

Standard library only, CPython 3.9 and later. Start-up is paid by every restart,
so this file imports nothing, and every module that a plain call does not need
is imported by the function that needs it. The modules on the way to
mochi.ready (refusal, wire, values, stdio, lane, surface, worker) do without
`from __future__ import annotations` too: it is a real import, of 0.2 ms.
"""
