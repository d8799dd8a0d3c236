"""The host of the calls that are made in this process: runs in __main__.

The rendered worker script is imported, not run. It is inert then, and lends
what makes a worker's answers: its table, its dispatch, its encoder. In place of
the two lanes, a call runs on the thread it comes in on, and what turns out to
be awaitable on one event loop (or a loop per call), while that thread waits.
"""

import sys
import threading


class _Quiet:
    """Stands for the wire, where there is none."""

    daemon = True  # what arrives was written by a program
    limit = 16 * 1024 * 1024
    seats = 0
    board = None
    forked = False
    loop = control = fork = life = side = requests = replies = -1
    poll = 0
    # Ids of handles begin as no worker's do; there may be as many as in a worker.
    refs = "p0.w0.g0"
    handles = 100_000
    timeout = None
    per_call = False  # the host has its own

    def write(self, line):
        raise RuntimeError("an embedded interpreter answers calls and nothing else: stream from a worker")


class _Host:
    def __init__(self, setup):
        self.loop = None
        self.per_call = setup["per_call"]
        self.lock = threading.Lock()
        sys.argv = [setup["directory"] + "/mochi_worker.py", ",".join(setup["modules"])]
        sys.path[:0] = [setup["directory"], *(setup["path"] or ())]
        import mochi_pyd.worker

        class Worker(mochi_pyd.worker.Worker):
            """Keeps what is to be awaited by its request: there are many threads."""

            def __init__(self, name, module, runtime=""):
                self.awaited = {}
                super().__init__(name, module, runtime)
                self.wire = _Quiet()
                self.send = self.wire.write

            def notify(self, method, params):
                # Nobody counts handles here, and nobody watches progress.
                if method not in ("mochi.refs", "mochi.report"):
                    super().notify(method, params)

            def _defer(self, request, awaitable):
                self.awaited[id(request)] = awaitable

            def _disown(self, request):
                awaitable = self.awaited.pop(id(request), None)
                if hasattr(awaitable, "cr_frame"):
                    awaitable.close()

        original = mochi_pyd.worker.Worker
        mochi_pyd.worker.Worker = Worker
        try:
            import mochi_worker
        finally:
            mochi_pyd.worker.Worker = original
        # As in a worker: tracebacks leave the script out, and a process that
        # multiprocessing spawns finds a main module that is inert.
        globals()["__file__"] = mochi_worker.__file__
        self.script, self.worker = mochi_worker, mochi_worker._WORKER
        # What `serve` would set before it begins to read.
        self.worker.methods = mochi_worker._METHODS
        self.worker.plain = getattr(mochi_worker._METHODS, "plain", None)
        self.worker.dispatch = mochi_worker._dispatch
        self.worker.parse_error = mochi_worker._PARSE_ERROR
        self.worker.invalid_request = mochi_worker._INVALID_REQUEST
        self.worker.internal_error = mochi_worker._INTERNAL_ERROR
        self.worker.methods.worker = self.worker
        self.worker._short = 64 * 1024  # no result is written in pieces before that

    def call(self, line):
        from mochi_pyd.values import parse

        request = parse(line.decode())
        try:
            answer = self.script._dispatch(request)
            if answer is None:
                answer = self.settle(request)
        except BaseException as error:  # SystemExit too: the process is not the function's
            answer = self.script._refuse(request, error)
        if isinstance(answer, tuple):  # a long result, which a worker writes in pieces
            head, result = answer
            return head.encode() + result.encode() + b"}\n"
        return answer

    def settle(self, request):
        """Wait for what the call left to be awaited."""
        import asyncio

        if self.per_call:
            return asyncio.run(self.answer(request))
        return asyncio.run_coroutine_threadsafe(self.answer(request), self.running()).result()

    async def answer(self, request):
        from mochi_pyd.loop import collect

        answer = None
        while answer is None:
            awaitable = self.worker.awaited.pop(id(request))
            try:
                if hasattr(type(awaitable), "__await__"):
                    answer = self.worker.reply(request, await awaitable)
                else:
                    answer = self.worker.reply(request, None, await collect(awaitable))
            except BaseException as error:
                answer = self.script._refuse(request, error)
        return answer

    def running(self):
        """Give the loop of all coroutines, started by the first of them."""
        import asyncio

        from mochi_pyd.loop import THREAD_NAME

        with self.lock:
            if self.loop is None:
                self.loop = asyncio.new_event_loop()
                self.thread = threading.Thread(target=self.keep, name=THREAD_NAME, daemon=True)
                self.thread.start()
        return self.loop

    def keep(self):
        import asyncio

        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        left = asyncio.all_tasks(self.loop)
        for task in left:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()

    def finish(self):
        if self.loop is not None:
            self.loop.call_soon_threadsafe(self.loop.stop)
            self.thread.join()


_host = None


def _failed(error):
    """Write the response that says why there is no host."""
    import json

    try:
        from mochi_pyd import imports

        refusal = imports.refusal(",".join(sys.argv[1:]), error)
        body = {"code": refusal.code, "message": refusal.message, "data": refusal.data}
    except BaseException as worse:
        body = {"code": -32603, "message": f"the interpreter cannot be set up: {error!r}, then {worse!r}"}
    return json.dumps({"jsonrpc": "2.0", "id": None, "error": body}).encode()


def mochi_call(line):
    """Answer one line: the set-up first, then requests, at last an empty one."""
    global _host
    if _host is None:
        if not line:
            return b""
        import json

        try:
            _host = _Host(json.loads(line))
        except BaseException as error:
            return _failed(error)
        return b'{"result":null}'
    if not line:
        _host.finish()
        return b""
    return _host.call(line)
