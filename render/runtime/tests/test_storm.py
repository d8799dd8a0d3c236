"""Calls cancelled at random moments: none wrong, none lost, none answered twice."""

import random
import sys

import pytest
from conftest import INTERPRETERS
from storm import LOOP, MAIN, Storm

ALONE = {method: weight for method, weight in MAIN.items() if method != "moved"}
LONELY = """
from victims import quick, busy, lazy, items, spoken, doomed, repeats, ran, shots, pid
__all__ = ["quick", "busy", "lazy", "items", "spoken", "doomed", "repeats", "ran", "shots", "pid"]
"""


def weather(worker, calls, weights):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}", file=sys.stderr)
    storm = Storm(worker, seed, weights)
    storm.run(calls)
    assert sum(storm.answered.values()) == calls
    assert storm.answered["cancelled"] > calls / 20, storm.answered
    assert worker.ask("pid") == worker.process.pid
    assert worker.ask("repeats") == 0
    for start in range(0, len(storm.unstarted), 10_000):
        assert worker.ask("ran", storm.unstarted[start : start + 10_000]) == []
    assert worker.ask("shots") <= worker.seats
    for record in worker.records():  # what they printed is whole, and their own
        # Python's complaint about a call that ended between making a coroutine
        # and leaving it to the loop is the exception.
        if "RuntimeWarning" not in record["message"] and "_METHODS" not in record["message"]:
            assert record["message"] == str(record["call"])
    print(storm.answered, storm.shots, len(storm.void), file=sys.stderr)
    assert storm.void or calls < 100_000


def test_cancelled_calls_are_answered_once_and_others_not_touched(start_daemon):
    weather(start_daemon(module="victims"), 5_000, {**MAIN, **LOOP})


def test_the_same_holds_without_a_loop(start_daemon, tmp_path):
    (tmp_path / "lonely.py").write_text(LONELY)
    worker = start_daemon(module="lonely")
    assert worker.ready["loop"] is False
    weather(worker, 5_000, ALONE)


@pytest.mark.parametrize(
    "python", ["3.11" if "3.11" in INTERPRETERS else min(INTERPRETERS)], indirect=True
)
def test_a_hundred_thousand_cancelled_calls(start_daemon):
    weather(start_daemon(module="victims"), 100_000, {**MAIN, **LOOP})
