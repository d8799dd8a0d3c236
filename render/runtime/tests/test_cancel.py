"""Cancellation: a call that is not wanted ends, whatever it does, and no other does."""

import os
import time

import pytest
from harness import DEADLINE, DUMP

ENDED = {"kind": "request_cancelled", "started": True}
UNSTARTED = {"kind": "request_cancelled", "started": False}


@pytest.fixture
def worker(start_daemon):
    return start_daemon(module="victims")


def running(worker, method, *params, loop=False):
    """Begin a call and wait until it is where it is to be cancelled."""

    def inside():
        return sum('"inside"' in line for line in worker.logged())

    before = inside()
    call = worker.call(method, *params, loop=loop)
    wait_for(lambda: inside() > before, worker.logged)
    return call


def wait_for(condition, *show):
    give_up = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < give_up, [what() for what in show]
        time.sleep(0.001)


# On an idle machine it is a fraction of a millisecond; this leaves room for a
# busy one and none for a kick that went nowhere.
PROMPT = 0.5

BUSY = [
    *("spin", "read_pipe", "acquire", "wait_event", "receive", "run_child"),
    *("endless", "encode", "untold", "chatter", "report", "fail_in_finally"),
]


@pytest.mark.parametrize("method", BUSY)
def test_a_call_ends_at_once_whatever_it_waits_for(worker, method):
    call = running(worker, method)
    began = time.monotonic()
    assert worker.cancelled(call) == [ENDED]
    assert time.monotonic() - began < PROMPT
    assert worker.ask("pid") == worker.process.pid


def test_finally_runs_and_the_answer_says_what_it_is(worker):
    call = running(worker, "sleep", 600)
    worker.cancel(call)
    error = worker.answer(call)["error"]
    assert error["code"] == -32800
    assert error["message"] == "the call was cancelled"
    assert error["data"] == ENDED
    assert worker.ask("log") == ["slept"]


def test_what_swallows_the_cancellation_answers_its_result(worker):
    assert worker.cancelled(running(worker, "swallow")) == ["Cancelled"]
    call = running(worker, "nap_and_swallow", loop=True)
    assert worker.cancelled(call) == ["swallowed"]


@pytest.mark.parametrize(("method", "loop"), [("linger", False), ("nap_and_linger", True)])
def test_a_second_shot_ends_a_finally(worker, method, loop):
    call = running(worker, method, loop=loop)
    worker.cancel(call)
    for _ in range(3):  # a kick alone is no shot
        worker.kick()
    assert worker.silent(0.05)
    assert worker.cancelled(call) == [ENDED]
    assert worker.ask("log")[-1] == "lingering"


def test_a_call_that_waits_in_the_pipe_never_starts(worker):
    first = running(worker, "sleep", 0.1)
    waiting = [worker.call("sleep", 600), worker.call("sleep", 0)]
    assert worker.cancelled(waiting[0]) == [UNSTARTED]
    assert worker.answer(first)["result"] == 0.1
    assert worker.answer(waiting[1])["result"] == 0
    assert worker.ask("log") == ["slept", "slept"]


@pytest.mark.parametrize(
    ("front", "method", "loop", "log"),
    [("sleep", "sleep", False, ["slept", "slept"]), ("hog", "nap", True, ["begun", "woken"])],
)
def test_what_is_struck_out_never_starts_and_needs_no_kick(worker, front, method, loop, log):
    first = running(worker, front, 0.1, loop=loop)
    waiting = [worker.call(method, seconds, loop=loop) for seconds in (600, 600, 0)]
    worker.strike(*waiting[:2])
    worker.shoot(waiting[1])
    assert "result" in worker.answer(first)
    for call in waiting[:2]:
        assert worker.answer(call)["error"]["data"] == UNSTARTED
    assert worker.answer(waiting[2])["result"] == 0
    assert worker.ask("shots") == 0
    assert worker.ask("log") == log


def test_shots_that_come_late_hit_nobody_and_are_forgotten(worker):
    calls = [worker.call("pid") for _ in range(3)]
    for call in calls:
        worker.answer(call)
    loop = worker.call("nap", 0, loop=True)
    worker.answer(loop)
    for _ in range(4):
        worker.cancel(*calls, loop)
    assert worker.ask("sleep", 0.01) == 0.01
    assert worker.ask("nap", 0, loop=True) == 0
    worker.kick()
    assert worker.ask("shots") == 0


def test_sixty_four_coroutines_are_cancelled_at_once_beside_one_that_stays(worker):
    stays = worker.call("nap", 0.3, loop=True)
    calls = [worker.call("nap", 600, loop=True) for _ in range(64)]
    wait_for(lambda: sum('"inside"' in line for line in worker.logged()) == 65)
    assert worker.cancelled(*calls) == [ENDED] * 64
    assert worker.answer(stays)["result"] == 0.3
    log = worker.ask("log")
    assert log.count("begun") == log.count("woken") == 65


def test_coroutines_are_cancelled_beside_a_busy_main_thread(worker):
    busy = running(worker, "sleep", 0.5)
    call = running(worker, "nap", 600, loop=True)
    worker.shoot(call)  # and no kick at all: the loop watches the pipe itself
    assert worker.answer(call)["error"]["data"] == ENDED
    assert all(m.get("id") != busy for m in worker.stray)
    assert worker.answer(busy)["result"] == 0.5


@pytest.mark.parametrize("method", ["Napper.nap", "nap_later"])
def test_a_coroutine_that_was_moved_to_the_loop_is_cancelled_there(worker, method):
    call = running(worker, method, 600)
    assert worker.cancelled(call) == [ENDED]
    assert worker.ask("log")[-2:] == ["begun", "woken"]


def test_an_async_generator_is_closed(worker):
    call = running(worker, "count_for_ever", loop=True)
    assert worker.cancelled(call) == [ENDED]
    assert worker.ask("log") == ["closed"]


def test_a_coroutine_shot_before_it_is_read_never_starts(worker):
    hog = running(worker, "hog", 0.1, loop=True)
    call = worker.call("nap", 600, loop=True)
    assert worker.cancelled(call) == [UNSTARTED]
    assert worker.answer(hog)["result"] is None
    assert worker.ask("log") == []


def test_a_task_that_cancels_itself_answers_once_and_for_itself(worker):
    error = worker.ask("cancel_itself", loop=True)
    assert (error["data"]["kind"], error["data"]["type"]) == ("python_error", "CancelledError")
    assert worker.ask("finish_cancelled", loop=True) == "answered once"
    assert worker.ask("pid") == worker.process.pid
    assert worker.stray == []


def test_a_loop_inside_a_function_ends_with_its_tasks(worker):
    assert worker.cancelled(running(worker, "run_loop")) == [ENDED]
    assert worker.ask("log") == ["child ended"]


def test_an_import_is_finished_before_its_call_is_ended(worker, tmp_path):
    (tmp_path / "slow_module.py").write_text("import time\ntime.sleep(0.3)\nwhole = True\n")
    call = running(worker, "import_slowly", "slow_module", 600)
    began = time.monotonic()
    assert worker.cancelled(call) == [ENDED]
    assert 0.1 < time.monotonic() - began < 0.3 + PROMPT
    assert worker.ask("import_slowly", "slow_module", 0) is None


@pytest.mark.parametrize(
    ("method", "log"), [("collect", ["dying", "dead"]), ("call_back", ["called back"])]
)
def test_a_cancellation_is_not_lost_where_exceptions_are_ignored(worker, method, log):
    call = running(worker, method)
    assert worker.cancelled(call) == [ENDED]
    assert worker.ask("log") == log
    assert {record["message"] for record in worker.records()} == {"inside"}


def test_a_kept_cancellation_raised_by_another_call_is_an_ordinary_error(worker):
    assert worker.cancelled(running(worker, "keep_for_next")) == ["kept"]
    data = worker.ask("raise_kept")["data"]
    assert (data["kind"], data["type"]) == ("python_error", "Cancelled")


def test_a_forked_child_does_not_listen(worker):
    assert worker.ask("fork") == 3
    assert worker.cancelled(running(worker, "spin")) == [ENDED]


def test_a_reply_is_never_cut_by_a_cancellation(worker):
    size = 900_000  # several times what the pipe holds: the worker waits in the write
    call = worker.started(worker.call("large", size))
    assert not worker.silent(DEADLINE)
    worker.shoot(call)
    for _ in range(20):
        worker.kick()
    assert worker.answer(call)["result"] == "x" * size
    assert worker.ask("pid") == worker.process.pid


def test_the_stacks_of_all_threads_can_be_had_of_a_stuck_worker(worker):
    running(worker, "sleep", 600)
    os.kill(worker.process.pid, DUMP)
    wait_for(lambda: any("in sleep" in line for line in worker.logged()), worker.logged)
    assert sum(line.startswith(("Thread", "Current thread")) for line in worker.logged()) == 2


def test_kicks_alone_change_nothing(worker):
    call = running(worker, "sleep", 0.1)
    for _ in range(10):
        worker.kick()
    assert worker.answer(call)["result"] == 0.1
