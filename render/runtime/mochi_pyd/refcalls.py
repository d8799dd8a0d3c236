"""Calls on handles: what `$ref.…` methods do with the object.

`$ref.name` calls the attribute, or gives its value where it is no function; a
name that begins with `$` is an operation of Python's that has no name of its own.
The surface's rules hold for each hop: private names are refused, and so are
modules, functions and classes of other packages.
"""

from __future__ import annotations

from types import FunctionType, MethodType
from weakref import WeakKeyDictionary

from . import surface
from .refs import IN_PROCESS, StaleRef, table
from .refusal import UnboundParams, UnknownMethod

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from typing import Any

    from .coerce import Plan
    from .worker import Worker

PREFIX = "$ref."

_END = object()


class Subject:
    """The object of a handle, on its way from a request to the operation."""

    __slots__ = ("name", "natural", "value")

    def __init__(self, name: str, value: Any, natural: bool) -> None:
        # natural: the arguments are JSON's, and decoded as annotations ask.
        self.name, self.value, self.natural = name, value, natural


class RefMethod:
    """The entry of `_METHODS` for one `$ref.` name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._path = name[len(PREFIX) :]
        self._operation = OPERATIONS.get(self._path)
        if self._operation is None and "$" in self._path:
            known = ", ".join(PREFIX + operation for operation in OPERATIONS)
            raise UnknownMethod(f"there is no {name}: there are {known}", method=name)

    def __call__(self, subject: Any = None, /, *params: Any, **named: Any) -> Any:
        """Do it; the subject was put before the request's own arguments."""
        if not isinstance(subject, Subject):
            raise StaleRef("", f"name the handle of {self.name} in meta.ref")
        if self._operation is _callable:
            value = _callable(self, subject.value)
        elif self._operation is not None:
            return self._operation(self, subject.value, *params, **named)
        else:
            value = walk(subject.value, self._path, self.name)
        if callable(value):
            if subject.natural and (params or named) and surface.annotated(value):
                known = plan(value)
                if known is not None:
                    params, named = known.take(self.name, params, named or None)
            return self.call(value, params, named or {})
        if params or named:
            raise UnboundParams(
                f"{self._path} is a value, not a function: call it without params",
                method=self.name,
            )
        return value

    def call(self, function: Any, params: Any, named: Any) -> Any:
        """Call, and tell arguments that do not fit from a function that failed."""
        try:
            return function(*params, **named)
        except TypeError as error:
            from .binding import explain

            raise explain(self.name, function, params, named, error) or error from None

    def one(self, params: Any, named: Any, what: str) -> Any:
        """Give the one argument of an operation."""
        if len(params) != 1 or named:
            raise UnboundParams(f"{self.name} takes one argument: {what}", method=self.name)
        return params[0]

    def none(self, params: Any, named: Any) -> None:
        """Refuse arguments."""
        if params or named:
            raise UnboundParams(f"{self.name} takes no arguments", method=self.name)


def arguments(worker: Worker, request: Any, meta: Any) -> tuple[Any, Any]:
    """Give the arguments of a call on a handle, its object in front."""
    value = table(worker).get(meta.get("ref"), request.get("conn", IN_PROCESS))
    rest = {key: option for key, option in meta.items() if key != "ref"}
    params, named = worker.arguments({**request, "meta": rest})
    natural = meta.get("encoding") != "tagged"
    return (Subject(request["method"], value, natural), *params), named


# Functions remembered: what a class made in a call asks for may name the class, and
# so keep itself alive here.
MAX_PLANS = 1024

# What functions make of their arguments, by the function behind the method, which
# is one for all objects of a class; None for those that take what JSON has. The
# same function takes one argument more where it is no method: that is another plan.
_plans: WeakKeyDictionary[Any, Plan | None] = WeakKeyDictionary()
_bound: WeakKeyDictionary[Any, Plan | None] = WeakKeyDictionary()


def plan(function: Any) -> Plan | None:
    """Give what makes the arguments that function asks for; None when JSON does."""
    from . import coerce

    key, plans = function, _plans
    if isinstance(function, MethodType):
        key, plans = function.__func__, _bound
    if not isinstance(key, FunctionType):  # a class, an object that can be called, a partial
        return coerce.plan(function)
    try:
        return plans[key]
    except KeyError:
        made = coerce.plan(function)
    if len(plans) >= MAX_PLANS:
        plans.clear()
    plans[key] = made
    return made


def walk(value: Any, path: str, name: str) -> Any:
    """Follow attributes, by the rules of a module's surface."""
    for segment in path.split("."):
        if not segment.isidentifier() or segment[0] == "_":
            raise UnknownMethod(f"{name}: {segment!r} is private or no name", method=name)
        try:
            found = getattr(value, segment)
        except AttributeError:
            from .refs import type_name

            kind = type_name(type(value))
            raise UnknownMethod(
                f"{name}: an object of {kind} has no attribute {segment}", method=name
            ) from None
        if not surface.owned(value, segment, found):
            owner = surface.home(found) or "another package"
            raise UnknownMethod(f"{name}: {segment} belongs to {owner}, call it there", method=name)
        value = found
    return value


def _callable(method: RefMethod, value: Any) -> Any:
    if not callable(value):
        raise UnboundParams(
            "this handle's object cannot be called: name one of its attributes, as in $ref.name",
            method=method.name,
        )
    return value


def _get(method: RefMethod, value: Any, /, *params: Any, **named: Any) -> Any:
    path = method.one(params, named, "the attribute's name")
    if not isinstance(path, str):
        raise UnboundParams(f"{method.name} takes a name, as a string", method=method.name)
    return walk(value, path, method.name)


def _item(method: RefMethod, value: Any, /, *params: Any, **named: Any) -> Any:
    return value[method.one(params, named, "the key or index")]


def _iter(method: RefMethod, value: Any, /, *params: Any, **named: Any) -> Any:
    """Give a generator, which a stream can take and stop."""
    method.none(params, named)
    if hasattr(type(value), "__aiter__"):
        return _each_async(value)
    return _each(iter(value))


def _each(items: Iterator[Any]) -> Iterator[Any]:
    yield from items


async def _each_async(items: Any) -> AsyncIterator[Any]:
    async for item in items:
        yield item


def _next(method: RefMethod, value: Any, /, *params: Any, **named: Any) -> Any:
    method.none(params, named)
    if hasattr(type(value), "__anext__"):
        return _anext(value)
    if not hasattr(type(value), "__next__"):
        raise UnboundParams(
            "this handle's object is no iterator: make one with $ref.$iter and "
            'meta.returns "ref", or take all items with $ref.$iter',
            method=method.name,
        )
    item = next(value, _END)
    return {"done": True} if item is _END else {"done": False, "value": item}


async def _anext(value: Any) -> Any:
    try:
        return {"done": False, "value": await type(value).__anext__(value)}
    except StopAsyncIteration:
        return {"done": True}


def _enter(method: RefMethod, value: Any, /, *params: Any, **named: Any) -> Any:
    method.none(params, named)
    return _manager(method, value, "enter")(value)


def _exit(method: RefMethod, value: Any, /, *params: Any, **named: Any) -> Any:
    method.none(params, named)
    return _manager(method, value, "exit")(value, None, None, None)


def _manager(method: RefMethod, value: Any, step: str) -> Any:
    """Find a context manager's method; of one that is both, the asynchronous one.

    What offers both and means one raises in the other: aiohttp's session, say.
    """
    kind = type(value)
    found = getattr(kind, f"__a{step}__", None) or getattr(kind, f"__{step}__", None)
    if found is None:
        raise UnboundParams("this handle's object is no context manager", method=method.name)
    return found


def _str(method: RefMethod, value: Any, /, *params: Any, **named: Any) -> str:
    method.none(params, named)
    return str(value)


def _repr(method: RefMethod, value: Any, /, *params: Any, **named: Any) -> str:
    method.none(params, named)
    return repr(value)


def _len(method: RefMethod, value: Any, /, *params: Any, **named: Any) -> int:
    method.none(params, named)
    return len(value)


def _value(method: RefMethod, value: Any, /, *params: Any, **named: Any) -> Any:
    method.none(params, named)
    return value


OPERATIONS = {
    "$call": _callable,
    "$get": _get,
    "$item": _item,
    "$iter": _iter,
    "$next": _next,
    "$enter": _enter,
    "$exit": _exit,
    "$str": _str,
    "$repr": _repr,
    "$len": _len,
    "$value": _value,
}
