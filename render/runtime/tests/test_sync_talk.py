"""A worker without a loop, which has one thread: it streams, asks and is cancelled the same way."""

import json

import pytest

SOURCE = """
import contextvars, itertools, sys, threading
import mochi_pyd

LOG = []

def log():
    return LOG

def for_ever():
    try:
        yield from itertools.count()
    finally:
        LOG.append("closed")

def confirm():
    return mochi_pyd.callback("confirm")()

def in_thread():
    mochi_pyd.current_call()
    found = []
    context = contextvars.copy_context()
    look = lambda: found.append(mochi_pyd.current_call().id)
    thread = threading.Thread(target=context.run, args=(look,))
    thread.start()
    thread.join()
    return found[0]

def report_while_streaming(n):
    mochi_pyd.current_call()
    context, done = contextvars.copy_context(), []

    def report():
        while not done:
            mochi_pyd.progress(0.0 if len(done) else 1.0)
            mochi_pyd.progress(0.0)

    thread = threading.Thread(target=context.run, args=(report,))
    thread.start()
    for i in range(n):
        yield "x" * 20_000
    done.append(True)
    thread.join()

def modules():
    return [name for name in sys.modules if name == "asyncio"]
"""


@pytest.fixture
def worker(start_daemon, tmp_path):
    (tmp_path / "plain.py").write_text(SOURCE)
    worker = start_daemon(module="plain")
    assert worker.ready["loop"] is False
    yield worker
    assert worker.ask("modules") == []


def until(worker, method):
    while (message := worker.message()).get("method") != method:
        pass
    return message["params"]


def test_a_stream_that_waits_is_cancelled_and_closed(worker):
    call = worker.call("for_ever", meta={"stream": True})
    until(worker, "mochi.waiting")
    assert worker.cancelled(call)[0]["kind"] == "request_cancelled"
    assert worker.ask("log") == ["closed"]


def test_a_callback_waits_and_is_cancelled(worker):
    call = worker.call("confirm")
    number = until(worker, "mochi.callback")["n"]
    worker.tell("mochi.called", id=call, n=number, result=7)
    assert worker.answer(call)["result"] == 7
    call = worker.call("confirm")
    until(worker, "mochi.callback")
    assert worker.cancelled(call)[0]["kind"] == "request_cancelled"


def test_a_thread_knows_its_call(worker):
    call = worker.call("in_thread")
    assert worker.answer(call)["result"] == call


def test_what_a_thread_reports_does_not_cut_an_item(worker):
    call = worker.call("report_while_streaming", 300, meta={"stream": True, "progress": True})
    items = 0
    while True:
        message = json.loads(worker.line())
        if message.get("id") == call:
            break
        if message["method"] == "mochi.waiting":
            worker.tell("mochi.credit", id=call, n=100)
        items += message["method"] == "mochi.items"
    assert (message["result"], items) == ({"count": 300}, 300)
