"""A refusal: an error that is ours and not the called function's."""

from __future__ import annotations


class Refusal(Exception):
    """Answers a request with a kind of the protocol's table, a sentence and fields.

    code is set where the worker script has no constant for it.
    """

    kind = "internal"
    code: int | None = None

    def __init__(self, message: str, **data: object) -> None:
        super().__init__(message)
        self.message = message
        self.data: dict[str, object] = {"kind": self.kind, **data}


class BadLine(Refusal):
    """The line is not JSON."""

    kind = "parse_error"


class BadRequest(Refusal):
    """The line is JSON but no request."""

    kind = "invalid_request"


class UnknownMethod(Refusal):
    """No such function, or none that may be called."""

    kind = "method_not_found"


class UnboundParams(Refusal):
    """The arguments do not fit the function's signature."""

    kind = "invalid_params"


class NotSerializable(Refusal):
    """The result has no JSON form."""

    kind = "not_serializable"
    code = -32008


class TooLarge(Refusal):
    """The message is longer than either side may write."""

    kind = "too_large"
    code = -32007


class ImportFailed(Refusal):
    """The user's module does not import."""

    kind = "import_failed"
    code = -32005


class Skipped(Refusal):
    """The call was cancelled before it started."""

    kind = "request_cancelled"
    code = -32800
