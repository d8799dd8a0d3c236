"""Fields: records, typed dicts and named tuples, made of objects and arrays.

A class that a function asks for is part of what that function may be given, so
here, unlike for a class that the wire names, the class's own code makes it.
"""

from __future__ import annotations

from .forms import Form, array, optional, resolve, signature
from .paths import Misfit
from .records import is_named_tuple
from .scalars import QUOTED, what

TYPE_CHECKING = False
if TYPE_CHECKING:
    import inspect
    from collections.abc import Callable
    from typing import Any


def maker(kind: Any) -> Callable[[Any], object] | None:
    """Give what makes a kind of JSON; None when kind declares no fields."""
    if is_named_tuple(kind):
        return NamedTuple(kind)
    if issubclass(kind, dict):
        return TypedDict(kind) if hasattr(kind, "__required_keys__") else None
    if hasattr(kind, "__pydantic_root_model__"):
        return lambda value: _validated(kind, value)
    if hasattr(kind, "__dataclass_fields__") or hasattr(kind, "__attrs_attrs__"):
        return Record(kind)
    return None


def _object(kind: Any, value: Any) -> dict[str, Any]:
    if type(value) is not dict:
        raise Misfit(f"is {what(value)}, not an object of {kind.__name__}'s fields")
    return value


def _field(one: Form | None, name: object, value: Any) -> object:
    if one is None:
        return value
    try:
        return one(value)
    except Misfit as misfit:
        raise misfit.under(name) from None


def _construct(kind: Any, positional: list[Any], named: dict[str, Any]) -> object:
    try:
        made: object = kind(*positional, **named)
    except (ValueError, TypeError) as error:
        raise Misfit(f"is refused by {kind.__name__}: {error}") from None
    return made


def _validated(kind: Any, value: Any) -> object:
    """Let pydantic do it, by its own rules; its first complaint is ours."""
    import pydantic

    try:
        made: object = kind.model_validate(value)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        misfit = Misfit(f"is refused by {kind.__name__}: {first['msg']}")
        for step in reversed(first["loc"]):
            misfit.under(step)
        raise misfit from None
    return made


class Record:
    """Makes a dataclass or attrs class of an object; its fields are found when it is first used."""

    def __init__(self, kind: Any) -> None:
        self.kind = kind
        self._parameters: dict[str, inspect.Parameter] | None = None
        self._forms: dict[str, Form | None] = {}
        # What is in a record, but not for its constructor under that name.
        self._aliases: dict[str, str] = {}
        self._computed: set[str] = set()

    def _look(self) -> dict[str, inspect.Parameter]:
        kind = self.kind
        hints = resolve(kind)
        if hasattr(kind, "__pydantic_validator__"):
            hints = {}  # pydantic's dataclass: it converts by itself
        if not hasattr(kind, "__dataclass_fields__"):
            for field in kind.__attrs_attrs__:
                alias = getattr(field, "alias", None) or field.name.lstrip("_")
                if field.init:
                    self._aliases[field.name] = alias
                    hints[alias] = hints.get(field.name)
                else:
                    self._computed.add(field.name)
        else:
            from dataclasses import fields

            self._computed = {field.name for field in fields(kind) if not field.init}
        parameters = dict(signature(kind).parameters)
        for name, parameter in parameters.items():
            hint = hints.get(name)
            hint = getattr(hint, "type", hint) if type(hint).__name__ == "InitVar" else hint
            self._forms[name] = optional(hint, parameter.default)
        self._parameters = parameters
        return parameters

    def __call__(self, value: Any) -> object:
        """Give the record that value describes."""
        given = _object(self.kind, value)
        parameters = self._look() if self._parameters is None else self._parameters
        named: dict[str, Any] = {}
        for name, item in given.items():
            target = name if name in parameters else self._aliases.get(name, name)
            if target in parameters:
                named[target] = _field(self._forms[target], name, item)
            elif name not in self._computed:  # those the class makes itself
                raise Misfit(f"has {name!r:.{QUOTED}}, which is no field of {self.kind.__name__}")
        for name, parameter in parameters.items():
            if name not in named and parameter.default is parameter.empty:
                raise Misfit(f"lacks the field {name} of {self.kind.__name__}")
        return _construct(self.kind, [], named)


class NamedTuple:
    """Makes a named tuple of an array, or of an object with its names."""

    def __init__(self, kind: Any) -> None:
        self.kind = kind
        self._forms: dict[str, Form | None] | None = None

    def __call__(self, value: Any) -> object:
        """Give the tuple that value describes."""
        kind = self.kind
        names, defaults = kind._fields, kind._field_defaults
        if self._forms is None:
            hints = resolve(kind)
            nothing = object()
            self._forms = {
                name: optional(hints.get(name), defaults.get(name, nothing)) for name in names
            }
        if type(value) is dict:
            for name in value:
                if name not in names:
                    raise Misfit(f"has {name!r:.{QUOTED}}, which is no field of {kind.__name__}")
            for name in names:
                if name not in value and name not in defaults:
                    raise Misfit(f"lacks the field {name} of {kind.__name__}")
            made = {name: _field(self._forms[name], name, value[name]) for name in value}
            return _construct(kind, [], made)
        items = array(value, None)
        if not len(names) - len(defaults) <= len(items) <= len(names):
            raise Misfit(
                f"has {len(items)} items, {kind.__name__} has the fields {', '.join(names)}"
            )
        made_items = [
            _field(self._forms[name], at, item) for at, (name, item) in enumerate(zip(names, items))
        ]
        return _construct(kind, made_items, {})


class TypedDict:
    """Reads the values of a typed dict; a dict it is already."""

    def __init__(self, kind: Any) -> None:
        self.kind = kind
        self._forms: dict[str, Form | None] | None = None

    def __call__(self, value: Any) -> object:
        """Give the dict that value describes."""
        given = _object(self.kind, value)
        if self._forms is None:
            nothing = object()
            hints = resolve(self.kind)
            self._forms = {name: optional(hint, nothing) for name, hint in hints.items()}
        for name in sorted(self.kind.__required_keys__):
            if name not in given:
                raise Misfit(f"lacks the key {name} of {self.kind.__name__}")
        return {name: _field(self._forms.get(name), name, item) for name, item in given.items()}
