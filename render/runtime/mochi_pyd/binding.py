"""Binding: whether a TypeError came from the call itself or from inside it.

Binding the signature before every call would cost 2 to 8 µs and would refuse
functions whose decorator adds arguments under functools.wraps. So the call is
made, and only a TypeError is looked into: when the signature does not take the
arguments and the function's own code never ran, the arguments were wrong.
"""

from __future__ import annotations

from .refusal import UnboundParams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


# Characters of a signature that an error repeats: some have defaults by the page.
MAX_SIGNATURE = 300


def explain(
    name: str, function: Any, params: Any, named: Any, error: BaseException, *, module: str = ""
) -> UnboundParams | None:
    """Give the refusal that error really is; None when it is the function's own."""
    import inspect

    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # a builtin without one: every TypeError is its own
        return None
    try:
        signature.bind(*params, **named)
    except TypeError as mismatch:
        reason = str(mismatch)
    else:
        return None
    if _ran(inspect.unwrap(function), error):
        return None
    argument = reason.split("'")[1] if reason.count("'") >= 2 else None
    if argument is None and "too many positional" in reason:
        argument = f"#{_positional(signature) + 1}"
    shown = str(signature)
    if len(shown) > MAX_SIGNATURE:
        shown = f"{shown[:MAX_SIGNATURE]}…)"
    full = f"{module}.{name}" if module else name
    return UnboundParams(
        f"{full} does not take these arguments ({reason}): "
        f"call it as {name.rpartition('.')[2]}{shown}",
        method=name,
        argument=argument,
        signature=shown,
    )


def _positional(signature: Any) -> int:
    kinds = (parameter.kind for parameter in signature.parameters.values())
    return sum(kind in (kind.POSITIONAL_ONLY, kind.POSITIONAL_OR_KEYWORD) for kind in kinds)


def _ran(function: Any, error: BaseException) -> bool:
    """Tell whether a frame of the traceback runs the function's own code."""
    if isinstance(function, type):
        codes = [
            getattr(getattr(function, name, None), "__code__", None)
            for name in ("__init__", "__new__")
        ]
    else:
        while hasattr(function, "func") and not hasattr(function, "__code__"):
            function = function.func  # functools.partial
        codes = [getattr(function, "__code__", None)]
        if codes == [None]:
            codes = [getattr(type(function).__call__, "__code__", None)]
    traceback = error.__traceback__
    while traceback is not None:
        if any(traceback.tb_frame.f_code is code for code in codes):
            return True
        traceback = traceback.tb_next
    return False
