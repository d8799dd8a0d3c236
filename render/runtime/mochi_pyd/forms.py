"""Forms: for each annotation, what makes its value of natural JSON.

    dataclass, attrs, pydantic, TypedDict   object
    NamedTuple                              array, or object
    Enum                                    a value of it, else a member's name
    datetime, date, time                    ISO 8601
    timedelta                               seconds, as a number
    Decimal                                 string or number
    UUID, Path                              string
    bytes, bytearray                        base64
    set, frozenset, tuple, deque            array
    list[T], dict[K, V], … of these         array, object (keys read back: dict[int, V])
    Optional, Union                         the first that fits

It is what `convert` writes, read back. An annotation that asks for none of these
has no form, and neither has a container of such.
"""

from __future__ import annotations

import inspect
import sys
import types
import typing
from collections import OrderedDict, abc, deque
from collections.abc import Callable

from .paths import Misfit
from .scalars import SCALARS, enum_form, key_form, path_form, what

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

Form = Callable[[typing.Any], object]

_LISTS = (
    list,
    abc.Sequence,
    abc.MutableSequence,
    abc.Collection,
    abc.Iterable,
    abc.Container,
    abc.Reversible,
)
_MAPPINGS = (dict, abc.Mapping, abc.MutableMapping, OrderedDict)
# What an array becomes, whatever is in it.
_ARRAYS: dict[Any, Callable[[list[Any]], object]] = {
    set: set,
    frozenset: frozenset,
    abc.Set: set,
    abc.MutableSet: set,
    deque: deque,
}
_JSON = (str, int, float, bool, list, dict)
_TRANSPARENT = {"Annotated", "Final", "ClassVar", "Required", "NotRequired", "ReadOnly"}
# Classes' forms, made once; they may refer to themselves. So many are kept: calls may
# make classes, each time others.
MAX_CLASSES = 1024
_classes: dict[type, Form] = {}
# Aliases that are being looked into: one that refers to itself has no form.
_inside: set[int] = set()


def signature(function: Any) -> inspect.Signature:
    """Give a signature without evaluating its annotations."""
    if sys.version_info >= (3, 14):
        from annotationlib import Format

        return inspect.signature(function, annotation_format=Format.FORWARDREF)
    return inspect.signature(function)


def resolve(holder: Any) -> dict[str, Any]:
    """Give the annotations that can be resolved, each by itself if need be."""
    try:
        return typing.get_type_hints(holder)
    except Exception:
        pass
    if sys.version_info >= (3, 14):
        from annotationlib import Format, get_annotations

        notes: Any = get_annotations(holder, format=Format.FORWARDREF)
    else:
        notes = getattr(holder, "__annotations__", {})
    scope = getattr(inspect.unwrap(holder), "__globals__", None)
    if scope is None:
        scope = vars(sys.modules.get(getattr(holder, "__module__", ""), types))
    hints = {}
    for name, note in notes.items():
        one = types.FunctionType((lambda: None).__code__, scope)
        one.__annotations__ = {name: note}
        try:
            hints.update(typing.get_type_hints(one))
        except Exception:
            continue
    return hints


def optional(hint: Any, default: object) -> Form | None:
    """Give the form of a parameter: one that is None by default may be None."""
    made = form(hint)
    if made is None or default is not None:
        return made
    return lambda value: None if value is None else made(value)


def form(hint: Any) -> Form | None:
    """Give what makes a value for hint of JSON; None when there is nothing to make."""
    if hint is None:
        return None
    alias = getattr(hint, "__supertype__", None) or (
        getattr(hint, "__value__", None) if type(hint).__name__ == "TypeAliasType" else None
    )
    if alias is not None:
        if id(hint) in _inside:
            return None
        _inside.add(id(hint))
        try:
            return form(alias)
        finally:
            _inside.discard(id(hint))
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Union or origin is getattr(types, "UnionType", typing.Union):
        return _union(arguments)
    if getattr(origin, "__name__", getattr(origin, "_name", "")) in _TRANSPARENT:
        return form(arguments[0])
    kind = hint if origin is None else origin
    if not isinstance(kind, type):
        return None
    return _scalar(kind) or _container(kind, arguments) or _class(kind)


def _scalar(kind: type) -> Form | None:
    import enum
    from pathlib import PurePath

    if issubclass(kind, enum.Enum):
        return enum_form(kind)
    if issubclass(kind, PurePath):
        return path_form(kind)
    return SCALARS.get((kind.__module__, kind.__qualname__))


def _union(arguments: tuple[Any, ...]) -> Form | None:
    """Take what is JSON's own as it is, then try the members in their order."""
    members = [member for member in arguments if member is not type(None)]
    forms = [form(member) for member in members]
    made = [one for one in forms if one is not None]
    if not made:
        return None
    plain: set[type] = {float, int} if float in members else set()
    open_ended = False
    for member, one in zip(members, forms):
        if one is None:
            kind = typing.get_origin(member) or member
            if kind in _JSON:
                plain.add(kind)
            else:
                open_ended = True
    if len(members) < len(arguments):
        plain.add(type(None))

    def read(value: Any) -> object:
        if type(value) in plain:
            return value
        closest: Misfit | None = None
        for one in made:
            try:
                return one(value)
            except Misfit as misfit:
                if closest is None or len(misfit.steps) > len(closest.steps):
                    closest = misfit
        if open_ended or closest is None:
            return value
        if len(made) > 1 and not closest.steps:
            raise Misfit(f"is {what(value)}, none of {', '.join(map(_name, members))}")
        raise closest

    return read


def _name(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint).replace("typing.", "")


def array(value: Any, made: Form | None) -> list[Any]:
    """Read an array, each item by its form."""
    if type(value) is not list:
        raise Misfit(f"is {what(value)}, not an array")
    if made is None:
        return value
    items: list[Any] = []
    try:
        for item in value:
            items.append(made(item))  # noqa: PERF401  # the index is wanted below
    except Misfit as misfit:
        raise misfit.under(len(items)) from None
    return items


def _container(kind: Any, arguments: tuple[Any, ...]) -> Form | None:
    if kind is tuple:
        return _tuple(arguments)
    first = form(arguments[0]) if arguments else None
    if kind in _ARRAYS:
        made = _ARRAYS[kind]

        def read(value: Any) -> object:
            items = array(value, first)
            try:
                return made(items)
            except TypeError as error:
                raise Misfit(f"cannot be a {kind.__name__}: {error}") from None

        return read
    if kind in _LISTS:
        return None if first is None else lambda value: array(value, first)
    if kind in _MAPPINGS:
        return _mapping(kind, arguments)
    return None


def _tuple(arguments: tuple[Any, ...]) -> Form:
    if not arguments or arguments[-1] is Ellipsis:
        every = form(arguments[0]) if arguments else None
        return lambda value: tuple(array(value, every))
    each = [None] if arguments == ((),) else [form(argument) for argument in arguments]
    length = 0 if arguments == ((),) else len(arguments)

    def read(value: Any) -> object:
        items = list(array(value, None))
        if len(items) != length:
            raise Misfit(f"has {len(items)} items, {length} are asked for")
        for at, item in enumerate(items):
            made = each[at]
            if made is not None:
                try:
                    items[at] = made(item)
                except Misfit as misfit:
                    raise misfit.under(at) from None
        return tuple(items)

    return read


def _mapping(kind: Any, arguments: tuple[Any, ...]) -> Form | None:
    keys = values = None
    if len(arguments) == 2:
        values = form(arguments[1])
        keys = key_form(arguments[0]) or form(arguments[0])
    if keys is None and values is None and kind is not OrderedDict:
        return None
    ordered = OrderedDict if kind is OrderedDict else dict

    def read(value: Any) -> object:
        if type(value) is not dict:
            raise Misfit(f"is {what(value)}, not an object")
        made: dict[Any, Any] = ordered()
        for key, item in value.items():
            try:
                made[key if keys is None else keys(key)] = item if values is None else values(item)
            except Misfit as misfit:
                raise misfit.under(key) from None
        return made

    return read


def _class(kind: Any) -> Form | None:
    from .fields import maker

    known = _classes.get(kind)
    if known is None:
        made = maker(kind)
        if made is None:
            return None
        if len(_classes) >= MAX_CLASSES:
            _classes.clear()
        known = _classes[kind] = made
    return known
