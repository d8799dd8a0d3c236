"""mochi.describe and mochi.discover: a module's functions, for people and for programs.

The one says what a person wants to know, the other also gives each parameter and
result a JSON Schema, from which clients are generated. Both say of every public
name of the module that is not among them why it is not.
"""

from __future__ import annotations

import inspect
import sys

from .surface import Methods, Surface, Value, home, kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Characters of a signature or of a paragraph.
MAX_DOC = 4 * 1024
# Characters of a default's JSON; a longer one is left out of the schema.
MAX_DEFAULT = 200

_KINDS = {
    inspect.Parameter.POSITIONAL_ONLY: "positional",
    inspect.Parameter.POSITIONAL_OR_KEYWORD: "both",
    inspect.Parameter.KEYWORD_ONLY: "keyword",
    inspect.Parameter.VAR_POSITIONAL: "var_positional",
    inspect.Parameter.VAR_KEYWORD: "var_keyword",
}


def describe(module: str, methods: Methods, schemas: bool = False) -> dict[str, object]:
    """Describe what can be called, and what cannot and why."""
    listed = list(methods.names())
    return {
        "module": module,
        "python": ".".join(map(str, sys.version_info[:3])),
        "methods": [
            {
                "name": name,
                "kind": kind(value),
                "signature": signature(value),
                "doc": doc(value),
                **(typed(value) if schemas else {}),
            }
            for name, value in listed
        ],
        "skipped": _skipped(methods, {name for name, _ in listed}),
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
        return " ".join(text.strip().split("\n\n", 1)[0].split())[:MAX_DOC]
    except Exception:  # no text
        return ""


def typed(value: Any) -> dict[str, object]:
    """Give the parameters and the result with their schemas.

    What has no signature takes anything: its parameters are `*args` and `**kwargs`.
    """
    from . import schema

    if isinstance(value, Value):
        value = value.now()
    if not callable(value):
        return {"params": [], "result": schema.of_value(value)}
    annotations = schema.hints(_annotated(value))
    try:
        parameters = list(inspect.signature(value).parameters.values())
    except Exception:
        anything = inspect.Parameter
        parameters = [
            anything("args", anything.VAR_POSITIONAL),
            anything("kwargs", anything.VAR_KEYWORD),
        ]
    result = value if isinstance(value, type) else annotations.get("return", inspect.Parameter)
    return {
        "params": [_param(each, annotations) for each in parameters],
        "result": {} if result is inspect.Parameter else schema.of(result),
    }


def _annotated(value: Any) -> Any:
    """Find whose annotations a callable's parameters have."""
    if isinstance(value, type):
        made = value.__init__  # type: ignore[misc]
        return value.__new__ if made is object.__init__ else made
    if hasattr(value, "func") and not hasattr(value, "__code__"):  # functools.partial
        return value.func
    if hasattr(value, "__code__") or inspect.isroutine(value):
        return value
    return type(value).__call__


def _param(parameter: inspect.Parameter, annotations: dict[str, Any]) -> dict[str, object]:
    from . import schema

    name, given = parameter.name, parameter.default
    shape = schema.of(annotations[name]) if name in annotations else {}
    variadic = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    if parameter.kind is parameter.VAR_POSITIONAL:
        shape = {"type": "array", **({"items": shape} if shape else {})}
    elif parameter.kind is parameter.VAR_KEYWORD:
        shape = {"type": "object", **({"additionalProperties": shape} if shape else {})}
    elif _is_json(given):
        shape = {**shape, "default": given}
    return {
        "name": name,
        "required": given is parameter.empty and not variadic,
        "kind": _KINDS[parameter.kind],
        "schema": shape,
    }


def _is_json(value: object) -> bool:
    """Tell a default that can be shown as it is."""
    if type(value) is float:
        return abs(value) <= sys.float_info.max
    if type(value) is str:
        return len(value) <= MAX_DEFAULT
    if type(value) is int:
        return value.bit_length() <= 63
    return value is None or type(value) is bool


def _skipped(methods: Methods, listed: set[str]) -> list[dict[str, str]]:
    """Give each public name that is not listed its reason."""
    if not isinstance(methods, Surface):
        return []
    skipped = []
    for prefix, module in methods.modules.items():
        lead = "" if len(methods.modules) == 1 else prefix + "."
        held = vars(module)
        for name in sorted({*held, *_promised(module)}):
            if name.startswith("_") or lead + name in listed:
                continue
            reason = _reason(methods, module, name, held)
            skipped.append({"name": lead + name, "reason": reason})
    return skipped


def _promised(module: Any) -> list[str]:
    """List the names that a module says it has, and has not made yet."""
    try:
        return [name for name in module.__all__ if isinstance(name, str)]
    except Exception:
        return []


def _reason(methods: Surface, module: Any, name: str, held: dict[str, Any]) -> str:
    if methods.only:
        return "not among the methods of the pool's configuration"
    if not name.isidentifier():
        return "no name that a call can have"
    if name not in held:
        return "made on first use: call it by its name"
    value = held[name]
    if inspect.ismodule(value):
        if value.__name__.startswith(module.__name__ + "."):
            return "a submodule: call its functions by their dotted names"
        return f"the module {value.__name__}: call its functions there"
    owner = home(value)
    return f"belongs to {owner}: call it there" if owner else "belongs to another package"
