"""Streams: items as they are made, no further than the credit, closed by whatever ends them."""

import json
import time

import pytest
from harness import DEADLINE, DaemonWorker

ENDED = {"kind": "request_cancelled", "started": True}
STREAM = {"stream": True}
LANES = [("count", False), ("count_async", True)]


@pytest.fixture
def worker(start_daemon):
    return start_daemon(module="talk")


def wait_for(condition, *show):
    give_up = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < give_up, [what() for what in show]
        time.sleep(0.001)


class Reader:
    """Reads one stream, and gives credit when the worker asks for it."""

    def __init__(self, worker, call, *, loop=False, grant=None):
        self.worker, self.call, self.loop, self.grant = worker, call, loop, grant
        self.items, self.waits, self.moved = [], 0, False

    def step(self):
        """Take one message; the answer when it is that."""
        message = self.worker.message()
        if message.get("id") == self.call:
            return message
        if message.get("method") == "mochi.moved":
            self.moved = self.loop = True
            return None
        if message.get("params", {}).get("id") != self.call:
            self.worker.stray.append(message)
            return None
        params = message["params"]
        if message["method"] == "mochi.items":
            assert params["seq"] == len(self.items)
            self.items += params["items"]
        elif message["method"] == "mochi.waiting":
            self.waits += 1
            if self.grant:
                self.worker.tell("mochi.credit", self.loop, id=self.call, n=self.grant)
        return None

    def end(self):
        """Read to the answer."""
        while (answer := self.step()) is None:
            pass
        return answer

    def stall(self):
        """Read until the worker waits."""
        before = self.waits
        while self.waits == before:
            assert self.step() is None
        return self


def stream(worker, method, *params, loop=False, grant=None):
    call = worker.call(method, *params, loop=loop, meta=STREAM)
    return Reader(worker, call, loop=loop, grant=grant)


@pytest.mark.parametrize(("method", "loop"), [*LANES, ("count_mapped", False)])
def test_items_come_in_order_and_the_result_is_their_count(worker, method, loop):
    reader = stream(worker, method, 200, loop=loop, grant=50)
    assert reader.end()["result"] == {"count": 200}
    assert reader.items == list(range(200))
    assert reader.waits == 3


@pytest.mark.parametrize(("method", "loop"), LANES)
def test_what_fits_the_credit_ends_without_more(worker, method, loop):
    reader = stream(worker, method, 64, loop=loop)
    assert reader.end()["result"] == {"count": 64}
    assert stream(worker, method, 0, loop=loop).end()["result"] == {"count": 0}


@pytest.mark.parametrize(("method", "loop"), LANES)
def test_without_credit_nothing_more_is_sent(worker, method, loop):
    reader = stream(worker, method, 100, loop=loop).stall()
    assert len(reader.items) == 64
    assert worker.silent(0.05)
    worker.tell("mochi.credit", loop, id=reader.call, n=1)
    reader.stall()
    assert len(reader.items) == 65
    worker.tell("mochi.credit", loop, id=reader.call, n=1000)
    assert reader.end()["result"] == {"count": 100}


def test_one_item_is_computed_ahead_and_no_more(worker):
    reader = stream(worker, "produce", 100).stall()
    worker.tell("mochi.credit", id=reader.call, n=1000)
    reader.end()
    call = stream(worker, "produce", 1000).stall()
    assert worker.cancelled(call.call) == [ENDED]
    assert worker.ask("log")[100:] == list(range(65))


@pytest.mark.parametrize(("method", "loop"), LANES)
def test_a_megabyte_is_as_far_ahead_as_items_go(worker, method, loop):
    reader = stream(worker, method, 5, 300_000, loop=loop).stall()
    assert len(reader.items) == 3
    worker.tell("mochi.credit", loop, id=reader.call, n=1)
    assert reader.end()["result"] == {"count": 5}


@pytest.mark.parametrize(("method", "loop"), LANES)
def test_an_item_larger_than_that_passes_alone(start_daemon, monkeypatch, method, loop):
    monkeypatch.setattr(DaemonWorker, "more", f"message={4 << 20}")
    worker = start_daemon(module="talk")
    size = 3 << 20
    reader = stream(worker, method, 3, size, loop=loop, grant=1)
    assert reader.end()["result"] == {"count": 3}
    assert reader.waits == 2
    error = stream(worker, method, 3, 4 << 20, loop=loop, grant=1).end()["error"]
    assert error["data"]["kind"] == "too_large"


@pytest.mark.parametrize(("method", "loop"), [("fail_after", False), ("fail_async", True)])
def test_an_exception_in_the_middle_is_the_answer(worker, method, loop):
    reader = stream(worker, method, 5, loop=loop)
    error = reader.end()["error"]
    assert (error["message"], reader.items) == ("LookupError: mid-stream", [0, 1, 2, 3, 4])
    assert [frame["name"] for frame in error["data"]["traceback"]] == [method]


def test_a_generator_that_raises_generator_exit_is_answered(worker):
    error = stream(worker, "leave_after", 2).end()["error"]
    assert error["data"]["type"] == "GeneratorExit"
    assert worker.ask("log") == []


def test_an_item_that_cannot_be_written_says_which_it_is(worker):
    reader = stream(worker, "unserializable", 2)
    error = reader.end()["error"]
    assert error["data"]["path"] == "$[2].a[0]"
    assert "$[2].a[0] is a object" in error["message"]
    assert reader.items == [0, 1]


@pytest.mark.parametrize(("method", "loop"), [("for_ever", False), ("for_ever_async", True)])
def test_a_stream_that_waits_for_credit_is_cancelled_and_closed(worker, method, loop):
    reader = stream(worker, method, loop=loop).stall()
    began = time.monotonic()
    assert worker.cancelled(reader.call) == [ENDED]
    assert time.monotonic() - began < 0.5
    assert worker.ask("log") == ["closed"]
    # What comes too late for it is not taken by the next one.
    worker.tell("mochi.credit", loop, id=reader.call, n=5)
    after = stream(worker, method, loop=loop).stall()
    assert len(after.items) == 64
    assert worker.silent(0.05)
    assert worker.cancelled(after.call) == [ENDED]


@pytest.mark.parametrize(
    ("method", "params", "loop"),
    [("for_ever", (), False), ("for_ever", (0.01,), False), ("for_ever_async", (), True)],
)
def test_a_stream_that_runs_is_cancelled_and_closed(worker, method, params, loop):
    reader = stream(worker, method, *params, loop=loop, grant=10_000_000)
    while len(reader.items) < 70:
        reader.step()
    worker.shoot(reader.call)
    for _ in range(200):  # the items in the pipe have to be read for it to go on
        worker.kick()
        if (answer := reader.step()) is not None:
            break
    answer = answer or reader.end()
    assert answer["error"]["code"] == -32800
    assert worker.ask("log") == ["closed"]


def test_a_second_shot_ends_the_finally_of_a_generator(worker):
    reader = stream(worker, "linger_when_closed").stall()
    worker.cancel(reader.call)
    assert worker.silent(0.05)
    assert worker.cancelled(reader.call) == [ENDED]
    assert worker.ask("log") == ["lingering"]


def test_a_finally_that_fails_is_still_a_cancelled_call(worker):
    reader = stream(worker, "fail_when_closed").stall()
    assert worker.cancelled(reader.call) == [ENDED]


def test_a_stream_beside_the_loop_and_a_stream_on_it_stall_nobody(worker):
    sync = stream(worker, "for_ever").stall()
    asynchronous = stream(worker, "for_ever_async", loop=True, grant=10_000_000)
    while len(asynchronous.items) < 1000:
        asynchronous.step()
    began = time.monotonic()
    nap = worker.call("nap", 0.05, loop=True)
    while not any(message.get("id") == nap for message in worker.stray):
        asynchronous.step()
        assert time.monotonic() - began < 2
    worker.cancel(asynchronous.call)
    assert asynchronous.end()["error"]["code"] == -32800
    worker.tell("mochi.credit", id=sync.call, n=3)
    sync.stall()
    assert sync.items == list(range(67))
    assert worker.cancelled(sync.call) == [ENDED]


def test_each_item_is_sent_before_the_next_is_computed(worker):
    reader = stream(worker, "ticks", 5, 0.05, loop=True)
    times = []
    while len(reader.items) < 5:
        assert reader.step() is None
        times.append(time.monotonic())
    assert all(b - a > 0.02 for a, b in zip(times, times[1:]))


@pytest.mark.parametrize(
    ("method", "loop", "moved"),
    [
        ("generator_later", True, False),
        ("async_generator_later", True, False),
        ("async_generator_from_main", False, True),
    ],
)
def test_generators_that_are_returned_are_streams_too(worker, method, loop, moved):
    reader = stream(worker, method, 100, loop=loop, grant=100)
    assert reader.end()["result"] == {"count": 100}
    assert (reader.items, reader.moved) == (list(range(100)), moved)
    assert worker.ask("log") == ["closed"]


def test_without_stream_a_generator_is_an_array(worker):
    assert worker.ask("count", 100) == list(range(100))
    assert worker.ask("count_async", 100, loop=True) == list(range(100))
    assert worker.ask("count", 3, meta={"stream": False}) == [0, 1, 2]


def test_stream_on_what_is_no_generator_gives_the_plain_result(worker):
    assert worker.ask("block", 0, meta=STREAM) == 0
    assert worker.ask("nap", 0, meta=STREAM, loop=True) == 0
    assert worker.ask("log", meta=STREAM) == []


@pytest.mark.parametrize(("method", "loop"), [("for_ever", False), ("for_ever_async", True)])
def test_a_stream_that_waits_when_its_worker_ends_is_closed(worker, method, loop, tmp_path):
    import os

    reader = stream(worker, method, loop=loop).stall()
    os.close(worker.side)
    worker.side = -1
    lines = [json.loads(line) for line in worker.end()]
    assert [line["id"] for line in lines] == [reader.call]
    assert lines[0]["error"]["data"]["kind"] == "shutting_down"
    assert worker.status == 0


def test_a_revocation_never_cuts_an_item(worker):
    revoke = 1 << 63
    reader = stream(worker, "for_ever", grant=10_000_000)
    while len(reader.items) < 100:
        reader.step()
    waiting = [worker.call("block", 0) for _ in range(3)]
    worker.shoot(*(call | revoke for call in waiting))
    back = []
    for _ in range(200_000):
        worker.kick() if len(reader.items) % 50 == 0 else None
        reader.step()
        back = [m for m in worker.stray if m.get("id") in waiting]
        if len(back) == 3:
            break
    assert [m["error"]["data"]["started"] for m in back] == [False] * 3
    worker.cancel(reader.call)
    assert reader.end()["error"]["code"] == -32800


@pytest.mark.parametrize(("method", "loop"), LANES)
def test_by_hand_items_are_notifications_without_credit(start, method, loop):
    worker = start(module="talk")
    reader = stream(worker, method, 200, 10_000)
    assert reader.end()["result"] == {"count": 200}
    assert (len(reader.items), reader.waits) == (200, 0)
    worker.write(
        b'{"jsonrpc":"2.0","id":"a","method":"count","params":[1],"meta":{"stream":true}}\n'
    )
    assert worker.message()["params"] == {"id": "a", "seq": 0, "items": [0]}
    assert worker.message() == {"jsonrpc": "2.0", "id": "a", "result": {"count": 1}}


def test_an_async_script_streams_what_it_awaits(start_daemon):
    worker = start_daemon(shape="mixed")
    reader = stream(worker, "count_async", 70, loop=True, grant=64)
    assert reader.end()["result"] == {"count": 70}
    assert reader.items == list(range(70))


ROUNDS = 150


def test_streams_that_are_cancelled_anywhere_answer_once_and_write_whole_lines(worker):
    import random

    rng = random.Random(7)
    for _ in range(ROUNDS):
        loop = rng.random() < 0.4
        method = "for_ever_async" if loop else "for_ever"
        reader = stream(worker, method, loop=loop, grant=rng.choice([1, 7, 500]))
        waiting = [worker.call("block", 0) for _ in range(rng.randrange(3))]
        while not reader.items:  # the answers of the others may come first
            assert reader.step() is None
        for _ in range(rng.randrange(120)):
            assert reader.step() is None
        if waiting and not loop:
            worker.shoot(waiting[0] | 1 << 63)
            worker.kick()
        worker.shoot(reader.call)
        worker.kick()
        answer = None
        while answer is None:  # every line is JSON, and every item in its place
            if rng.random() < 0.02:
                worker.kick()
            if worker.silent(0.02):
                worker.kick()
            else:
                answer = reader.step()
        assert answer["error"]["code"] == -32800
        answers = [worker.answer(call) for call in waiting]
        assert all("result" in a or a["error"]["code"] == -32800 for a in answers)
        assert worker.stray == []
    assert worker.ask("log") == ["closed"] * ROUNDS


@pytest.mark.parametrize(("method", "loop"), LANES)
def test_a_word_of_no_more_items_opens_the_bytes_anew(worker, method, loop):
    reader = stream(worker, method, 5, 300_000, loop=loop).stall()
    worker.tell("mochi.credit", loop, id=reader.call, n=0)
    assert reader.end()["result"] == {"count": 5}
    reader = stream(worker, method, 65, loop=loop).stall()
    worker.tell("mochi.credit", loop, id=reader.call, n=0)
    reader.stall()
    assert len(reader.items) == 64
    worker.tell("mochi.credit", loop, id=reader.call, n=1)
    assert reader.end()["result"] == {"count": 65}


@pytest.mark.parametrize("method", ["count", "count_async"])
def test_by_hand_a_stream_that_nobody_hears_runs_like_any_notification(start, method):
    worker = start(module="talk")
    line = f'{{"jsonrpc":"2.0","method":"{method}","params":[3],"meta":{{"stream":true}}}}\n'
    worker.write(line.encode())
    wait_for(lambda: worker.ask("log") == ["closed"])


@pytest.mark.parametrize("wire", ["", "eventloop=per-call"])
def test_an_asynchronous_iterator_becomes_an_array_of_all_that_is_in_it(start_daemon, wire):
    worker = start_daemon(module="talk", wire=wire)
    assert worker.ask("nested", 3, loop=True) == [[[0, 1]], [[1, 2]], [[2, 3]]]
    assert len(worker.ask("nested", 2000)) == 2000
    error = worker.ask("nested_badly", 2, loop=True)
    assert (error["data"]["kind"], error["data"]["path"]) == ("not_serializable", "$[2].a")
    assert "$[2].a" in error["message"]
    worker.ask("log")
    assert worker.ask("large", 1 << 18, loop=True)["data"]["kind"] == "too_large"
    assert len(worker.ask("log")) < 10, "it stops soon behind what a message holds"
