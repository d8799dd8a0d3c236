"""Tagged values, Python to host: every value with its type.

What JSON has is written as it is; the rest is an object with one member, whose
name begins with "$". A dict that would look like one of those is written as
`{"$dict":[[key,value],…]}`. What has no tag is handed out as a handle.

A subclass of a builtin type that says nothing else about itself (OrderedDict,
Counter, a str of some library) is written as the builtin it is; what else has
no exact form here is not approximated, it is a handle.
"""

from __future__ import annotations

import sys
from binascii import b2a_base64

from .paths import Misfit
from .records import fields_set, name_of, take_apart
from .values import MAX_DEPTH, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# JSON's own integers: what 64 bits hold, sign included.
_LEAST, _GREATEST = -(2**63), 2**63 - 1


class Tagger:
    """Turns one value into what JSON can write."""

    def __init__(self, handle: Callable[[object], object] | None = None) -> None:
        self._handle = handle
        self._trail: set[int] = set()
        self._depth = 0

    def tag(self, value: Any) -> Any:
        """Give value's tagged form; Misfit says which part has none."""
        kind = type(value)
        if kind is str:
            return _text(value)
        if kind is int:
            return value if _LEAST <= value <= _GREATEST else {"$int": hex(value)}
        if kind is float:
            return value if value - value == 0.0 else {"$float": repr(value)}
        if value is None or kind is bool:
            return value
        levels = 1 if kind is list or kind is dict else 2  # of JSON: a tag is one more
        if id(value) in self._trail:
            raise Misfit("contains itself", kind.__name__)
        if self._depth + levels > MAX_DEPTH:
            raise Misfit(f"is nested deeper than {MAX_DEPTH} levels", kind.__name__)
        self._trail.add(id(value))
        self._depth += levels
        key: object = 0
        try:
            # Python's stack is as deep as the value: what nests takes one frame a level.
            if kind is list or kind is tuple:
                made = []
                for key, item in enumerate(value):  # noqa: B007  # it is the misfit's step
                    made.append(self.tag(item))
                return made if kind is list else {"$tuple": made}
            if kind is dict and _is_object(value):
                table = {}
                for key, item in value.items():
                    table[key] = self.tag(item)
                return table
        except Misfit as misfit:
            raise misfit.under(key) from None
        else:
            write = _WRITERS.get(kind)
            return write(self, value) if write is not None else self._other(value, kind)
        finally:
            self._trail.discard(id(value))
            self._depth -= levels

    def pairs(self, value: dict[Any, Any]) -> Any:
        """Tag a dict whose keys are not all JSON's, or look like tags."""
        pairs = []
        for key, item in value.items():
            try:
                pairs.append([self.tag(key), self.tag(item)])
            except Misfit as misfit:
                raise misfit.under(key if isinstance(key, str) else repr(key)) from None
        return {"$dict": pairs}

    def unordered(self, value: Any) -> list[Any]:
        """Tag the items of a set, in an order that every run gives again."""
        made: list[Any] = self.tag(list(value))
        if len(set(map(type, made))) == 1 and type(made[0]) in (int, str, float):
            return sorted(made)
        return sorted(made, key=encode)

    def _other(self, value: Any, kind: type) -> Any:
        loaded = sys.modules.get
        enum: Any = loaded("enum")
        if enum is not None and isinstance(value, enum.Enum):
            return self._enum(value, kind)
        if (numpy := loaded("numpy")) is not None and isinstance(
            value, (numpy.ndarray, numpy.generic)
        ):
            return self._array(value, kind, numpy) or self.handle(value)
        for module, name, write in _LIBRARY:
            if (library := loaded(module)) is not None and kind is getattr(library, name):
                return write(value) or self.handle(value)
        if (pathlib := loaded("pathlib")) is not None and isinstance(value, pathlib.PurePath):
            return self._path(value, kind, pathlib)
        called = name_of(kind)
        if called is not None:
            fields = take_apart(value)
            if fields is not None:
                body: dict[str, Any] = {"type": called, "fields": _plainly(self, fields)}
                if (given := fields_set(value)) is not None:
                    body["set"] = given
                return {"$record": body}
        return self._builtin(value)

    def _builtin(self, value: Any) -> Any:
        for base, copy in _BUILTINS:
            if isinstance(value, base):
                return self.tag(copy(value))
        return self.handle(value)

    def handle(self, value: object) -> Any:
        """Hand out the object itself."""
        if self._handle is None:
            name = type(value).__name__
            raise Misfit(f"is a {name}, which only a handle can stand for", name)
        return self._handle(value)

    def _enum(self, value: Any, kind: Any) -> Any:
        name = name_of(kind)
        if name is None:
            return self.handle(value)
        try:
            plain = Tagger().tag(value.value)
        except Misfit:  # an object of its own: the name says which
            plain = None
        # Of several flags in one each Python makes another name, or none.
        member = value.name if value.name in kind.__members__ else None
        return {"$enum": {"type": name, "name": member, "value": plain}}

    def _path(self, value: Any, kind: type, pathlib: Any) -> Any:
        if kind is type(pathlib.Path()):
            return {"$path": str(value)}
        for name in ("PurePosixPath", "PureWindowsPath"):
            if kind is getattr(pathlib, name):
                return {"$path": {"type": name, "path": str(value)}}
        return self.handle(value)

    def _array(self, value: Any, kind: Any, numpy: Any) -> Any:
        """Write an array: its dtype as numpy spells it, its bytes in C's order.

        A scalar is an array without a shape: null, not [] as a 0-d array has.
        """
        if kind is not numpy.ndarray and not isinstance(value, numpy.generic):
            return None  # masked arrays, matrices
        dtype, shape = value.dtype, None
        if kind is numpy.ndarray:
            shape = list(value.shape)
        if dtype.kind == "O":
            data = self.tag(value.ravel().tolist())
            return {"$ndarray": {"dtype": "|O", "shape": shape, "data": data}}
        spelled = dtype.str if dtype.names is None else _structure(dtype.descr)
        try:
            if dtype.hasobject or numpy.dtype(dtype.descr if dtype.names else spelled) != dtype:
                return None
        except (TypeError, ValueError):
            return None
        return {"$ndarray": {"dtype": spelled, "shape": shape, "data": _base64(value.tobytes())}}


def _is_object(value: dict[Any, Any]) -> bool:
    """Tell a dict that can be written as an object without looking like a tag."""
    return all(type(key) is str and key[:1] != "$" and _clean(key) for key in value)


def _plainly(tagger: Tagger, fields: dict[str, Any]) -> dict[str, Any]:
    """Tag the fields of a record, whatever they are called."""
    name = ""
    made = {}
    try:
        for name, value in fields.items():
            made[name] = tagger.tag(value)
    except Misfit as misfit:
        raise misfit.under(name) from None
    return made


def _structure(descr: Any) -> Any:
    return [list(field) for field in descr]


def _clean(text: str) -> bool:
    """Tell a text that is Unicode from one that holds half a character."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _text(value: str) -> Any:
    if _clean(value):
        return value
    return {"$str": _base64(value.encode("utf-8", "surrogatepass"))}


def _base64(data: bytes) -> str:
    return b2a_base64(data, newline=False).decode("ascii")


def _moment(tag: str, value: Any) -> Any:
    """Write a datetime or a time: a string, or its parts where that loses some."""
    zone = value.tzinfo
    body: dict[str, object] = {}
    if zone is not None:
        import datetime

        if type(zone) is datetime.timezone:
            arguments = zone.__getinitargs__()  # type: ignore[attr-defined]
            if len(arguments) > 1:
                body["name"] = arguments[1]
        else:
            zoneinfo: Any = sys.modules.get("zoneinfo")
            if zoneinfo is None or type(zone) is not zoneinfo.ZoneInfo or not zone.key:
                return None  # a library's own: a handle
            body["zone"] = zone.key
            value = value.replace(tzinfo=None)
    if value.fold:
        body["fold"] = 1
    text = value.isoformat()
    return {tag: {"iso": text, **body} if body else text}


def _delta(value: Any) -> Any:
    return {"$timedelta": [value.days, value.seconds, value.microseconds]}


# By exact type. What a writer gives as None has no exact form.
_LIBRARY: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
    ("datetime", "datetime", lambda value: _moment("$datetime", value)),
    ("datetime", "date", lambda value: {"$date": value.isoformat()}),
    ("datetime", "time", lambda value: _moment("$time", value)),
    ("datetime", "timedelta", _delta),
    ("decimal", "Decimal", lambda value: {"$decimal": str(value)}),
    ("uuid", "UUID", lambda value: {"$uuid": str(value)}),
)

_WRITERS: dict[type, Callable[[Tagger, Any], Any]] = {
    dict: Tagger.pairs,
    set: lambda tagger, value: {"$set": tagger.unordered(value)},
    frozenset: lambda tagger, value: {"$frozenset": tagger.unordered(value)},
    bytes: lambda _, value: {"$bytes": _base64(value)},
    complex: lambda tagger, value: {"$complex": [tagger.tag(value.real), tagger.tag(value.imag)]},
}

# A subclass is read as its base: what it redefines is its own affair.
_BUILTINS: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (str, str.__str__),
    (int, int.__int__),
    (float, float.__float__),
    (complex, lambda value: complex(value.real, value.imag)),
    (bytes, lambda value: bytes(memoryview(value))),
    (list, lambda value: list(list.__iter__(value))),
    (tuple, lambda value: tuple(tuple.__iter__(value))),
    (dict, lambda value: dict(dict.items(value))),
    (set, lambda value: set(set.__iter__(value))),
    (frozenset, lambda value: frozenset(frozenset.__iter__(value))),
)
