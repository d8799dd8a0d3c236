"""Natural JSON, both ways: the fast half.

The C scanner and encoder of `_json` are used directly: `json` costs 5 ms to
import and its functions cost twice as much per call. Nothing here looks at
`json`'s attributes again, so user code may redefine them. What has no JSON form
of its own is turned into something that has by `convert`, imported on demand.
"""

from _thread import RLock

from .cancel import whole
from .refusal import Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

# Nesting of a result: deeper than this, no host's parser would take it.
MAX_DEPTH = 500

# The longest line there may be; the worker sets what its wire says.
limit = 16 * 1024 * 1024

PLAIN = frozenset({int, float, str, bool, type(None)})
CONTAINERS = frozenset({list, dict, tuple})
NATURAL = PLAIN | CONTAINERS
_KEYS = frozenset({str})
_NAMED = {None: "null", True: "true", False: "false"}


def too_large(size: int) -> Refusal:
    """Make the refusal of a result that no message holds."""
    sentence = f"the result has {size} bytes or more, a message holds {limit}: return less of it"
    return Refusal("too_large", sentence, limit=limit, size=size)


class OneShot(Exception):
    """An iterator was met: it can be read once, so the careful encoder takes over."""


class _Grammar:
    """What the C scanner asks of its context."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int

    @staticmethod
    def parse_constant(name: str) -> "Any":
        raise ValueError(f"{name} is not JSON")


def _convert(value: object) -> object:
    from . import convert

    return convert.plain(value)


try:
    from _json import encode_basestring_ascii, make_encoder, make_scanner

    # Called with (text, start); gives (value, end). Bad input raises whatever
    # the C code likes, StopIteration and SystemError included.
    scan: "Callable[[str, int], tuple[Any, int]]" = make_scanner(_Grammar)  # type: ignore[arg-type]

    def encoder(default: "Callable[[Any], object]") -> "Callable[[Any, int], Iterable[str]]":
        """Make an encoder that asks default about what is no JSON."""
        # No markers: a dict shared by two calls would report false circles.
        return make_encoder(
            None, default, encode_basestring_ascii, None, ":", ",", False, False, False
        )

except ImportError:  # an interpreter without the accelerator
    import json
    from json.encoder import encode_basestring_ascii

    scan = json.JSONDecoder(parse_constant=_Grammar.parse_constant).scan_once  # type: ignore[attr-defined]

    def encoder(default: "Callable[[Any], object]") -> "Callable[[Any, int], Iterable[str]]":
        """Make an encoder that asks default about what is no JSON."""
        slow = json.JSONEncoder(
            allow_nan=False, check_circular=False, separators=(",", ":"), default=default
        )
        encode = slow.encode

        def chunks(value: "Any", _level: int) -> "Iterable[str]":
            return (encode(value),)

        return chunks


quote: "Callable[[str], str]" = encode_basestring_ascii
_encode = encoder(_convert)
_join = "".join


def encode(value: "Any") -> str:
    """Write value as JSON, in ASCII: a lone surrogate is an escape like any other."""
    kind = type(value)
    try:
        if kind is str:
            return quote(value)
        if kind is int:
            return int.__repr__(value)
        if value is None or kind is bool:
            return _NAMED[value]
        if kind in CONTAINERS and (kind is dict or not PLAIN.issuperset(map(type, value))):
            audit(value, 0)
        return _join(_encode(value, 0))
    except Exception as error:
        from . import convert

        return convert.encode_carefully(value, error)


def audit(value: "Any", depth: int) -> None:
    """Refuse what the C encoder would write wrongly: keys that become equal.

    It sees only dicts, lists and tuples; what `convert` makes of other values
    is audited as it is made. Flat containers of plain values cost one pass in C.
    """
    if isinstance(value, dict):
        if not _KEYS.issuperset(map(type, value)):
            _audit_keys(value)
        items = value.values()
    else:
        items = value
    if PLAIN.issuperset(map(type, items)):
        return
    if depth >= MAX_DEPTH:
        raise RecursionError
    for item in items:
        if isinstance(item, (dict, list, tuple)):
            audit(item, depth + 1)


def _audit_keys(value: "dict[Any, Any]") -> None:
    kinds = set(map(type, value))
    if len(kinds) > 1 and len({key_text(key) for key in value}) != len(value):
        raise ValueError("two keys become equal in JSON")


def key_text(key: object) -> str:
    """Give the text that a dict key has in JSON; TypeError when it has none."""
    if isinstance(key, str):
        return key
    if key is None or key is True or key is False:
        return _NAMED[key]
    if isinstance(key, int):
        return int.__repr__(key)
    if isinstance(key, float):
        return float.__repr__(key)
    raise TypeError("a key must be a string, a number, a bool or None")


def parse(line: str) -> "Any":
    """Read one line's JSON; ValueError says what is wrong with it."""
    text = line.strip(" \t\r\n")
    try:
        value, end = scan(text, 0)
    except Exception as error:
        if str(error).startswith("Exceeds the limit"):
            with UnlimitedDigits():
                value, end = scan(text, 0)
        else:
            raise ValueError(_complaint(text, error)) from None
    if text[end:].strip(" \t\r\n"):
        raise ValueError(f"more than one value on the line (column {end + 1})")
    return value


def _complaint(text: str, error: Exception) -> str:
    """Have `json` say it: the C scanner's own exceptions carry no words."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    from json.decoder import JSONDecoder

    try:
        JSONDecoder(parse_constant=_Grammar.parse_constant).decode(text)
    except ValueError as better:
        return str(better)
    return str(error) or "not JSON"


class UnlimitedDigits:
    """Lift the interpreter's bound on the digits of an int while JSON passes.

    The bound is the process's, and several threads may be at it: the first lifts
    it, the last puts it back.
    """

    _lock = RLock()
    _nested = 0
    _bound = 0

    @whole
    def __enter__(self) -> None:
        import sys

        if hasattr(sys, "set_int_max_str_digits"):
            cls = type(self)
            with cls._lock:
                if cls._nested == 0:
                    cls._bound = sys.get_int_max_str_digits()
                    sys.set_int_max_str_digits(0)
                cls._nested += 1

    @whole
    def __exit__(self, *_: object) -> None:
        import sys

        if hasattr(sys, "set_int_max_str_digits"):
            cls = type(self)
            with cls._lock:
                cls._nested -= 1
                if cls._nested == 0:
                    sys.set_int_max_str_digits(cls._bound)
