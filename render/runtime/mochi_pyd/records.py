"""Records: classes that declare their fields, and how they are found by name.

Four kinds: dataclass, attrs, pydantic 2, and named tuples. A name that came over
the wire is looked up, never imported: in the modules that are there, through
their dictionaries and those of their classes, so that no `__getattr__` runs and
no lazy import is set off. And an object is made as `copy` and `pickle` make one:
empty, and its fields put in place. None of the class's code runs (no `__init__`,
no `__post_init__`, no validator), so naming a class gives a host nothing to call
that the module's surface does not give it.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_Module = type(sys)
# What has a memory layout of its own cannot be made empty and filled.
_SOLID = (
    int,
    float,
    complex,
    str,
    bytes,
    bytearray,
    tuple,
    list,
    dict,
    set,
    frozenset,
    BaseException,
    type,
)
# Where a pydantic model keeps what is not in its dictionary.
_PYDANTIC = ("__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")


def name_of(kind: type) -> str | None:
    """Give the name by which find() finds kind; None when there is none."""
    name = f"{kind.__module__}.{kind.__qualname__}"
    return name if find(name) is kind else None


def find(name: str) -> type | None:
    """Give the class of that name, where its module has been imported."""
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        at: Any = sys.modules.get(".".join(parts[:cut]))
        if not isinstance(at, _Module):
            continue
        for segment in parts[cut:]:
            at = vars(at).get(segment)
            if not isinstance(at, type):
                return None
        # Under its own name only: one class, one name.
        return at if f"{at.__module__}.{at.__qualname__}" == name else None
    return None


def is_named_tuple(kind: type) -> bool:
    """Tell a class that collections.namedtuple or typing.NamedTuple made."""
    return issubclass(kind, tuple) and isinstance(getattr(kind, "_fields", None), tuple)


def is_pydantic(kind: Any) -> bool:
    """Tell a model of pydantic 2 (not its dataclasses, which are dataclasses)."""
    return hasattr(kind, "__pydantic_fields__") and hasattr(kind, "__pydantic_root_model__")


def field_names(kind: Any) -> tuple[str, ...] | None:
    """Name the fields of a record class; None when it is none."""
    if is_named_tuple(kind):
        return tuple(kind._fields)
    if issubclass(kind, _SOLID):
        return None
    if is_pydantic(kind):
        return None if kind.__private_attributes__ else tuple(kind.__pydantic_fields__)
    if hasattr(kind, "__dataclass_fields__"):
        from dataclasses import fields

        return tuple(field.name for field in fields(kind))
    if hasattr(kind, "__attrs_attrs__"):
        return tuple(field.name for field in kind.__attrs_attrs__)
    return None


def take_apart(value: Any) -> dict[str, object] | None:
    """Give the fields of a record; None when they are not all of it."""
    kind = type(value)
    names = field_names(kind)
    if names is None:
        return None
    if is_named_tuple(kind):
        return dict(zip(names, tuple.__iter__(value)))
    if is_pydantic(kind) and value.__pydantic_extra__:
        return None
    try:
        return {name: getattr(value, name) for name in names}
    except AttributeError:  # deleted, or never set
        return None


def fields_set(value: Any) -> list[str] | None:
    """Give the fields that were set on a pydantic model, unless that is all of them."""
    kind = type(value)
    if not is_pydantic(kind) or len(value.__pydantic_fields_set__) == len(kind.__pydantic_fields__):
        return None
    return sorted(value.__pydantic_fields_set__)


def put_together(kind: Any, fields: dict[str, Any], given: list[str] | None) -> object:
    """Make a record of its fields; ValueError when they are not the class's."""
    names = field_names(kind)
    if names is None:
        raise ValueError("is no dataclass, attrs class, pydantic model or named tuple")
    for name in fields:
        if name not in names:
            raise ValueError(f"has no field {name}")
    for name in names:
        if name not in fields:
            raise ValueError(f"has a field {name} that is not given")
    if is_named_tuple(kind):
        return tuple.__new__(kind, [fields[name] for name in names])
    made: Any = object.__new__(kind)
    put = object.__setattr__
    if not is_pydantic(kind):
        for name in names:
            put(made, name, fields[name])
        return made
    put(made, "__dict__", {name: fields[name] for name in names})
    extra: dict[str, object] | None = {} if kind.model_config.get("extra") == "allow" else None
    for name, value in zip(_PYDANTIC, (set(fields if given is None else given), extra, None)):
        put(made, name, value)
    return made
