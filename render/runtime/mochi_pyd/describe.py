"""mochi.describe: a module's functions for people and for generators of clients."""

from __future__ import annotations

import inspect
import sys

from .surface import Methods, Surface, home, kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Characters of a signature or of a paragraph.
MAX_DOC = 4 * 1024


def describe(module: str, methods: Methods) -> dict[str, object]:
    """Describe what can be called, and what cannot and why."""
    return {
        "module": module,
        "python": ".".join(map(str, sys.version_info[:3])),
        "methods": [
            {"name": name, "kind": kind(value), "signature": signature(value), "doc": doc(value)}
            for name, value in methods.names()
        ],
        "skipped": _skipped(methods),
    }


def signature(value: Any) -> str:
    """Give a signature's text; "" where there is none."""
    if not callable(value):
        return ""
    try:
        return str(inspect.signature(value))[:MAX_DOC]
    except Exception:  # builtins without one, and objects whose repr raises
        return ""


def doc(value: Any) -> str:
    """Give the first paragraph of a docstring; a plain value's type has none of its own."""
    if not callable(value):
        return ""
    try:
        text = inspect.getdoc(value) or ""
    except Exception:
        return ""
    return " ".join(text.strip().split("\n\n", 1)[0].split())[:MAX_DOC]


def _skipped(methods: Methods) -> list[dict[str, str]]:
    if not isinstance(methods, Surface) or methods.only:
        return []
    listed = {name for name, _ in methods.names()}
    skipped = []
    for prefix, module in methods.modules.items():
        lead = "" if len(methods.modules) == 1 else prefix + "."
        for name, value in sorted(vars(module).items()):
            if name.startswith("_") or lead + name in listed:
                continue
            owner = home(value) or "another package"
            if inspect.ismodule(value):
                own = value.__name__.startswith(module.__name__ + ".")
                reason = (
                    "a submodule: call its functions by their dotted names"
                    if own
                    else f"the module {owner}"
                )
            else:
                reason = f"belongs to {owner}"
            skipped.append({"name": lead + name, "reason": reason})
    return skipped
