"""What a stopped call shows: the stacks of all threads, at the moment it was stopped."""

import linecache
import time

import pytest
from harness import HERE
from test_cancel import ENDED, running

MAIN = [
    ("spin", [], ["Current thread 0x", "in spin"]),
    ("sleep", [600], ["Current thread 0x", "in sleep"]),
    ("acquire", [], ["Current thread 0x", "in acquire"]),
    ("wait_event", [], ["Current thread 0x", "in wait\n", "in wait_event"]),
    ("encode", [], ["Current thread 0x", "in __iter__"]),
    ("endless", [], ["Current thread 0x"]),
    ("run_loop", [], ["Current thread 0x", "in run_forever", "in run_loop"]),
    ("nap_later", [600], ["Current task", "in sleep\n", "in nap\n"]),
    ("Napper.nap", [600], ["Current task", "in sleep\n", "in nap\n"]),
]
LOOP = [
    ("nap", [600], ["Current task", "in sleep\n", "in nap\n"]),
    ("nap_in_task", [600], ["Current task", "in sleep\n", "in nap\n", "in nap_in_task\n"]),
    ("count_for_ever", [], ["Current task", "in count_for_ever\n"]),
]


@pytest.fixture
def worker(start_daemon):
    return start_daemon(module="victims")


def test_a_stopped_call_shows_where_it_was_and_all_threads(worker):
    cases = [(*case, False) for case in MAIN] + [(*case, True) for case in LOOP]
    for method, params, parts, loop in cases:
        assert worker.cancelled(running(worker, method, *params, loop=loop)) == [ENDED]
        at = -1
        for part in parts:  # innermost first
            at = worker.stack.find(part, at + 1)
            assert at >= 0, (method, part, worker.stack)
        # The main one's, the loop's, and while it was hard to stop, the runtime's own.
        assert worker.stack.count("hread 0x") in (2, 3), (method, worker.stack)
        assert "mochi_pyd" not in worker.stack


@pytest.mark.parametrize(("method", "loop"), [("linger", False), ("nap_and_linger", True)])
def test_what_lingers_shows_where_it_was_stopped_first(worker, method, loop):
    call = running(worker, method, loop=loop)
    worker.cancel(call)
    assert worker.silent(0.05)
    assert worker.cancelled(call) == [ENDED]
    (line,) = [line for line in worker.stack.split("\n") if line.endswith(f"in {method}")]
    number = int(line.rpartition("line ")[2].split()[0])
    before = linecache.getline(str(HERE / "victims.py"), number - 1)
    # The shot may land as the function begins, before it has gone inside.
    assert before.strip() in ("inside()", "try:"), worker.stack


def test_stacks_are_bounded(start_daemon):
    worker = start_daemon(module="cellar")
    assert worker.cancelled(running(worker, "deep", 3000)) == [ENDED]
    mine = worker.stack.split("\n\n")[0].strip().split("\n")
    assert mine[1].endswith("in dig") and mine[-1].endswith("in deep")
    assert "frames left out" in mine[33] and len(mine) == 66
    assert worker.cancelled(running(worker, "crowd", 100)) == [ENDED]
    assert "in crowd" in worker.stack
    assert worker.stack.count("hread 0x") == 32
    assert worker.stack.rstrip().endswith("… 69 threads left out …")
    assert worker.cancelled(running(worker, "long_names", 100_000)) == [ENDED]
    assert len(worker.stack) < 100_000


def test_a_call_that_has_no_room_for_its_stack_is_stopped_all_the_same(start_daemon):
    """Where not even the handler has room, the call fails with RecursionError."""
    worker = start_daemon(module="cellar")
    kinds = set()
    for room in range(16):
        call = running(worker, "near_the_limit", room)
        time.sleep(0.005)  # it has to get there
        worker.cancel(call)
        data = worker.answer(call)["error"]["data"]
        assert data == ENDED or data["type"] == "RecursionError"
        kinds.add(data["kind"])
    assert "request_cancelled" in kinds
    assert worker.ask("pid") == worker.process.pid


def test_a_call_that_never_started_shows_no_stack(worker):
    first = running(worker, "sleep", 0.1)
    waiting = worker.call("sleep", 600)
    worker.cancel(waiting)
    assert "stack" not in worker.answer(waiting)["error"]["data"]
    worker.answer(first)
