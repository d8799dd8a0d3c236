"""Natural JSON, the slow half: values that have no JSON form of their own.

    set, frozenset              array, sorted where the items can be ordered
    iterator, generator, view   array
    range, deque, Sequence      array
    Mapping                     object
    dataclass, attrs, pydantic  object of the fields
    Enum                        its value
    datetime, date, time        ISO 8601
    timedelta                   seconds, as a number: what every host can add up
    Decimal, UUID, Path         string
    bytes, bytearray, …         base64
    numpy scalar, ndarray       number, nested arrays

Libraries are recognised by what is in sys.modules: a value cannot be of a
library that nobody imported. File objects are iterators too, but nobody who
returns one means its lines: they are refused like any other object.
"""

from __future__ import annotations

import sys
from collections.abc import ItemsView, KeysView, Mapping, Sequence, Set, ValuesView

from . import values
from .paths import QUOTED, short, step
from .refusal import Refusal
from .values import (
    CONTAINERS,
    MAX_DEPTH,
    PLAIN,
    OneShot,
    UnlimitedDigits,
    audit,
    encoder,
    key_text,
    too_large,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

# What the interpreter says of an int with more digits than it likes to write.
DIGITS = "Exceeds the limit"
# An iterator is measured when twice as many items have been read, and at the latest
# when so many more have: large items fill a message soon.
BATCH = 1024


class NotSerializable(Refusal):
    """The result has no JSON form."""

    def __init__(self, message: str, **data: object) -> None:
        super().__init__("not_serializable", message, **data)


def plain(value: Any) -> object:
    """Turn value into something one step nearer to JSON."""
    if is_iterator(value):
        raise OneShot
    made = _step(value)
    if type(made) in CONTAINERS:
        audit(made, 0)
    return made


def is_iterator(value: Any) -> bool:
    """Tell what can be read only once."""
    kind = type(value)
    if not (hasattr(kind, "__next__") and hasattr(kind, "__iter__")):
        return False
    import io

    return not isinstance(value, io.IOBase)


def _step(value: Any) -> object:
    kind = type(value)
    loaded = sys.modules.get
    if isinstance(value, type):
        raise NotSerializable(f"{value!r} is a class")
    enum = loaded("enum")
    if enum is not None and isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, (bytes, bytearray, memoryview)):
        from binascii import b2a_base64

        return b2a_base64(value, newline=False).decode("ascii")
    if (numpy := loaded("numpy")) is not None:
        if isinstance(value, numpy.ndarray):
            if 2 * value.size > values.limit:
                raise too_large(2 * value.size)
            return _numbers(value, numpy)
        if isinstance(value, numpy.generic):
            item = _numbers(value, numpy)
            return float(item) if isinstance(item, numpy.longdouble) else item
    if (datetime := loaded("datetime")) is not None:
        if isinstance(value, (datetime.date, datetime.time)):  # datetime is a date
            return value.isoformat()
        if isinstance(value, datetime.timedelta):
            return value.total_seconds()
    for module, name in (("decimal", "Decimal"), ("uuid", "UUID"), ("pathlib", "PurePath")):
        if (library := loaded(module)) is not None and isinstance(value, getattr(library, name)):
            return str(value)
    fields = _record(value)
    if fields is not None:
        return fields
    if isinstance(value, Mapping):
        return dict(value.items())
    if isinstance(value, Set) and not isinstance(value, (KeysView, ItemsView)):
        try:
            return sorted(value)
        except TypeError:  # in one order all the same, where that is possible
            return sorted(value, key=lambda item: (type(item).__name__, repr(item)))
    if isinstance(value, (Sequence, KeysView, ValuesView, ItemsView)) or _is_known_array(value):
        if 2 * len(value) > values.limit:
            raise too_large(2 * len(value))
        return list(value)
    raise NotSerializable(f"{kind.__name__} has no JSON form")


def _numbers(value: Any, numpy: Any) -> object:
    """Give an array's items; its times as `datetime` has them, whatever their unit."""
    if value.dtype.kind == "M":
        return numpy.datetime_as_string(value).tolist()
    if value.dtype.kind == "m":
        return (value / numpy.timedelta64(1, "s")).tolist()
    return value.tolist()


def _record(value: Any) -> object:
    """Give the fields of a dataclass, pydantic model or attrs object."""
    kind = type(value)
    if hasattr(kind, "__dataclass_fields__"):
        return {name: getattr(value, name) for name in _dataclass_fields(kind)}
    if hasattr(kind, "__attrs_attrs__"):
        return {field.name: getattr(value, field.name) for field in kind.__attrs_attrs__}
    if hasattr(kind, "__pydantic_fields__") or hasattr(kind, "__pydantic_core_schema__"):
        return value.model_dump()
    if (
        "pydantic" in sys.modules
        and hasattr(kind, "__fields__")
        and hasattr(kind, "__validators__")
    ):
        return value.dict()  # pydantic 1
    return None


def _dataclass_fields(kind: type) -> list[str]:
    from dataclasses import fields

    return [field.name for field in fields(kind)]


def _is_known_array(value: object) -> bool:
    """Tell the containers that are sequences without being registered as such."""
    for module, name in (("collections", "deque"), ("array", "array")):
        library = sys.modules.get(module)
        if library is not None and isinstance(value, getattr(library, name)):
            return True
    return False


class Careful:
    """Encodes one result, reading each of its iterators once and remembering it.

    The first, fast attempt stops before it touches an iterator. After a
    failure the search for the culprit sees the same items again.
    """

    def __init__(self) -> None:
        self.read: dict[int, tuple[object, list[object]]] = {}
        self.encode = encoder(self.default)

    def default(self, value: Any) -> object:
        """Turn value into something one step nearer to JSON."""
        if not is_iterator(value):
            return plain(value)
        known = self.read.get(id(value))
        return self._items(value) if known is None else known[1]

    def _items(self, iterator: Iterator[object]) -> list[object]:
        gauge = Gauge(self)
        # What is measured may be what cannot be written: it is looked for in what has
        # been read by then. The iterator is kept, so that its id stays its own.
        self.read[id(iterator)] = iterator, gauge.items
        for item in iterator:
            gauge.add(item)
        audit(gauge.items, 0)
        return gauge.items

    def text(self, value: Any) -> str:
        """Write value as JSON."""
        if type(value) in CONTAINERS:
            audit(value, 0)
        return "".join(self.encode(value, 0))


class Gauge:
    """Collects the items of something endless until they fill a message."""

    def __init__(self, careful: Careful | None = None) -> None:
        self.items: list[object] = []
        self.size = 0
        self._measured, self._next = 0, 1
        self._careful = careful or Careful()

    def add(self, item: object) -> None:
        """Keep item, or refuse when all of them are too large."""
        self.items.append(item)
        if len(self.items) == self._next:
            self.size += len(self._text(self.items[self._measured :])) - 1
            self._measured = self._next
            self._next += min(self._next, BATCH)
            if self.size > values.limit:
                raise too_large(self.size)

    def _text(self, items: list[object]) -> str:
        """Write items. What that refuses, every later attempt refuses as well."""
        try:
            return self._careful.text(items)
        except ValueError as error:
            if not str(error).startswith(DIGITS):
                raise
        with UnlimitedDigits():
            return self._careful.text(items)


def encode_carefully(value: Any, error: Exception) -> str:
    """Encode what the fast attempt could not; say where the culprit sits."""
    careful = Careful()
    if isinstance(error, OneShot):
        try:
            return careful.text(value)
        except Exception as second:
            error = second
    if isinstance(error, ValueError) and str(error).startswith(DIGITS):
        with UnlimitedDigits():
            try:
                return careful.text(value)
            except Exception as second:
                error = second
    if not isinstance(error, (NotSerializable, TypeError, ValueError, RecursionError)):
        raise error  # user code that ran while its own value was read
    culprit = locate(value, "$", careful, {})
    if culprit is None:
        raise error
    path, kind, reason = culprit
    shown = short(path)
    raise NotSerializable(
        f"the result cannot be written as JSON: {shown} {reason}; return plain values instead",
        path=path,
        type=kind,
    )


def locate(value: Any, path: str, careful: Careful, trail: dict[int, object]) -> Any:
    """Find the first value that cannot be written: its path, type and the reason."""
    kind = type(value)
    if kind in PLAIN and kind is not float:
        return None
    if isinstance(value, float):
        if value - value == 0.0:
            return None
        return path, type_name(kind), f"is {value!r}, which is not a JSON number"
    if isinstance(value, (int, str)):
        return None
    if id(value) in trail:
        return path, type_name(kind), "contains itself"
    if len(trail) >= MAX_DEPTH:
        return path, type_name(kind), f"is nested deeper than {MAX_DEPTH} levels"
    trail[id(value)] = value
    try:
        if isinstance(value, dict):
            return _locate_in_dict(value, path, careful, trail)
        if isinstance(value, (list, tuple)):
            for index, item in enumerate(value):
                found = locate(item, f"{path}[{index}]", careful, trail)
                if found is not None:
                    return found
            return None
        try:
            made = careful.default(value)
        except NotSerializable:
            return path, type_name(kind), f"is a {type_name(kind)}"
        except (ValueError, RecursionError):  # its fields do not pass the audit
            made = _step(value)
        return locate(made, path, careful, trail)
    finally:
        del trail[id(value)]


def _locate_in_dict(
    value: dict[Any, Any], path: str, careful: Careful, trail: dict[int, object]
) -> Any:
    seen: dict[str, object] = {}
    for key, item in value.items():
        try:
            text = key_text(key)
        except TypeError:
            return path, type_name(type(key)), f"has a key of type {type_name(type(key))}"
        if text in seen:
            reason = f"has the keys {seen[text]!r:.{QUOTED}} and {key!r:.{QUOTED}}, one key in JSON"
            return path, type_name(type(key)), reason
        seen[text] = key
        if isinstance(key, float) and key - key != 0.0:
            return path, "float", f"has the key {key!r}, which is not a JSON number"
        found = locate(item, path + step(text), careful, trail)
        if found is not None:
            return found
    return None


def type_name(kind: type) -> str:
    """Name a type as its users write it: "httpx.Response", "set"."""
    module = getattr(kind, "__module__", None)
    name = getattr(kind, "__qualname__", kind.__name__)
    return name if module in (None, "builtins") else f"{module}.{name}"
