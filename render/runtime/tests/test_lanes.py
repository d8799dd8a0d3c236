"""Coroutines and functions in one worker, by hand and under the daemon."""

import os
import subprocess
import time

import pytest


def test_a_hundred_naps_overlap_on_one_worker(worker):
    began = time.monotonic()
    calls = [worker.call("nap", 0.1) for _ in range(100)]
    assert [worker.answer(call)["result"] for call in calls] == [0.1] * 100
    assert time.monotonic() - began < 0.4


@pytest.mark.parametrize("shape", ["public", "mixed"])
def test_coroutines_proceed_beside_a_blocking_function(start_daemon, shape):
    worker = start_daemon(shape=shape)
    assert worker.ready["loop"]
    blocked = worker.call("block", 0.5)
    naps = [worker.call("nap", 0.05, loop=True) for _ in range(20)]
    for call in naps:
        assert worker.answer(call)["result"] == 0.05
    assert all(m.get("id") != blocked for m in worker.stray), "the naps waited for the function"
    assert worker.answer(blocked)["result"] == 0.5


@pytest.mark.parametrize("shape", ["public", "mixed"])
def test_async_generators_become_arrays(start_daemon, shape):
    worker = start_daemon(shape=shape)
    assert worker.ask("count_async", 3, loop=True) == [0, 1, 2]
    assert worker.ask("count_async", 4) == [0, 1, 2, 3]


def test_a_coroutine_on_the_main_lane_is_announced_and_moved(daemon_worker):
    call = daemon_worker.call("Counter.nap", 0.01)
    moved = daemon_worker.message()
    params = {"id": call, "name": "Counter.nap", "kind": "coroutine"}
    assert moved == {"jsonrpc": "2.0", "method": "mochi.moved", "params": params}
    assert daemon_worker.answer(call)["result"] == 0.01
    call = daemon_worker.call("nap_later", 0.01)
    assert daemon_worker.message()["params"]["kind"] == "function"
    assert daemon_worker.answer(call)["result"] == 0.01


def test_the_loop_has_its_thread_and_functions_have_the_main_one(daemon_worker):
    assert daemon_worker.ask("thread_name_async", loop=True) == "mochi-asyncio-loop"
    assert daemon_worker.ask("thread_name") == "MainThread"


def test_errors_of_coroutines_are_answers(worker):
    error = worker.ask("fail_async")
    assert error["message"] == "LookupError: async"
    assert [frame["name"] for frame in error["data"]["traceback"]] == ["fail_async"]
    assert worker.ask("nap")["data"]["argument"] == "seconds"


def test_the_loop_survives_a_task_that_exits(worker):
    assert worker.ask("exit_loop")["data"]["kind"] == "python_error"
    assert worker.ask("nap", 0.01) == 0.01


# What would double the start-up, and what a plain call has no use for.
HEAVY = "asyncio base64 ctypes datetime inspect json logging re signal threading traceback typing"


def test_a_plain_worker_starts_on_next_to_nothing(start_daemon, tmp_path):
    show = "import sys\ndef heavy(names):\n    return [n for n in names if n in sys.modules]\n"
    (tmp_path / "quiet.py").write_text(show)
    worker = start_daemon(module="quiet")
    assert worker.ready["loop"] is False
    program = f"{show}print(*heavy({HEAVY.split()}))"
    bare = subprocess.run(
        [worker.python, "-c", program], capture_output=True, text=True, check=True
    )
    assert worker.ask("heavy", HEAVY.split()) == bare.stdout.split()  # what site has imported


def test_an_async_script_awaits_whatever_it_was_given(start, start_daemon):
    for worker in (start(shape="async"), start_daemon(shape="async")):
        assert worker.ask("nap", 0.01) == 0.01
        assert worker.ask("add", 1) == 11
        assert worker.ask("fail")["data"]["kind"] == "method_not_found"
        assert worker.ask("mochi.ping") == "pong"
        assert worker.ask("nap")["data"]["kind"] == "invalid_params"


def test_the_scoreboard_says_what_has_started(daemon_worker):
    assert daemon_worker.cell(0) == 2
    first = daemon_worker.call("add", 1)
    daemon_worker.answer(first)
    seat = first % daemon_worker.seats
    assert daemon_worker.cell(1 + seat) == first
    nap = daemon_worker.call("nap", 0, loop=True)
    daemon_worker.answer(nap)
    assert daemon_worker.cell(1 + nap % daemon_worker.seats) == nap


def test_a_revoked_call_never_starts(daemon_worker):
    running = daemon_worker.call("block", 0.3)
    waiting = [daemon_worker.call("block", 0.01) for _ in range(2)]
    os.write(daemon_worker.control, waiting[1].to_bytes(8, "little"))
    assert daemon_worker.answer(running)["result"] == 0.3
    assert daemon_worker.answer(waiting[0])["result"] == 0.01
    error = daemon_worker.answer(waiting[1])["error"]
    assert (error["code"], error["data"]) == (
        -32800,
        {"kind": "request_cancelled", "started": False},
    )


def test_what_waits_behind_a_long_call_is_given_back_at_once_and_never_runs_here(daemon_worker):
    revoke = 1 << 63
    running = daemon_worker.started(daemon_worker.call("block", 1.0))
    waiting = [daemon_worker.call("block", 0.01) for _ in range(3)]
    began = time.monotonic()
    daemon_worker.cancel(*(call | revoke for call in [running, *waiting]))
    for call in waiting:
        assert daemon_worker.answer(call)["error"]["data"] == {
            "kind": "request_cancelled",
            "started": False,
        }
    assert time.monotonic() - began < 0.9, "they waited for the long call"
    assert daemon_worker.answer(running)["result"] == 1.0, "what has started is not revoked"
    after = daemon_worker.call("block", 0.02)
    assert daemon_worker.answer(after)["result"] == 0.02
    assert len(daemon_worker.end()) == 0, "each was answered once"


def test_end_of_input_finishes_what_is_in_flight(daemon_worker):
    calls = [daemon_worker.call("nap", 0.2, loop=True), daemon_worker.call("block", 0.1)]
    lines = daemon_worker.end()
    assert len(lines) == len(calls)
    assert daemon_worker.status == 0


def test_a_worker_whose_daemon_vanished_is_killed_where_the_kernel_can(daemon_worker):
    daemon_worker.call("block", 60)
    while daemon_worker.cell(1 + 1) == 0:  # the call has started
        time.sleep(0.001)
    os.close(daemon_worker.life)
    daemon_worker.life = -1
    assert daemon_worker.process.wait(5) == -9


def test_a_thousand_requests_before_the_first_read(worker):
    calls = [worker.call("add", i) for i in range(1000)]
    assert [worker.answer(call)["result"] for call in calls] == [i + 10 for i in range(1000)]


def test_a_coroutine_that_raises_generator_exit_is_answered(worker):
    assert worker.ask("leave_generator")["data"]["type"] == "GeneratorExit"
    assert worker.ask("leave_generator_later", loop=True)["data"]["type"] == "GeneratorExit"
    assert worker.ask("nap", 0.01) == 0.01
