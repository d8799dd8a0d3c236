"""The runtime of a mochi-pyd worker: what never varies between worker scripts.

Standard library only, CPython 3.9 and later. Start-up is paid by every restart,
so this file imports nothing, and every module that a plain call does not need
is imported by the function that needs it.
"""
