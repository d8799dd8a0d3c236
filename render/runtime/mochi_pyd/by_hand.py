"""By hand: a person or a test at the other end, so every line is examined."""

from __future__ import annotations

from .refusal import Refusal
from .values import parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .worker import Worker


def examine(worker: Worker, line: str) -> Any:
    """Read a request; complain and give None when the line is none.

    Bytes that are no UTF-8 are surrogates in it: what cannot be encoded again
    was none, and the error says where.
    """
    if not line.strip(" \t\r\n"):
        return None
    try:
        line.encode("utf-8", "surrogateescape").decode()
        request = parse(line)
    except ValueError as error:
        worker.complain(Refusal("parse_error", f"the line is not JSON: {error}"))
        return None
    if not isinstance(request, dict):
        worker.complain(
            Refusal("invalid_request", "a request is an object; batches are for the daemon")
        )
        return None
    call = request.get("id")
    if not (call is None or isinstance(call, (str, int, float))) or isinstance(call, bool):
        worker.complain(Refusal("invalid_request", '"id" must be a string, a number or null'))
        return None
    wrong = _wrong(request)
    if wrong:
        worker.complain(Refusal("invalid_request", wrong), call)
        return None
    return request


def _wrong(request: dict[str, Any]) -> str:
    if request.get("jsonrpc") != "2.0":
        return '"jsonrpc" must be "2.0"'
    if not isinstance(request.get("method"), str):
        return '"method" must be a string'
    if "params" in request and not isinstance(request["params"], (list, dict)):
        return '"params" must be an array or an object; leave it out when there are none'
    return ""
