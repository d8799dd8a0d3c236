"""The mochi-pyd worker of zoo: JSON-RPC 2.0, one message a line.

Rendered for this module; everything that is the same for all of them is in
mochi_pyd, beside this file. By hand it serves on stdin and stdout:

    python3 -m mochi_worker zoo
"""

from mochi_pyd.refusal import UnboundParams, UnknownMethod
from mochi_pyd.worker import Worker

_PARSE_ERROR = -32700
_INVALID_REQUEST = -32600
_METHOD_NOT_FOUND = -32601
_INVALID_PARAMS = -32602
_INTERNAL_ERROR = -32603

_RUNTIME = "the-runtime"

# From here on nothing that is printed can reach the wire.
_WORKER = Worker(__name__, "zoo", _RUNTIME)

with _WORKER.importing():
    import zoo

    _METHODS = _WORKER.public("zoo")


def _dispatch(req):
    """Answer one request: call the function it names."""
    method = req["method"]
    try:
        params, named = _WORKER.arguments(req)
        if named:
            result = _METHODS[method](*params, **named)
        else:
            result = _METHODS[method](*params)
        return _WORKER.reply(req, result)
    except BaseException as error:
        return _refuse(req, error)


def _refuse(req, error):
    """Answer what went wrong, under the code that names it."""
    error = _WORKER.explain(req, error)
    if isinstance(error, UnknownMethod):
        code = _METHOD_NOT_FOUND
    elif isinstance(error, UnboundParams):
        code = _INVALID_PARAMS
    else:
        code = _INTERNAL_ERROR
    return _WORKER.failure(req, code, error)


def _main():
    """Say what can be called, then answer requests until they end."""
    _WORKER.serve(
        _METHODS,
        _dispatch,
        parse_error=_PARSE_ERROR,
        invalid_request=_INVALID_REQUEST,
        internal_error=_INTERNAL_ERROR,
    )


if __name__ == "__main__":
    _main()
