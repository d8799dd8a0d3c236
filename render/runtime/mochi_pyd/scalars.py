"""Scalars: values that are one string or one number in natural JSON."""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64

from .paths import Misfit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_WORDS = {
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
    list: "an array",
    dict: "an object",
}
# Characters of a value that an error repeats.
QUOTED = 40


def what(value: object) -> str:
    """Name a JSON value's kind in a sentence."""
    return _WORDS.get(type(value), type(value).__name__)


def _text(value: Any, wanted: str) -> str:
    if type(value) is not str:
        raise Misfit(f"is {what(value)}, not {wanted}")
    return value


def _unread(value: str, wanted: str) -> Misfit:
    return Misfit(f"is {value!r:.{QUOTED}}, not {wanted}")


def _moment(kind: str, wanted: str) -> Callable[[Any], object]:
    def read(value: Any) -> object:
        import datetime

        from .untagged import moment

        text = _text(value, wanted)
        try:
            return moment(getattr(datetime, kind), text)
        except ValueError:
            raise _unread(text, wanted) from None

    return read


def _date(value: Any) -> object:
    import datetime

    wanted = 'a date like "2024-01-31"'
    text = _text(value, wanted)
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise _unread(text, wanted) from None


def _timedelta(value: Any) -> object:
    import datetime

    if type(value) not in (int, float):
        raise Misfit(f"is {what(value)}, not a number of seconds")
    try:
        return datetime.timedelta(seconds=value)
    except (OverflowError, ValueError) as error:
        raise Misfit(f"is no number of seconds: {error}") from None


def _decimal(value: Any) -> object:
    from decimal import Decimal

    if type(value) not in (int, float, str):
        raise Misfit(f"is {what(value)}, not a decimal number")
    try:
        return Decimal(repr(value) if type(value) is float else value)
    except ArithmeticError:
        raise _unread(value, 'a decimal number like "1.10"') from None


def _uuid(value: Any) -> object:
    from uuid import UUID

    text = _text(value, "a UUID")
    try:
        return UUID(text)
    except ValueError:
        raise _unread(text, "a UUID") from None


def _bytes(value: Any) -> bytes:
    text = _text(value, "bytes in base64")
    try:
        data = a2b_base64(text)
    except ValueError:  # binascii.Error is one
        data = b""
    if b2a_base64(data, newline=False).decode("ascii") != text:
        raise _unread(text, "bytes in base64, with padding")
    return data


# By module and name: a type that nobody imported is not imported to compare with.
SCALARS: dict[tuple[str, str], Callable[[Any], object]] = {
    ("datetime", "datetime"): _moment("datetime", 'a time like "2024-01-31T12:00:00+00:00"'),
    ("datetime", "date"): _date,
    ("datetime", "time"): _moment("time", 'a time of day like "12:00:00"'),
    ("datetime", "timedelta"): _timedelta,
    ("decimal", "Decimal"): _decimal,
    ("uuid", "UUID"): _uuid,
    ("builtins", "bytes"): _bytes,
    ("builtins", "bytearray"): lambda value: bytearray(_bytes(value)),
}


def path_form(kind: Any) -> Callable[[Any], object]:
    """Give what makes a path of a string."""

    def read(value: Any) -> object:
        made: object = kind(_text(value, "a path"))
        return made

    return read


def enum_form(kind: Any) -> Callable[[Any], object]:
    """Give what makes a member of a value, or else of a name."""

    def read(value: Any) -> object:
        for candidate in (value, tuple(value)) if type(value) is list else (value,):
            try:
                made: object = kind(candidate)
            except (ValueError, TypeError):
                continue
            # True is 1 for a dict, but not for a host.
            if isinstance(value, bool) == isinstance(getattr(made, "value", value), bool):
                return made
        if type(value) is str and value in kind.__members__:
            member: object = kind.__members__[value]
            return member
        known = ", ".join(repr(member.value) for member in kind)
        raise Misfit(f"is {value!r:.{QUOTED}}, no value of {kind.__name__} ({known:.200})")

    return read


def key_form(hint: Any) -> Callable[[str], object] | None:
    """Give what reads back the key that JSON made a string of."""
    if hint is bool:
        return lambda key: _named(key, {"true": True, "false": False}, "true or false")
    if hint is None or hint is type(None):
        return lambda key: _named(key, {"null": None}, "null")
    if hint is int or hint is float:

        def read(key: str) -> object:
            try:
                made: object = hint(key)
            except ValueError:
                raise Misfit(f"has a key that is no {hint.__name__}") from None
            return made

        return read
    return None


def _named(key: str, table: dict[str, Any], wanted: str) -> object:
    if key not in table:
        raise Misfit(f"has a key that is not {wanted}")
    return table[key]
