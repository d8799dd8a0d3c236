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
    params, named = split(request.get("params"))
    if meta is not None and meta.get("encoding") == "tagged":
        return _untag(worker, request, params, named)
    name = request["method"]
    if name[:1] == "$":  # a handle's: what it takes is its own affair
        return params, named
    plan = worker.methods.plan(name)
    return (params, named) if plan is None else plan.take(name, params, named)


def reply(worker: Worker, request: Any, result: Any, meta: Any) -> Answer | None:
    """Write the line that answers a request with meta; None when there is none, or not yet."""
    kind = type(result)
    returns = meta.get("returns")
    if hasattr(kind, "__await__"):
        worker._defer(request, result)
        return None
    if meta.get("stream") is True and (hasattr(kind, "__anext__") or _is_iterator(result)):
        from . import streams

        answer: Answer | None = streams.begin(worker, request, result)
        return answer
    if returns == "none":
        return worker.reply(request, None, "null")
    if returns == "ref":
        return worker.reply(request, None, values.encode(_handle(worker, request, result)))
    if hasattr(kind, "__anext__"):
        worker._defer(request, result)
        return None
    return worker.reply(request, None, encode(result, meta, worker, request))


def encode(value: Any, meta: Any, worker: Worker | None = None, request: Any = None) -> str:
    """Write value as the call's encoding has it.

    Without a worker and its request there is nobody whose handle it could be.
    """
    if meta is None or meta.get("encoding") != "tagged":
        return values.encode(value)
    if _is_iterator(value):  # a whole result, not a part of one
        value = _materialised(value)
    return values.encode(tag(value, _tagger(worker, request)))


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


def tag(value: Any, tagger: Tagger) -> Any:
    """Give value's tagged form, or refuse it by the path of what has none."""
    from .paths import Misfit

    try:
        return tagger.tag(value)
    except Misfit as misfit:
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
        try:
            from . import callbacks
        except ImportError:
            raise _absent("callbacks") from None
        made: object = callbacks.callback(name)
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
    return {"$ref": _refs(worker).make(value, request.get("conn", 0))}


def _refs(worker: Worker) -> Any:
    try:
        from . import refs  # type: ignore[attr-defined]
    except ImportError:
        raise _absent("handles") from None
    return refs.table(worker)


def _absent(what: str) -> UnboundParams:
    return UnboundParams(f"this worker's runtime has no {what}: do without them in this call")


def _is_iterator(value: object) -> bool:
    if type(value) in values.NATURAL:
        return False
    from .convert import is_iterator

    return is_iterator(value)


def _materialised(iterator: Any) -> list[object]:
    """Read a returned iterator to its end, or until it cannot fit a message."""
    made: list[object] = []
    for item in iterator:
        made.append(item)
        if 2 * len(made) > values.limit:
            raise values.too_large(2 * len(made))
    return made
