"""Schemas: what an annotation says, in the words of JSON Schema (draft 7).

It describes the default encoding: what a host writes for an argument and reads
of a result. What JSON Schema cannot say, or nobody annotated, is `{}`: anything.
Everything is written out where it stands, for a reference would have to know in
whose document it ends up; what contains itself is `{}` at the second turn.

Annotations are the user's code: whatever evaluating or reading one does, a
schema comes out.
"""

from __future__ import annotations

import sys
import typing

from .cancel import Cancelled
from .convert import type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Schema = dict[str, Any]

MAX_DEPTH = 12  # of types within types
MAX_CHOICES = 256  # values of an Enum or Literal that are listed
# Types written out in one schema; what is left then is anything. Eight classes that
# all refer to each other are 100,000 types when each is written where it stands.
MAX_TYPES = 1000
_written = 0  # in the schema that is being made

_PLAIN: dict[Any, Schema] = {
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    bool: {"type": "boolean"},
    None: {"type": "null"},
    type(None): {"type": "null"},
    bytes: {"type": "string", "contentEncoding": "base64"},
    bytearray: {"type": "string", "contentEncoding": "base64"},
    memoryview: {"type": "string", "contentEncoding": "base64"},
    list: {"type": "array"},
    tuple: {"type": "array"},
    range: {"type": "array", "items": {"type": "integer"}},
    set: {"type": "array", "uniqueItems": True},
    frozenset: {"type": "array", "uniqueItems": True},
    dict: {"type": "object"},
}
# By module and name: a value cannot be of a library that nobody imported.
_LIBRARY: dict[tuple[str, str], Schema] = {
    ("datetime", "datetime"): {"type": "string", "format": "date-time"},
    ("datetime", "date"): {"type": "string", "format": "date"},
    ("datetime", "time"): {"type": "string", "format": "time"},
    ("datetime", "timedelta"): {"type": "number", "title": "seconds"},
    ("decimal", "Decimal"): {"type": "string", "format": "decimal"},
    ("uuid", "UUID"): {"type": "string", "format": "uuid"},
    ("pathlib", "PurePath"): {"type": "string", "format": "path"},
    ("os", "PathLike"): {"type": "string", "format": "path"},
    ("numpy", "ndarray"): {"type": "array"},
    ("numpy", "bool_"): {"type": "boolean"},
    ("numpy", "integer"): {"type": "integer"},
    ("numpy", "floating"): {"type": "number"},
}
_ARRAYS = {
    "list", "List", "Sequence", "MutableSequence", "Collection", "Iterable", "Iterator",
    "Generator", "AsyncIterable", "AsyncIterator", "AsyncGenerator", "deque", "Deque",
    "KeysView", "ValuesView", "Reversible",
}  # fmt: skip
_SETS = {"set", "Set", "frozenset", "FrozenSet", "AbstractSet", "MutableSet"}
_OBJECTS = {
    "dict", "Dict", "Mapping", "MutableMapping", "OrderedDict", "defaultdict", "DefaultDict",
    "Counter", "ChainMap",
}  # fmt: skip
# What stands around a type and says nothing about its JSON.
_WRAPPERS = {"Annotated", "Required", "NotRequired", "ReadOnly", "Final", "ClassVar", "InitVar"}


def of(annotation: Any, depth: int = 0, inside: tuple[Any, ...] = ()) -> Schema:
    """Give the schema of what has this annotation."""
    if depth == 0 and not inside:
        _begin()
    if depth > MAX_DEPTH or _full():
        return {}
    try:
        return _of(annotation, depth, inside)
    except Cancelled:
        raise
    except Exception:
        return {}


def _begin() -> None:
    global _written
    _written = 0


def _full() -> bool:
    """Count one more type; tell whether the schema is as big as it may be."""
    global _written
    _written += 1
    return _written > MAX_TYPES


def hints(function: Any) -> dict[str, Any]:
    """Evaluate the annotations of a function, each by itself where they do not all."""
    try:
        return typing.get_type_hints(function, include_extras=True)
    except Exception:
        pass
    found: dict[str, Any] = {}
    try:
        written = dict(getattr(function, "__annotations__", None) or {})
    except Exception:  # evaluated late, and not to be had
        return found
    names = getattr(sys.modules.get(getattr(function, "__module__", "")), "__dict__", {})
    for name, value in written.items():
        if not isinstance(value, str):
            found[name] = value
            continue
        try:
            found[name] = eval(value, names)  # as get_type_hints does
        except Exception:  # a name that only a type checker imports
            continue
    return found


def _of(annotation: Any, depth: int, inside: tuple[Any, ...]) -> Schema:
    try:
        if annotation in _PLAIN:
            return dict(_PLAIN[annotation])
    except TypeError:  # unhashable
        return {}
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is None:
        return _bare(annotation, depth, inside)
    name = getattr(origin, "__name__", "") or getattr(origin, "_name", "") or ""
    if name in _WRAPPERS or str(origin).rpartition(".")[2] in _WRAPPERS:
        return of(args[0], depth, inside)
    if origin is typing.Union or name in ("UnionType", "Union"):
        return _any([of(arg, depth + 1, inside) for arg in args])
    if origin is typing.Literal:
        return _choice([getattr(arg, "value", arg) for arg in args])
    if origin is tuple:
        if len(args) == 2 and args[1] is Ellipsis:
            return _array(of(args[0], depth + 1, inside))
        args = () if args == ((),) else args
        return _fixed([of(arg, depth + 1, inside) for arg in args])
    if name in ("Awaitable", "Coroutine"):
        return of(args[-1], depth, inside)
    if name in _ARRAYS:
        return _array(of(args[0], depth + 1, inside))
    if name in _SETS:
        return {**_array(of(args[0], depth + 1, inside)), "uniqueItems": True}
    if name in _OBJECTS:
        value = of(args[1], depth + 1, inside) if len(args) > 1 else {"type": "integer"}
        return {"type": "object", "additionalProperties": value} if value else {"type": "object"}
    if name == "ndarray":
        return {"type": "array"}
    return _bare(origin, depth, inside)


def _bare(kind: Any, depth: int, inside: tuple[Any, ...]) -> Schema:
    """Describe what has no type arguments."""
    if hasattr(kind, "__supertype__"):  # NewType
        return of(kind.__supertype__, depth, inside)
    if isinstance(kind, typing.TypeVar):
        if kind.__constraints__:
            return _any([of(each, depth + 1, inside) for each in kind.__constraints__])
        return of(kind.__bound__, depth, inside) if kind.__bound__ is not None else {}
    if type(kind).__name__ == "TypeAliasType":
        return {} if kind in inside else of(kind.__value__, depth, (*inside, kind))
    if type(kind).__name__ == "InitVar":
        return of(kind.type, depth, inside)
    if not isinstance(kind, type):
        return {}
    if kind in inside:
        return {}
    named = _library(kind)
    if named is not None:
        return named
    within = (*inside, kind)
    enum = sys.modules.get("enum")
    if enum is not None and issubclass(kind, enum.Enum):
        members: Any = kind
        return {"title": kind.__name__, **_choice([member.value for member in members])}
    record = _record(kind, depth, within)
    if record is not None:
        return record
    bases: tuple[Any, ...] = kind.__mro__[1:]
    for base in bases:
        if base in _PLAIN:
            return dict(_PLAIN[base])
    name = kind.__name__
    if kind.__module__ in ("collections", "collections.abc"):
        if name in _SETS:
            return {"type": "array", "uniqueItems": True}
        if name in _ARRAYS:
            return {"type": "array"}
        if name in _OBJECTS:
            return {"type": "object"}
    return {}


def _library(kind: type) -> Schema | None:
    for base in kind.__mro__:
        found = _LIBRARY.get((base.__module__.partition(".")[0], base.__name__))
        if found is not None:
            return dict(found)
    return None


def _record(kind: Any, depth: int, within: tuple[Any, ...]) -> Schema | None:
    """Describe the fields of what is written as an object (a named tuple: as an array)."""
    if hasattr(kind, "model_json_schema"):
        schema: Schema = inlined(kind.model_json_schema())
        return schema
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        annotations = hints(kind)
        fields = {name: annotations.get(name, typing.Any) for name in kind._fields}
        items = [{"title": name, **of(each, depth + 1, within)} for name, each in fields.items()]
        return {"title": kind.__name__, **_fixed(items)}
    required: list[str]
    if issubclass(kind, dict) and hasattr(kind, "__required_keys__"):  # TypedDict
        fields, required = hints(kind), sorted(kind.__required_keys__)
    elif hasattr(kind, "__dataclass_fields__"):
        import dataclasses

        annotations, required, fields = hints(kind), [], {}
        for field in dataclasses.fields(kind):
            fields[field.name] = annotations.get(field.name, field.type)
            missing = dataclasses.MISSING
            if field.init and field.default is missing and field.default_factory is missing:
                required.append(field.name)
    elif hasattr(kind, "__attrs_attrs__"):
        annotations = hints(kind)
        nothing = sys.modules["attr"].NOTHING
        fields = {each.name: annotations.get(each.name, each.type) for each in kind.__attrs_attrs__}
        required = [each.name for each in kind.__attrs_attrs__ if each.default is nothing]
    else:
        return None
    properties = {name: of(each, depth + 1, within) for name, each in fields.items()}
    schema = {"title": kind.__name__, "type": "object", "properties": properties}
    return {**schema, "required": required} if required else schema


def inlined(schema: Any, definitions: Any = None, inside: tuple[str, ...] = ()) -> Any:
    """Write out what a schema refers to, and draft 2020-12 as draft 7 has it."""
    if isinstance(schema, list):
        return [inlined(each, definitions, inside) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if _full():
        return {}
    if definitions is None:
        definitions = schema.get("$defs", {})
    target = schema.get("$ref")
    if isinstance(target, str):
        name = target.rpartition("/")[2]
        if name in inside or len(inside) > MAX_DEPTH or name not in definitions:
            return {}
        return inlined(definitions[name], definitions, (*inside, name))
    made = {}
    for key, value in schema.items():
        if key == "$defs":
            continue
        if key in ("properties", "patternProperties"):
            made[key] = {name: inlined(each, definitions, inside) for name, each in value.items()}
        elif key in ("default", "const", "enum", "examples"):
            made[key] = value
        else:
            made["items" if key == "prefixItems" else key] = inlined(value, definitions, inside)
    made.pop("discriminator", None)  # OpenAPI's, and it refers to what is written out
    return made


def of_value(value: Any) -> Schema:
    """Describe an attribute that is no function by what it is now."""
    return {**of(type(value)), "title": type_name(type(value))}


def _any(choices: list[Schema]) -> Schema:
    if any(not choice for choice in choices):
        return {}
    unique: list[Schema] = []
    for choice in choices:
        if choice not in unique:
            unique.append(choice)
    return unique[0] if len(unique) == 1 else {"anyOf": unique}


def _choice(choices: list[Any]) -> Schema:
    """List values, where each of them is its own JSON."""
    if len(choices) > MAX_CHOICES:
        return {}
    for choice in choices:
        if choice is not None and type(choice) not in (str, int, bool):
            return {}
    unique: list[Any] = []
    for choice in choices:
        if not any(choice == known and type(choice) is type(known) for known in unique):
            unique.append(choice)
    return {"enum": unique} if unique else {}


def _array(items: Schema) -> Schema:
    return {"type": "array", "items": items} if items else {"type": "array"}


def _fixed(items: list[Schema]) -> Schema:
    size = {"minItems": len(items), "maxItems": len(items)}
    return {"type": "array", "items": items, **size} if items else {"type": "array", "maxItems": 0}
