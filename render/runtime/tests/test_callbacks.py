"""Callbacks: a call asks its host, waits, and is answered, refused or cancelled meanwhile."""

import os

import pytest

ENDED = {"kind": "request_cancelled", "started": True}
LANES = [("confirm", False), ("confirm_async", True)]


@pytest.fixture
def worker(start_daemon):
    return start_daemon(module="talk")


def question(worker, call):
    """Read to the call's question."""
    message = worker.message()
    assert message["method"] == "mochi.callback", message
    assert message["params"].pop("id") == call
    return message["params"]


def answer(worker, call, number, loop=False, **word):
    worker.tell("mochi.called", loop, id=call, n=number, **word)


@pytest.mark.parametrize(("method", "loop"), LANES)
def test_a_callback_gives_what_the_host_answers(worker, method, loop):
    call = worker.call(method, 1, [2], loop=loop, default="é")
    asked = question(worker, call)
    assert asked == {"n": 1, "callback": "confirm", "args": [1, [2]], "kwargs": {"default": "é"}}
    answer(worker, call, 1, loop, result={"yes": True})
    assert worker.answer(call)["result"] == {"yes": True}
    call = worker.call(method, loop=loop)
    assert question(worker, call) == {"n": 2, "callback": "confirm", "args": [], "kwargs": {}}
    answer(worker, call, 2, loop, result=None)
    assert worker.answer(call)["result"] is None


def test_an_error_of_the_host_is_an_exception_with_its_parts(worker):
    call = worker.call("confirm_or", "default")
    question(worker, call)
    answer(worker, call, 1, error={"code": 7, "message": "no", "data": [1]})
    assert worker.answer(call)["result"] == ["default", 7, "no", [1]]


@pytest.mark.parametrize(("method", "loop"), LANES)
def test_an_error_that_nobody_catches_is_a_python_error(worker, method, loop):
    call = worker.call(method, loop=loop)
    question(worker, call)
    answer(worker, call, 1, loop, error={"code": -32011, "message": "a cycle"})
    error = worker.answer(call)["error"]
    assert error["message"] == "mochi_pyd.CallbackError: a cycle (-32011)"
    assert (error["data"]["type"], error["data"]["module"]) == ("CallbackError", "mochi_pyd")


@pytest.mark.parametrize(("method", "loop"), LANES)
def test_a_call_that_waits_for_its_host_can_be_cancelled(worker, method, loop):
    call = worker.call(method, loop=loop)
    question(worker, call)
    assert worker.cancelled(call) == [ENDED]
    answer(worker, call, 1, loop, result="late")  # which the next one does not take
    call = worker.call(method, loop=loop)
    question(worker, call)
    answer(worker, call, 2, loop, result="in time")
    assert worker.answer(call)["result"] == "in time"


def test_coroutines_wait_for_their_own_answers(worker):
    calls = [worker.call("confirm_async", i, loop=True) for i in range(5)]
    numbers = {}
    for _ in calls:
        params = worker.message()["params"]
        numbers[params["id"]] = params["n"]
    for i, call in reversed(list(enumerate(calls))):
        answer(worker, call, numbers[call], True, result=i)
    assert [worker.answer(call)["result"] for call in calls] == list(range(5))


@pytest.mark.parametrize(("method", "loop"), LANES)
def test_a_long_answer_passes_whole(worker, method, loop):
    call = worker.call(method, loop=loop)
    question(worker, call)
    text = "x" * 500_000
    answer(worker, call, 1, loop, result=text)
    assert worker.answer(call)["result"] == text


def test_a_stream_may_ask_for_each_of_its_items(worker):
    call = worker.call("stream_of_answers", 70, meta={"stream": True})
    items = []
    while True:
        message = worker.message()
        if message.get("id") == call:
            break
        params = message["params"]
        if message["method"] == "mochi.callback":
            answer(worker, call, params["n"], result=params["args"][0] * 2)
        elif message["method"] == "mochi.waiting":
            worker.tell("mochi.credit", id=call, n=10)
        else:
            items += params["items"]
    assert message["result"] == {"count": 70}
    assert items == [2 * i for i in range(70)]


def test_a_worker_that_ends_leaves_nobody_waiting(worker):
    call = worker.call("confirm")
    question(worker, call)
    os.close(worker.side)
    worker.side = -1
    assert worker.answer(call)["error"]["data"]["kind"] == "shutting_down"
    call = worker.call("confirm_async", loop=True)
    question(worker, call)
    worker.end()


def test_threads_and_code_outside_of_a_call_are_told_why_not(worker, start_daemon, tmp_path):
    assert "a thread of your own cannot wait" in worker.ask("confirm_in_thread")
    (tmp_path / "early.py").write_text("import mochi_pyd\nmochi_pyd.callback('confirm')()\n")
    early = start_daemon(module="early", ready=False)
    message = early.message()["params"]["error"]["message"]
    assert "RuntimeError: callback confirm: there is no call here" in message


def test_by_hand_there_is_nobody_to_ask(start):
    error = start(module="talk").ask("confirm")
    assert "a worker that runs by hand has no host to ask" in error["message"]
