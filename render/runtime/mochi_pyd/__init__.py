"""The runtime of a mochi-pyd worker: what never varies between worker scripts.

Standard library only, CPython 3.9 and later. Start-up is paid by every restart,
so the modules on the way to mochi.ready are read as one file of bytecode where
snapshot.py has left one (finding them one by one costs more than running them),
and every module that a plain call does not need is imported by the function
that needs it. They do without `from __future__ import annotations` too: it is a
real import, of 0.2 ms.

User code imports it for what is in API: which call it works for, how long that
may take, how far it has come, callbacks to the host, hooks.
"""

# What every worker imports before it is ready, each after those it imports.
START = ("refusal", "stacks", "cancel", "values", "stdio", "surface", "wire", "lane", "worker")


# What user code may use, by where it is.
API = {
    "api": ("Call", "current_call", "log", "progress", "remaining"),
    "callbacks": ("Callback", "CallbackError", "callback"),
    "hooks": ("health", "on_start", "on_stop"),
}


def _start(directory: str) -> bool:
    """Import START from the snapshot; False when there is none of these very files."""
    import sys
    from _frozen_importlib import ModuleSpec, module_from_spec
    from _frozen_importlib_external import MAGIC_NUMBER, SourceFileLoader
    from _imp import _fix_co_filename  # type: ignore[attr-defined]
    from marshal import loads
    from os import stat

    try:
        with open(f"{directory}/__pycache__/start.{sys.implementation.cache_tag}", "rb") as file:
            data = file.read()
        if data[: len(MAGIC_NUMBER)] != MAGIC_NUMBER:
            return False
        table = loads(memoryview(data)[len(MAGIC_NUMBER) :])
        for name, modified, size, _ in table:
            now = stat(f"{directory}/{name}.py")
            if now.st_mtime_ns != modified or now.st_size != size:
                return False
    except (OSError, ValueError, EOFError, TypeError):
        return False  # none, or half of one: the modules are imported one by one
    for name, _, _, code in table:
        full, path = f"{__name__}.{name}", f"{directory}/{name}.py"
        spec = ModuleSpec(full, SourceFileLoader(full, path), origin=path)
        spec.has_location = True
        _fix_co_filename(code, path)
        module = module_from_spec(spec)
        sys.modules[full] = globals()[name] = module
        exec(code, module.__dict__)
    return True


TYPE_CHECKING = False
if TYPE_CHECKING:
    from .api import Call as Call
    from .api import current_call as current_call
    from .api import log as log
    from .api import progress as progress
    from .api import remaining as remaining
    from .callbacks import Callback as Callback
    from .callbacks import CallbackError as CallbackError
    from .callbacks import callback as callback
    from .hooks import health as health
    from .hooks import on_start as on_start
    from .hooks import on_stop as on_stop
else:

    def __getattr__(name: str) -> object:
        """Give a name of the API, whose modules no start and no plain call has use for."""
        for home, names in API.items():
            if name in names:
                return getattr(__import__(f"{__name__}.{home}", fromlist=[name]), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


STARTED = bool(__path__) and _start(__path__[0])  # a bundle has no files
