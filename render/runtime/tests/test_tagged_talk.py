"""Streams and callbacks in the tagged encoding."""

import pytest

TAGGED = {"encoding": "tagged"}


@pytest.fixture
def worker(start_daemon):
    return start_daemon(module="talk")


@pytest.mark.parametrize(("method", "loop"), [("pairs", False), ("pairs_async", True)])
def test_items_are_tagged(worker, method, loop):
    worker.call(method, 2, loop=loop, meta={**TAGGED, "stream": True})
    assert worker.message()["params"]["items"] == [{"$tuple": [0, {"$bytes": "AA=="}]}]
    assert worker.message()["params"]["items"] == [{"$tuple": [1, {"$bytes": "AA=="}]}]
    assert worker.message()["result"] == {"count": 2}
    assert worker.ask(method, 1, loop=loop, meta=TAGGED) == [{"$tuple": [0, {"$bytes": "AA=="}]}]


def test_a_callback_is_an_argument_and_speaks_the_calls_encoding(worker):
    call = worker.call("apply", {"$callback": "double"}, {"$tuple": [1, 2]}, meta=TAGGED)
    asked = worker.message()["params"]
    assert (asked["callback"], asked["args"]) == ("double", [{"$tuple": [1, 2]}])
    worker.tell("mochi.called", id=call, n=asked["n"], result={"$tuple": [2, 4]})
    assert worker.answer(call)["result"] == {"$tuple": [2, 4]}
