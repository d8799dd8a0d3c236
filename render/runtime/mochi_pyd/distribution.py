"""mochi.distribution: which installed distribution a module comes from."""

from __future__ import annotations

import sys
from importlib import metadata


def distribution(module: str) -> dict[str, str]:
    """Give its name and version, "" where there is none, and the interpreter's path."""
    top = module.partition(".")[0]
    found = {"name": "", "version": "", "python": sys.executable}
    for name in (top, top.replace("_", "-"), *_providers(top)):
        try:
            found["version"] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        found["name"] = name
        break
    return found


def _providers(top: str) -> list[str]:
    """Look through everything that is installed: PIL comes from pillow."""
    names = []
    for installed in metadata.distributions():
        listed = (installed.read_text("top_level.txt") or "").split()
        if not listed:
            listed = list({str(file).partition("/")[0] for file in installed.files or ()})
        if top in listed:
            names.append(installed.metadata["Name"])
    return names
