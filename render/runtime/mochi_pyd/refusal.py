"""A refusal: an error that is ours and not the called function's."""

# The kinds for which a worker script has no constant.
CODES = {
    "overloaded": -32003,
    "import_failed": -32005,
    "shutting_down": -32006,
    "too_large": -32007,
    "not_serializable": -32008,
    "stale_ref": -32010,
    "reentry": -32011,
    "request_cancelled": -32800,
}


class Refusal(Exception):
    """Answers a request with a kind of the protocol's table, a sentence and fields."""

    def __init__(self, kind: str, message: str, **data: object) -> None:
        super().__init__(message)
        self.message = message
        self.data: dict[str, object] = {"kind": kind, **data}
        self.code = CODES.get(kind)


class UnknownMethod(Refusal):
    """No such function, or none that may be called."""

    def __init__(self, message: str, **data: object) -> None:
        super().__init__("method_not_found", message, **data)


class UnboundParams(Refusal):
    """The arguments do not fit the function's signature."""

    def __init__(self, message: str, **data: object) -> None:
        super().__init__("invalid_params", message, **data)
