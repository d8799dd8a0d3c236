"""Coercion: arguments in natural JSON, decoded as the function's annotations ask.

A function is looked at once, at its first call. One that asks for nothing that
JSON lacks (and one without annotations does not even bring this module in) has
no plan, and gets its arguments as they came. Annotations that cannot be resolved
ask for nothing. Numbers, strings and plain lists are never changed: Python does
not check them, and neither does this.

A wrapper made with functools.wraps may pass on other arguments than it takes,
so for one of those a value that does not fit is passed as it came, not refused.
"""

from __future__ import annotations

from .forms import Form, optional, resolve, signature
from .paths import Misfit
from .refusal import UnboundParams
from .surface import carrier

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Plan:
    """What becomes of a function's arguments, by position and by name."""

    def __init__(self) -> None:
        self.positions: list[tuple[int, str, Form]] = []
        self.names: dict[str, Form] = {}
        self.rest: tuple[int, str, Form] | None = None  # *args, from the index on
        self.others: tuple[frozenset[str], Form] | None = None  # **kwargs, but for these
        self.lenient = False

    def __bool__(self) -> bool:
        return bool(self.positions or self.names or self.rest or self.others)

    def take(self, method: str, params: Any, named: Any) -> tuple[Any, Any]:
        """Give the arguments as the function takes them; refuse what does not fit."""
        lead = ("*",) if named is not None and params != () else ()
        if params:
            params = list(params)
            for at, name, form in self.positions:
                if at < len(params):
                    params[at] = self._one(method, params[at], form, name, (*lead, at))
            if self.rest is not None:
                first, name, form = self.rest
                for at in range(first, len(params)):
                    params[at] = self._one(method, params[at], form, name, (*lead, at))
        if named:
            named = dict(named)
            for name in named:
                form_of = self.names.get(name)
                if form_of is None and self.others is not None and name not in self.others[0]:
                    form_of = self.others[1]
                if form_of is not None:
                    named[name] = self._one(method, named[name], form_of, name, (name,))
        return params, named

    def _one(
        self, method: str, value: Any, form: Form, name: str, steps: tuple[object, ...]
    ) -> object:
        try:
            return form(value)
        except Misfit as misfit:
            if self.lenient:
                return value
            for step in reversed(steps):
                misfit.under(step)
            raise UnboundParams(
                f"{method} cannot take its argument {name}: {misfit.shown()} {misfit.reason}",
                method=method,
                argument=name,
                path=misfit.path(),
            ) from None
        except RecursionError:
            raise UnboundParams(
                f"{method} cannot take its argument {name}: it is nested too deeply",
                method=method,
                argument=name,
            ) from None


def plan(function: Any) -> Plan | None:
    """Make the plan for a function; None when there is nothing to do."""
    if hasattr(function, "__pydantic_validator__") or hasattr(function, "raw_function"):
        return None  # pydantic's own model, or its validate_call: they do it themselves
    try:
        parameters = signature(function).parameters.values()
        hints = resolve(carrier(function))
    except Exception:  # no signature, or annotations that are no types: as they came
        return None
    made = Plan()
    at = 0
    taken: set[str] = set()
    for parameter in parameters:
        form = optional(hints.get(parameter.name), parameter.default)
        kind = parameter.kind
        if kind is kind.VAR_POSITIONAL:
            if form is not None:
                made.rest = (at, parameter.name, form)
        elif kind is kind.VAR_KEYWORD:
            if form is not None:
                made.others = (frozenset(taken), form)
        else:
            if kind is not kind.POSITIONAL_ONLY:
                taken.add(parameter.name)
            if form is not None and kind is not kind.KEYWORD_ONLY:
                made.positions.append((at, parameter.name, form))
            if form is not None and kind is not kind.POSITIONAL_ONLY:
                made.names[parameter.name] = form
        at += kind in (kind.POSITIONAL_ONLY, kind.POSITIONAL_OR_KEYWORD)
    made.lenient = _wrapped(function)
    return made or None


def _wrapped(function: Any) -> bool:
    """Tell a wrapper in Python that is not the runtime's own."""
    if not hasattr(function, "__wrapped__") or not hasattr(function, "__globals__"):
        return False
    own: bool = function.__globals__.get("__name__") == f"{__package__}.awaited"
    return not own
