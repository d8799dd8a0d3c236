"""Tagged values, host to Python: every object with one "$" member is what it says.

Nothing here imports or calls what the wire names. A tag is one of this table or
an error; a class is looked up among those that are imported, and its objects are
made without its code (see `records`).
"""

from __future__ import annotations

import sys
from binascii import a2b_base64, b2a_base64

from .paths import Misfit
from .records import find, put_together
from .values import PLAIN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_FLOATS = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}
_ESCAPE = 'write a dict with such a key as {"$dict":[[key,value],…]}'
_STRUCTURED = 2  # at least a name and a type in each field of a structured dtype


class Untagger:
    """Reads the values of one call: handles and callbacks are its own affair."""

    def __init__(
        self,
        object_of: Callable[[str], object] | None = None,
        callback: Callable[[str], object] | None = None,
    ) -> None:
        self.object_of, self.callback = object_of, callback

    def read(self, value: Any) -> Any:
        """Give what value stands for; Misfit says which part stands for nothing."""
        kind = type(value)
        key: Any = 0
        try:
            # Python's stack is as deep as the value: what nests takes one frame a level.
            if kind is list:
                if PLAIN.issuperset(map(type, value)):
                    return value
                made = []
                for key, item in enumerate(value):  # noqa: B007  # it is the misfit's step
                    made.append(self.read(item))
                return made
            if kind is not dict:
                return value
            for key in value:
                if key[:1] == "$":
                    break
            else:
                table = {}
                for key, item in value.items():
                    table[key] = self.read(item)
                return table
        except Misfit as misfit:
            raise misfit.under(key) from None
        if len(value) > 1:
            raise Misfit(f"has {key} among other members: {_ESCAPE}")
        read = _READERS.get(key)
        if read is None:
            raise Misfit(f"has the unknown tag {key}: {_ESCAPE}")
        try:
            return read(self, value[key])
        except Misfit as misfit:
            raise misfit.under(key) from None
        except (ValueError, TypeError, ArithmeticError, LookupError) as error:
            raise Misfit(f"cannot be read: {error}").under(key) from None

    def members(self, value: dict[str, Any]) -> dict[str, Any]:
        """Read what is an object by its place: named arguments, a record's fields."""
        made: dict[str, Any] = {}
        key = None
        try:
            for key, item in value.items():
                made[key] = self.read(item)
        except Misfit as misfit:
            raise misfit.under(key) from None
        return made


def _string(value: object) -> str:
    if type(value) is not str:
        raise Misfit("has to be a string")
    return value


def _list(value: object, length: int = -1) -> list[Any]:
    if type(value) is not list or length not in (-1, len(value)):
        raise Misfit("has to be an array" if length < 0 else f"has to be an array of {length}")
    return value


def _object(value: object, *members: str) -> dict[str, Any]:
    if type(value) is not dict or not all(name in value for name in members):
        raise Misfit(f"has to be an object with {', '.join(members)}")
    return value


def _bytes(value: object) -> bytes:
    text = _string(value)
    data = a2b_base64(text)
    if b2a_base64(data, newline=False).decode("ascii") != text:
        raise Misfit("is not base64 with padding")
    return data


def _int(_: Untagger, value: object) -> int:
    text = _string(value)
    if not text.lstrip("-").startswith("0x") or "_" in text:
        raise Misfit('has to be a number like "0x1f" or "-0x1f"')
    return int(text, 16)


def _float(_: Untagger, value: object) -> float:
    if value not in _FLOATS:
        raise Misfit('has to be "nan", "inf" or "-inf"')
    return _FLOATS[_string(value)]


def _complex(reader: Untagger, value: object) -> complex:
    real, imag = reader.read(_list(value, 2))
    if type(real) not in (int, float) or type(imag) not in (int, float):
        raise Misfit("has to be two numbers")
    return complex(real, imag)


def _set(reader: Untagger, value: object) -> set[Any]:
    made: set[Any] = set()
    for at, item in enumerate(reader.read(_list(value))):
        try:
            made.add(item)
        except TypeError as error:
            raise Misfit(f"cannot be in a set: {error}").under(at) from None
    return made


def _dict(reader: Untagger, value: object) -> dict[Any, Any]:
    made: dict[Any, Any] = {}
    for at, pair in enumerate(_list(value)):
        try:
            key, item = reader.read(_list(pair, 2))
            if key in made:
                raise Misfit("has a key that was there before")
            made[key] = item
        except Misfit as misfit:
            raise misfit.under(at) from None
        except TypeError as error:
            raise Misfit(f"has no key that a dict takes: {error}").under(at) from None
    return made


def _moment(kind: str, value: Any) -> Any:
    """Read a datetime or a time: a string, or {iso, zone?, name?, fold?}."""
    import datetime

    body = {"iso": value} if type(value) is str else _object(value, "iso")
    made = moment(getattr(datetime, kind), _string(body["iso"]))
    if "zone" in body:
        from zoneinfo import ZoneInfo

        made = made.replace(tzinfo=ZoneInfo(_string(body["zone"])))
    elif "name" in body:
        offset = made.tzinfo.utcoffset(None)
        made = made.replace(tzinfo=datetime.timezone(offset, _string(body["name"])))
    return made.replace(fold=1) if body.get("fold") else made


def moment(kind: Any, text: str) -> Any:
    """Read ISO 8601 into a datetime or a time; Pythons before 3.11 know no Z."""
    if text[-1:] in ("Z", "z"):
        text = text[:-1] + "+00:00"
    return kind.fromisoformat(text)


def _date(_: Untagger, value: object) -> Any:
    import datetime

    return datetime.date.fromisoformat(_string(value))


def _timedelta(_: Untagger, value: object) -> Any:
    import datetime

    parts = _list(value, 3)
    if set(map(type, parts)) != {int}:
        raise Misfit("has to be three integers: days, seconds, microseconds")
    return datetime.timedelta(*parts)


def _decimal(_: Untagger, value: object) -> Any:
    from decimal import Decimal

    try:
        return Decimal(_string(value))
    except ArithmeticError:
        raise Misfit("is not a decimal number") from None


def _uuid(_: Untagger, value: object) -> Any:
    from uuid import UUID

    return UUID(_string(value))


def _path(_: Untagger, value: object) -> Any:
    import pathlib

    if type(value) is str:
        return pathlib.Path(value)
    body = _object(value, "type", "path")
    if body["type"] not in ("PurePosixPath", "PureWindowsPath"):
        raise Misfit("has to be of PurePosixPath or PureWindowsPath").under("type")
    return getattr(pathlib, body["type"])(_string(body["path"]))


def _class(value: dict[str, Any]) -> Any:
    name = _string(value["type"])
    kind = find(name)
    if kind is None:
        raise Misfit(f"names {name}, no class of an imported module").under("type")
    return kind


def _enum(reader: Untagger, value: object) -> Any:
    body = _object(value, "type")
    kind = _class(body)
    enum: Any = sys.modules.get("enum")
    if enum is None or not issubclass(kind, enum.Enum):
        raise Misfit(f"names {body['type']}, which is no Enum").under("type")
    name = body.get("name")
    if name in kind.__members__:
        return kind.__members__[name]
    plain = reader.read(body.get("value"))
    found = kind._value2member_map_.get(plain)
    if found is not None:
        return found
    if issubclass(kind, enum.Flag) and type(plain) is int:
        return kind(plain)  # several members in one
    raise Misfit(f"has neither a name nor a value of {body['type']}")


def _record(reader: Untagger, value: object) -> Any:
    body = _object(value, "type", "fields")
    kind = _class(body)
    if type(body["fields"]) is not dict:
        raise Misfit("has to be an object").under("fields")
    try:
        fields = reader.members(body["fields"])
    except Misfit as misfit:
        raise misfit.under("fields") from None
    given = body.get("set")
    try:
        return put_together(kind, fields, None if given is None else _list(given))
    except ValueError as error:
        raise Misfit(f"names {body['type']}, which {error}").under("type") from None


def _ndarray(reader: Untagger, value: object) -> Any:
    """Read an array. numpy is the one library that a tag, not a name, asks for."""
    body = _object(value, "dtype", "shape", "data")
    try:
        import numpy
    except ImportError:
        raise Misfit("needs numpy, which this worker's Python does not have") from None

    shape = () if body["shape"] is None else tuple(_list(body["shape"]))
    if not set(map(type, shape)) <= {int} or any(length < 0 for length in shape):
        raise Misfit("has to be an array of lengths, or null").under("shape")
    if body["dtype"] == "|O":
        items = reader.read(_list(body["data"]))
        array = numpy.empty(len(items), dtype=object)
        for at, item in enumerate(items):
            array[at] = item
        array = array.reshape(shape)
    else:
        dtype = numpy.dtype(_dtype(body["dtype"]))
        if dtype.hasobject:
            raise Misfit("has to be a type without objects, or |O").under("dtype")
        data = bytearray(_bytes(body["data"]))
        size = dtype.itemsize
        for length in shape:
            size *= length
        if size != len(data):
            raise Misfit(f"has {len(data)} bytes, its shape and dtype need {size}").under("data")
        array = numpy.ndarray(shape, dtype, data)
    return array if body["shape"] is not None else array[()]


def _dtype(spelled: Any) -> Any:
    """Give a dtype as numpy takes it: structured ones need tuples."""
    if type(spelled) is str:
        return spelled
    fields = []
    for field in _list(spelled):
        if len(_list(field)) < _STRUCTURED:
            raise Misfit("has to be a string, or an array of [name, type]").under("dtype")
        name, kind, *shape = field
        fields.append((name, _dtype(kind), *map(tuple, shape)))
    return fields


def _ref(reader: Untagger, value: object) -> object:
    if reader.object_of is None:
        raise Misfit("is a handle, and no handle can be passed here")
    return reader.object_of(_string(_object(value, "id")["id"]))


def _callback(reader: Untagger, value: object) -> object:
    if reader.callback is None:
        raise Misfit("is a callback, and none can be passed here")
    return reader.callback(_string(value))


_READERS: dict[str, Callable[[Untagger, Any], Any]] = {
    "$int": _int,
    "$float": _float,
    "$bytes": lambda _, value: _bytes(value),
    "$str": lambda _, value: _bytes(value).decode("utf-8", "surrogatepass"),
    "$tuple": lambda reader, value: tuple(reader.read(_list(value))),
    "$set": _set,
    "$frozenset": lambda reader, value: frozenset(_set(reader, value)),
    "$dict": _dict,
    "$datetime": lambda _, value: _moment("datetime", value),
    "$date": _date,
    "$time": lambda _, value: _moment("time", value),
    "$timedelta": _timedelta,
    "$decimal": _decimal,
    "$complex": _complex,
    "$uuid": _uuid,
    "$path": _path,
    "$enum": _enum,
    "$record": _record,
    "$ndarray": _ndarray,
    "$ref": _ref,
    "$callback": _callback,
}
