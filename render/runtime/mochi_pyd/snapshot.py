"""The snapshot: the bytecode of what every worker imports first, in one file.

Written by the first worker that found none, or by the daemon where a worker may
not write bytecode (then it runs this file). Like the interpreter's own cache it
is tied to the sources by their times and sizes, and nothing depends on it.
"""

import marshal
import os
import sys

# importlib.util has the same, and imports half a library.
from _frozen_importlib_external import MAGIC_NUMBER, SourceFileLoader


def write(directory: str, names: "tuple[str, ...]") -> None:
    """Write the snapshot of the modules in directory; OSError when that fails."""
    table = []
    for name in names:
        path = f"{directory}/{name}.py"
        source = os.stat(path)
        code = SourceFileLoader(f"mochi_pyd.{name}", path).get_code(f"mochi_pyd.{name}")
        table.append((name, source.st_mtime_ns, source.st_size, code))
    target = f"{directory}/__pycache__/start.{sys.implementation.cache_tag}"
    os.makedirs(os.path.dirname(target), exist_ok=True)
    # Under a name of its own first: another worker may be reading, or writing.
    whole = f"{target}.{os.getpid()}"
    try:
        with open(whole, "wb") as file:
            file.write(MAGIC_NUMBER + marshal.dumps(table))
        os.replace(whole, target)
    except OSError:
        try:
            os.unlink(whole)
        except OSError:
            pass
        raise


def leave() -> None:
    """Write the package's own, so that the next worker starts faster."""
    package = sys.modules[__package__ or ""]
    if not package.__path__ or sys.dont_write_bytecode:
        return
    try:
        write(package.__path__[0], package.START)
    except OSError:  # a directory that is not ours to write to
        pass


if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, os.path.dirname(here))
    from mochi_pyd import START

    write(here, START)
