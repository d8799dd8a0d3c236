"""The worker: what a rendered script holds, from first breath to last line.

A script makes one Worker before anything else, imports the user's module inside
`importing()`, builds its `_METHODS`, and calls `serve`. Everything is inert when
the script is imported and not run, as a child of multiprocessing does.
"""

import os
import sys

from . import lane, stdio, values
from .cancel import Kicks, stack, stopped
from .refusal import CODES, Refusal, UnboundParams
from .surface import Methods, Surface
from .surface import kind as kind_of
from .values import NATURAL, encode, parse, too_large
from .wire import LONG, PROTOCOL, STAGE_IMPORT, STAGE_READY, Wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from .loop import Loop
    from .wire import Answer

    Dispatch = Callable[[Any], Any]

# The members of an answer around its id and its result, and the newline.
_FRAME = len('{"jsonrpc":"2.0","id":,"result":}\n')
# JSON-RPC's codes, until the script says what they are for its host.
INTERNAL_ERROR = -32603

# What is kept of an error's data when no message holds all of it.
SHORT = ("kind", "type", "module", "started")


class Worker:
    """One worker process: its wire, its module, its lanes."""

    def __init__(self, name: str, module: str, runtime: str = "") -> None:
        self.module, self.runtime = module, runtime
        self.live = name == "__main__"
        self.methods = Methods()
        self.loop: Loop | None = None
        self.kicks: Kicks | None = None
        # What the main thread's call left to be awaited, until it is the loop's.
        self.pending: tuple[Any, Any] | None = None
        self.parse_error = self.invalid_request = self.internal_error = INTERNAL_ERROR
        self._tidied = 0
        if not self.live:
            return
        _expect(module)
        self.wire = Wire()
        self.send: Callable[[Answer], None] = self.wire.write
        values.limit = self.wire.limit
        stdio.take_over(tagged=self.wire.daemon)
        import faulthandler

        faulthandler.enable(2)
        if self.wire.daemon:
            # ^C on the operator's terminal is the daemon's business. A handler
            # that does nothing, and not SIG_IGN, which children would inherit.
            from _signal import SIGINT, signal  # type: ignore[import-not-found]

            signal(SIGINT, lambda *_: None)
        if self.wire.dump:
            faulthandler.register(self.wire.dump, file=2, all_threads=True, chain=False)

    def importing(self) -> "Worker":
        """Hold the user's import: `with` this, a failure becomes mochi.failed."""
        return self

    def __enter__(self) -> None:
        if not self.live:
            return
        self.wire.stage(STAGE_IMPORT)
        if self.wire.fork >= 0:
            from . import preload

            preload.before_import()
        here = os.getcwd()
        if sys.path[:1] != [here]:  # as `python3 -m` would have it, behind the runtime
            sys.path.insert(1, here)

    def __exit__(self, kind: object, error: "BaseException | None", _: object) -> None:
        if error is None or not self.live:
            return
        from . import imports

        refusal = imports.refusal(self.module, error)
        body = {"code": refusal.code, "message": refusal.message, "data": refusal.data}
        self.notify("mochi.failed", {"stage": "import", "error": body})
        raise SystemExit(1) from None

    def public(self, *modules: str, only: "Sequence[str]" = ()) -> Surface:
        """Make `_METHODS` of what the imported modules are found to hold."""
        return Surface({name: sys.modules[name] for name in modules}, only)

    def declared(
        self, called: "dict[str, Any] | None" = None, awaited: "dict[str, Any] | None" = None
    ) -> Methods:
        """Make `_METHODS` of exactly these functions.

        Those that the script awaits can be awaited afterwards, whatever they are.
        """
        methods = Methods(called or {})
        methods.label = self.module or "this worker"
        if awaited:
            from .awaited import awaiting

            methods.update((name, awaiting(function)) for name, function in awaited.items())
        return methods

    def serve(
        self,
        methods: Methods,
        dispatch: "Dispatch | None",
        *,
        parse_error: int,
        invalid_request: int,
        internal_error: int,
        loop: "Callable[[], object] | None" = None,
    ) -> None:
        """Say that the worker is ready and answer requests until their end.

        Without a dispatch every request is the loop's. Without a loop there is
        none until a coroutine function or an awaitable asks for one.
        """
        self.methods, self.dispatch = methods, dispatch
        self.parse_error, self.invalid_request = parse_error, invalid_request
        self.internal_error = internal_error
        kinds = methods.kinds()
        if self.wire.fork >= 0:
            from . import preload

            preload.serve(self, kinds)  # comes back in every worker that it forks
        methods["mochi.ping"] = lambda: "pong"
        methods["mochi.describe"] = self._describe
        methods["mochi.attr"] = self._attr
        if loop is not None or any(k["kind"] in ("coroutine", "async_generator") for k in kinds):
            self._listen()
            self._start_loop(loop)
        self.wire.stage(STAGE_READY)
        self.say_ready(kinds)
        # What can wait until then is done while the daemon reads that.
        self._listen()
        self._tidy_imports()
        if not sys.modules[__package__ or ""].STARTED:
            from . import snapshot

            snapshot.leave()
        try:
            lane.serve(self, dispatch or self._pass_on)
        except BrokenPipeError:
            pass  # nobody reads the answers any more
        except KeyboardInterrupt:  # ^C by hand
            raise SystemExit(130) from None
        finally:
            if self.loop is not None:
                self.loop.finish()

    async def overlap(self, dispatch: "Dispatch") -> None:
        """Answer the loop's requests, any number at once, until their end."""
        assert self.loop is not None
        await self.loop.overlap(dispatch)

    def arguments(self, request: "Any") -> "tuple[Any, Any]":
        """Give a request's positional and keyword arguments."""
        params = request.get("params")
        if type(params) is list:
            return params, None
        if params is None:
            return (), None
        if "*" not in params:
            return (), params
        named = dict(params)
        positional = named.pop("*")
        if type(positional) is not list:
            raise UnboundParams(
                '"*" holds the positional arguments: make it an array', argument="*"
            )
        return positional, named

    def reply(self, request: "Any", result: "Any") -> "Answer | None":
        """Write the line that answers request; None when there is none, or not yet."""
        if type(result) not in NATURAL:
            kind = type(result)
            if hasattr(kind, "__await__") or hasattr(kind, "__anext__"):
                self._defer(request, result)
                return None
        text = encode(result)
        call = request.get("id", request)
        if type(call) is not int:
            if call is request:  # a notification
                return None
            call = encode(call)
        if len(text) > LONG:
            size = len(text) + len(str(call)) + _FRAME
            if size > values.limit:
                raise too_large(size)
            return f'{{"jsonrpc":"2.0","id":{call},"result":', text
        line = f'{{"jsonrpc":"2.0","id":{call},"result":{text}}}\n'
        if len(line) > values.limit:
            raise too_large(len(line))
        return line.encode()

    def explain(self, request: "Any", error: BaseException) -> BaseException:
        """Tell a call that its arguments do not fit from one that failed inside."""
        if not isinstance(error, TypeError):
            return error
        from .binding import explain

        params, named = self.arguments(request)
        name = request["method"]
        module = "" if "," in self.module else self.module  # of several, the name says which
        function = self.methods[name]
        return explain(name, function, params, named or {}, error, module=module) or error

    def refuse(self, request: "Any", error: BaseException) -> "Answer | None":
        """Answer with what the script's own dispatch let escape."""
        return self.failure(request, self.internal_error, error)

    def failure(self, request: "Any", code: int, error: BaseException) -> "bytes | None":
        """Write the line that answers request with an error."""
        self._disown(request)
        if "id" not in request:
            return None
        call = request["id"]
        data: dict[str, object]
        if isinstance(error, Refusal):
            code, message, data = error.code or code, error.message, error.data
        elif stopped(error, call):
            code, message = CODES["request_cancelled"], "the call was cancelled"
            data = {"kind": "request_cancelled", "started": True, "stack": stack(call)}
        else:
            from .failures import python_error

            message, data = python_error(error, call)
        return self._error_line(call, code, message, data)

    def give_back(self, call: int) -> None:
        """Answer a call whose line has not been reached: it is wanted elsewhere."""
        from .lane import revoked

        refusal = revoked()
        code = refusal.code or self.internal_error
        self.send(self._error_line(call, code, refusal.message, refusal.data))

    def _error_line(self, call: "Any", code: int, message: str, data: dict[str, object]) -> bytes:
        body = {
            "jsonrpc": "2.0",
            "id": call,
            "error": {"code": code, "message": message, "data": data},
        }
        line = encode(body)
        if len(line) >= self.wire.limit:
            short = {key: data[key] for key in SHORT if key in data}
            body["error"] = {"code": code, "message": message[:200], "data": short}
            line = encode(body)
        return line.encode("ascii") + b"\n"

    def complain(self, refusal: Refusal, call: "Any" = None) -> None:
        """Answer a line that is no request."""
        codes = {"parse_error": self.parse_error, "invalid_request": self.invalid_request}
        code = refusal.code or codes.get(str(refusal.data["kind"]), self.internal_error)
        self.send(self._error_line(call, code, refusal.message, refusal.data))

    def notify(self, method: str, params: object) -> None:
        """Tell the other side something it did not ask for."""
        self.send(
            encode({"jsonrpc": "2.0", "method": method, "params": params}).encode("ascii") + b"\n"
        )

    def request(self, line: str) -> "Any":
        """Read a request the careful way; None when the line was answered or is blank.

        The daemon has checked what it sends: here comes an int of too many
        digits, or white space. By hand the whole envelope is examined.
        """
        if self.wire.daemon:
            return parse(line)
        from .by_hand import examine

        return examine(self, line)

    def tidy(self, call: object) -> None:
        """Finish a call's output, and meet what it has imported."""
        if stdio.Output.dirty:
            stdio.finish_call(call)
        if len(sys.modules) != self._tidied:
            self._tidy_imports()

    def _tidy_imports(self) -> None:
        self._tidied = len(sys.modules)
        if "logging" in sys.modules or "warnings" in sys.modules:
            from . import logs

            logs.install()
        if "ctypes" in sys.modules or _foreign_code():
            from . import cstdio

            cstdio.install()

    def _listen(self) -> None:
        """Take the board, and hear what is cancelled."""
        if self.kicks is None and self.wire.control >= 0 and self.wire.seats:
            self.wire.map_board()
            self.kicks = Kicks(self, lane.enter.__code__, stdio.current)
            self.kicks.install()
            self.kicks.take()  # what was asked before is not asked again

    def say_ready(self, kinds: list[dict[str, str]]) -> None:
        """Write the first line: what can be called."""
        ready = {
            "protocol": PROTOCOL,
            "runtime": self.runtime,
            "python": ".".join(map(str, sys.version_info[:3])),
            "pid": os.getpid(),
            "module": self.module,
            "loop": self.loop is not None,
            "methods": kinds,
        }
        self.notify("mochi.ready", ready)

    def _describe(self) -> object:
        from .describe import describe

        return describe(self.module, self.methods)

    def _attr(self, module: str, name: str, args: "list[Any]", always: bool) -> object:
        from .dropin import attr

        return attr(self.methods, module, name, args, always)

    def _start_loop(self, run: "Callable[[], object] | None" = None) -> "Loop":
        from .loop import Loop

        self.loop = Loop(self, run)
        self.loop.start()
        return self.loop

    def _defer(self, request: "Any", awaitable: "Any") -> None:
        """Leave the answer to the loop, which awaits what the call came to."""
        if self.loop is not None and self.loop.is_current():
            self.loop.adopt(request, awaitable)
        else:  # inside a call that may be interrupted: not before it has ended
            self.pending = (request, awaitable)

    def hand_over(self) -> "Answer | None":
        """Give what the call left to the loop; the answer when that fails."""
        assert self.pending is not None
        (request, awaitable), self.pending = self.pending, None
        try:
            loop = self.loop or self._start_loop()
            self._announce(request)
            loop.adopt(request, awaitable)
        except BaseException as error:
            return self.refuse(request, error)
        return None

    def _disown(self, request: "Any") -> None:
        """Drop what will not be awaited, without a warning that it was not."""
        pending = self.pending  # the main thread's, while this may be the loop's
        if pending is not None and pending[0] is request:
            self.pending = None
            if hasattr(pending[1], "cr_frame"):
                pending[1].close()

    def _pass_on(self, request: "Any") -> "Answer | None":
        """Give a whole request to the loop: the script's functions all belong there."""
        if request["method"].startswith("mochi."):
            return self.reply(request, self.methods[request["method"]]())
        self._defer(request, None)
        return None

    def _announce(self, request: "Any") -> None:
        if not self.wire.daemon:
            return
        name = request["method"]
        kind = kind_of(self.methods[name])
        if kind not in ("coroutine", "async_generator"):
            kind = "function"  # it returned an awaitable this time
        self.notify("mochi.moved", {"id": request["id"], "name": name, "kind": kind})


def _foreign_code() -> bool:
    """Tell whether C code from outside the standard library is loaded."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and file.endswith((".so", ".dylib")) and "lib-dynload" not in file:
            return True
    return "_cffi_backend" in sys.modules


def _expect(module: str) -> None:
    """Refuse to serve another module than the one the script was rendered for."""
    from .wire import VARIABLE

    if VARIABLE in os.environ or len(sys.argv) < 2 or not module or sys.argv[1] == module:
        return
    raise SystemExit(
        f"{sys.argv[0]}: rendered for {module}, not for {sys.argv[1]}: "
        f"run it with {module}, or render {sys.argv[1]}"
    )
