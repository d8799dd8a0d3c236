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
from types import ModuleType

from .surface import Surface
from .values import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .surface import Methods


# Routines remembered; the names that are asked for are the host's to choose.
MAX_KNOWN = 1024


class Attr:
    """The method mochi.attr of a worker.

    The attribute is looked up anew in every call, as a script does. Only that
    what is found may be reached and is a routine is remembered, with the object
    it is true of: that takes most of the time.
    """

    def __init__(self, methods: Methods) -> None:
        self._methods = methods
        # By name: the module's dict, the name there, and the routine that it held.
        self._known: dict[str, tuple[dict[str, Any], str, Any]] = {}

    def __call__(self, module: str, name: str, args: list[Any], always: bool = False) -> object:
        """Give the text that json.dump writes for the attribute or its result.

        always calls it, as Mochi's older form of script does. When json.dump fails,
        {"out": what it had written, "text": the traceback} is given instead; what the
        attribute raises is raised.
        """
        held, last, routine = self._known.get(name, _NOTHING)
        now: Any = held.get(last)
        if now is routine:
            value = now(*args)
        else:
            value = self._look(name)
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

    def _look(self, name: str) -> Any:
        methods = self._methods
        if not isinstance(methods, Surface) or methods.only:
            return methods[name]
        value = methods.find(name)
        module, path = methods.enter(name)
        if len(path) == 1 and isroutine(value) and type(module) is ModuleType:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            self._known[name] = vars(module), path[0], value
        return value


_NOTHING: tuple[dict[str, Any], str, Any] = ({}, "", Attr)  # which no dict of no names holds


def _as_far_as_it_goes(value: object) -> object:
    out = io.StringIO()
    try:
        json.dump(value, out)
    except Exception:
        from traceback import format_exc

        return {"out": out.getvalue(), "text": format_exc()}
    return out.getvalue()
