"""mochi.attr: a call as today's Mochi makes it, answered with what it would print.

Mochi writes a script for each call: it imports the module, takes the attribute,
calls it when it is a routine (`inspect.isroutine`: a class is none), and prints
`json.dump(result, sys.stdout)`. The rule and the bytes are kept here, odd ones
too: NaN, a set's TypeError, what had been printed before json.dump failed.
"""

from __future__ import annotations

import io
import json
from inspect import isroutine
from math import isfinite

from .values import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .surface import Methods


def attr(methods: Methods, module: str, name: str, args: list[Any], always: bool) -> object:
    """Give the text that json.dump writes for the attribute or its result.

    always calls it, as Mochi's older form of script does. When json.dump fails,
    {"out": what it had written, "text": the traceback} is given instead; what the
    attribute raises is raised.
    """
    find = getattr(methods, "find", None)
    value = find(name) if find is not None and not getattr(methods, "only", ()) else methods[name]
    if always or isroutine(value):
        value = value(*args)
    elif args:
        raise TypeError(f"{module}.{name} is not callable")
    kind = type(value)
    if kind is int or kind is str or (kind is float and isfinite(value)):
        return encode(value)  # what json.dump writes too, without its detours
    try:
        return json.dumps(value)  # the same text, by the encoder in C
    except Exception:
        return _as_far_as_it_goes(value)


def _as_far_as_it_goes(value: object) -> object:
    out = io.StringIO()
    try:
        json.dump(value, out)
    except Exception:
        from traceback import format_exc

        return {"out": out.getvalue(), "text": format_exc()}
    return out.getvalue()
