"""The proof that asynchronous libraries do through the daemon what they do in process.

`table` walks over the packages and lists every `async def` there is; `drive`
runs the fixture of one of them and shows what came of it. A fixture that never
enters the function it stands for has failed, whatever it returns.
"""

import importlib
import sys

from .row import EXCUSED, FIXTURES
from .walk import unwalked, walk

PACKAGES = {
    "httpx": ["of_httpx"],
    "fastapi": ["of_fastapi"],
    "aiohttp": [
        "of_aiohttp_client",
        "of_aiohttp_bodies",
        "of_aiohttp_streams",
        "of_aiohttp_socket",
        "of_aiohttp_server",
        "of_aiohttp_rest",
    ],
}

_walked = {}


def _functions(package):
    if package not in _walked:
        functions, failed = walk(package)
        for module in PACKAGES[package]:
            importlib.import_module(f"{__name__}.{module}")
        _walked[package] = functions, failed
    return _walked[package]


def table(package):
    """List the package's functions: which have a fixture, which an excuse."""
    functions, failed = _functions(package)
    prefix = package + "."
    known = [name for name in (*FIXTURES, *EXCUSED) if name.startswith(prefix)]
    return {
        "version": importlib.import_module(package).__version__,
        "unimportable": failed,
        "functions": sorted(functions),
        "unwalked": unwalked(package, functions),
        "driven": sorted(name for name in FIXTURES if name in functions),
        "excused": {name: why for name, why in sorted(EXCUSED.items()) if name in functions},
        "stale": sorted(name for name in known if name not in functions),
    }


async def idle(name):
    """Drive a function by a fixture that forgets to call it, which must fail."""

    async def nothing():
        return None

    return await drive(name, nothing)


async def drive(name, fixture=None):
    """Run the fixture of a function and show its outcome."""
    functions, _ = _functions(name.partition(".")[0])
    code = functions[name].__code__
    entered = 0

    def watch(frame, event, _):
        nonlocal entered
        if frame.f_code is code and event == "call":
            entered += 1

    sys.setprofile(watch)
    try:
        value = await (fixture or FIXTURES[name])()
    finally:
        sys.setprofile(None)
    if not entered:
        raise AssertionError(f"the fixture of {name} never calls it")
    return {"function": name, "outcome": value}
