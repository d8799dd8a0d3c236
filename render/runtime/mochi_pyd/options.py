"""Options: what a call's `meta` asks of its arguments and of its result.

Imported by the first call that has `meta`, or whose function asks for arguments
in a form that JSON has not. Everything else never comes here.
"""

from __future__ import annotations

from . import values
from .refusal import Refusal, UnboundParams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .tagged import Tagger
    from .untagged import Untagger
    from .wire import Answer
    from .worker import Worker


def split(params: Any) -> tuple[Any, Any]:
    """Give a request's positional and keyword arguments, as they were sent."""
    if type(params) is list:
        return params, None
    if params is None:
        return (), None
    if "*" not in params:
        return (), params
    named = dict(params)
    positional = named.pop("*")
    if type(positional) is not list:
        raise UnboundParams('"*" holds the positional arguments: make it an array', argument="*")
    return positional, named


def arguments(worker: Worker, request: Any, meta: Any) -> tuple[Any, Any]:
    """Give a request's arguments as its function takes them."""
    name = request["method"]
    if "meta" in request and type(meta) is not dict:  # only by hand: the daemon has looked
        raise UnboundParams("meta has to be an object", argument="meta")
    if meta is not None and "ref" in meta and name.startswith("$ref."):
        given: tuple[Any, Any] = _module("refcalls", "handles").arguments(worker, request, meta)
        return given
    params, named = split(request.get("params"))
    if meta is not None and meta.get("encoding") == "tagged":
        return _untag(worker, request, params, named)
    if name[:1] == "$":  # a handle's: what it takes is its own affair
        return params, named
    plan = worker.methods.plan(name)
    return (params, named) if plan is None else plan.take(name, params, named)


def reply(worker: Worker, request: Any, result: Any, meta: Any) -> Answer | None:
    """Write the line that answers a request with meta; None when there is none, or not yet."""
    kind = type(result)
    if kind is _Array:
        return worker.reply(request, None, result.text())
    if hasattr(kind, "__await__"):
        worker._defer(request, result)
        return None
    asynchronous = hasattr(kind, "__anext__")
    if meta.get("stream") is True and (asynchronous or _is_iterator(result)):
        answer: Answer | None = _module("streams", "streams").begin(worker, request, result)
        return answer
    returns = meta.get("returns")
    if returns == "none":
        return worker.reply(request, None, "null")
    if returns == "ref":
        return worker.reply(request, None, values.encode(_handle(worker, request, result)))
    if asynchronous:
        tagged = meta.get("encoding") == "tagged"
        worker._defer(request, _collected(result, worker, request) if tagged else result)
        return None
    return worker.reply(request, None, encode(result, meta, worker, request))


def encode(value: Any, meta: Any, worker: Worker | None = None, request: Any = None) -> str:
    """Write value as the call's encoding has it.

    Without a worker and its request there is nobody whose handle it could be.
    """
    if meta is None or meta.get("encoding") != "tagged":
        return values.encode(value)
    tagger = _tagger(worker, request)
    if not _is_iterator(value):
        return values.encode(tag(value, tagger))
    made = _Array(tagger)  # of a whole result; a part of one would be a handle
    for item in value:
        made.add(item)
    return made.text()


def decode(value: Any, meta: Any, worker: Worker | None = None, request: Any = None) -> Any:
    """Read what a host sent in the call's encoding, out of JSON that is parsed."""
    if meta is None or meta.get("encoding") != "tagged":
        return value
    from .paths import Misfit

    try:
        return _untagger(worker, request).read(value)
    except Misfit as misfit:
        raise _unread(misfit, "the value") from None
    except RecursionError:
        raise UnboundParams("the value is nested too deeply") from None


def tag(value: Any, tagger: Tagger, at: int | None = None) -> Any:
    """Give value's tagged form, or refuse it by the path of what has none."""
    from .paths import Misfit

    try:
        return tagger.tag(value)
    except Misfit as misfit:
        if at is not None:
            misfit.under(at)
        raise Refusal(
            "not_serializable",
            f"the result cannot be written: {misfit.shown()} {misfit.reason}",
            path=misfit.path(),
            type=misfit.kind,
        ) from None
    except RecursionError:
        raise Refusal(
            "not_serializable",
            "the result cannot be written: it is nested too deeply",
            path="$",
            type=type(value).__name__,
        ) from None


def _untag(worker: Worker, request: Any, params: Any, named: Any) -> tuple[Any, Any]:
    from .paths import Misfit

    reader = _untagger(worker, request)
    starred = named is not None and params != ()
    try:
        if type(params) is list:
            try:
                params = reader.read(params)
            except Misfit as misfit:
                raise (misfit.under("*") if starred else misfit) from None
        if named:
            named = reader.members(named)
    except Misfit as misfit:
        raise _unread(misfit, "an argument") from None
    except RecursionError:
        raise UnboundParams("the arguments are nested too deeply") from None
    return params, named


def _unread(misfit: Any, what: str) -> UnboundParams:
    """Refuse a value by its path; what it belongs to is the first step of that."""
    first = misfit.steps[-1] if misfit.steps else None
    if first == "*" and len(misfit.steps) > 1:
        first = misfit.steps[-2]
    argument = f"#{first + 1}" if isinstance(first, int) else first
    sentence = f"{what} is no value of the tagged encoding: {misfit.shown()} {misfit.reason}"
    return UnboundParams(sentence, argument=argument, path=misfit.path())


def _untagger(worker: Worker | None, request: Any) -> Untagger:
    from .untagged import Untagger

    if worker is None:
        return Untagger()
    served = worker

    def object_of(name: str) -> object:
        found: object = _refs(served).get(name, request.get("conn", 0))
        return found

    def callback(name: str) -> object:
        made: object = _module("callbacks", "callbacks").callback(name)
        return made

    return Untagger(object_of, callback)


def _tagger(worker: Worker | None, request: Any) -> Tagger:
    from .tagged import Tagger

    if worker is None:
        return Tagger()
    served = worker
    return Tagger(lambda value: _handle(served, request, value))


def _handle(worker: Worker, request: Any, value: object) -> object:
    """Make a handle of value that belongs to the request's connection."""
    # "full" is there when all workers together hold as many as they may.
    made: object = _refs(worker).make(value, request.get("conn", 0), request.get("full"))
    return made


def _refs(worker: Worker) -> Any:
    return _module("refs", "handles").table(worker)


def _module(name: str, what: str) -> Any:
    """Give a module that few calls need, and that a small runtime may be without."""
    from importlib import import_module

    full = f"{__package__}.{name}"
    try:
        return import_module(full)
    except ModuleNotFoundError as error:
        if error.name != full:
            raise
        raise UnboundParams(f"this worker's runtime has no {what}: call without them") from None


def _is_iterator(value: object) -> bool:
    if type(value) in values.NATURAL:
        return False
    from .convert import is_iterator

    return is_iterator(value)


class _Array:
    """The text of an array, made of items as they come, until it fills a message."""

    def __init__(self, tagger: Tagger) -> None:
        self._tagger, self._size = tagger, 0
        self._texts: list[str] = []

    def add(self, item: object) -> None:
        """Write one more item."""
        text = values.encode(tag(item, self._tagger, len(self._texts)))
        self._texts.append(text)
        self._size += len(text) + 1
        if self._size > values.limit:
            raise values.too_large(self._size)

    def text(self) -> str:
        """Give the whole."""
        return f"[{','.join(self._texts)}]"


async def _collected(items: Any, worker: Worker, request: Any) -> _Array:
    """Write the items of an asynchronous iterator, on the loop."""
    made = _Array(_tagger(worker, request))
    async for item in items:
        made.add(item)
    return made
