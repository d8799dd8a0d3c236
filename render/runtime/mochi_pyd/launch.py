"""The launch file: the script and what it imports first, as one file of bytecode.

The first worker of a script leaves it in the daemon's store, beside the script, and
the daemon starts the next ones from it where it fits the interpreter. Compiling a
script of seventy lines takes as long as reading 120 kB of bytecode, and finding the
package and comparing its sources half of that; every restart paid both.

The script stays the truth: nothing is launched that the daemon has not compared
with it, and by hand nothing but the script is run. A program that looks at itself
(`__file__`, `sys.argv`, `__main__` in a child of multiprocessing) sees the script.
"""

import marshal
import os
import sys

# importlib.util has the same, and imports half a library.
from _frozen_importlib_external import MAGIC_NUMBER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any

SCRIPT = "mochi_worker.py"
# Stands in the code of begin for what the file is made of.
PARTS = "the parts"


def begin() -> None:
    """Be the main program: its code is what the interpreter finds in the file.

    It runs as code of `__main__` and not as a function of this module, which is not
    imported then: it has no names but its own and the builtins.
    """
    import sys
    from _frozen_importlib import ModuleSpec, module_from_spec
    from _frozen_importlib_external import SourceFileLoader
    from _imp import _fix_co_filename  # type: ignore[attr-defined]

    main = globals()
    home = main["__file__"].rpartition("/")[0]
    carried: Any = "the parts"
    code, package, table = carried

    path = f"{home}/mochi_pyd/__init__.py"
    spec = ModuleSpec("mochi_pyd", SourceFileLoader("mochi_pyd", path), origin=path)
    spec.submodule_search_locations = [f"{home}/mochi_pyd"]
    spec.has_location = True
    _fix_co_filename(package, path)
    sys.modules["mochi_pyd"] = module = module_from_spec(spec)
    module.__dict__["CARRIED"] = table
    exec(package, module.__dict__)

    path = f"{home}/mochi_worker.py"
    main["__file__"] = sys.argv[0] = path
    main["__loader__"] = SourceFileLoader("__main__", path)
    _fix_co_filename(code, path)
    exec(code, main)


def leave() -> None:
    """Write the file of the running script, if that is one of the daemon's store.

    There, and only there, the package is a link to another directory. That bytecode
    is not to be written is about the user's files: this one is the daemon's own.
    """
    package = sys.modules[__package__ or ""]
    path = getattr(sys.modules["__main__"], "__file__", None) or ""
    home = os.path.dirname(path)
    runtime = f"{home}/mochi_pyd"
    if os.path.basename(path) != SCRIPT or list(package.__path__) != [runtime]:
        return
    tag = sys.implementation.cache_tag
    try:
        if not os.path.islink(runtime):
            return
        with open(f"{runtime}/__pycache__/start.{tag}", "rb") as file:
            if file.read(len(MAGIC_NUMBER)) != MAGIC_NUMBER:
                return
            table = marshal.loads(file.read())
        write(f"{home}/mochi_worker.{tag}.pyc", parts(table))
    except (OSError, ValueError, EOFError, TypeError):
        return  # a directory that is not ours to write to, or no whole snapshot


def parts(table: "list[tuple[str, int, int, CodeType]]") -> "tuple[object, ...]":
    """Gather what the file is made of: the script, the package, the modules.

    As code and not as bytes that hold it: these would be read, and kept, twice.
    """
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
    package = sys.modules[__package__ or ""]
    assert package.__spec__ is not None
    loader = package.__spec__.loader
    return frame.f_code, loader.get_code(package.__name__), tuple(table)  # type: ignore[union-attr]


def write(target: str, carried: "tuple[object, ...]") -> None:
    """Write the file, under a name of its own first: a worker may be starting."""
    code = begin.__code__
    code = code.replace(
        co_consts=tuple(carried if const == PARTS else const for const in code.co_consts)
    )
    data = marshal.dumps(code)
    from binascii import crc32

    whole = f"{target}.{os.getpid()}"
    try:
        with open(whole, "wb") as file:
            # The head's other fields tell bytecode from another source's, which the
            # interpreter does not ask of a file that it is told to run. They hold what
            # the daemon knows a sound file by.
            file.write(MAGIC_NUMBER + bytes(4))
            file.write(crc32(data).to_bytes(4, "little") + len(data).to_bytes(4, "little"))
            file.write(data)
        os.replace(whole, target)
    except OSError:
        try:
            os.unlink(whole)
        except OSError:
            pass
        raise
