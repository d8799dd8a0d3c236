"""Polling before a worker sleeps: when its window opens, and that it costs nothing else."""

import os
import select
import time
from pathlib import Path

import harness
import pytest
from mochi_pyd import polling
from mochi_pyd.polling import (
    FAR,
    FIRST,
    FIRST_PAUSE,
    HOLD,
    LONGEST,
    LONGEST_PAUSE,
    SAMPLE,
    SETTLE,
    Window,
)

SOON, LATE, MUCH_LATER = LONGEST / 2, 2 * LONGEST, 2 * FAR * LONGEST


def tried(window, slept=SOON, polled=SOON / 2):
    """Take the window through one trial, in which waits were so long."""
    for seconds in (slept, polled):
        for _ in range(SETTLE + SAMPLE):
            window.waited(seconds)
    return window


def opened():
    window = tried(Window())
    assert window.length == window.longest
    assert window.polls(0)
    return window


def test_sleeping_is_tried_before_polling():
    window = Window()
    for _ in range(SETTLE + SAMPLE):
        assert not window.polls(0)
        window.waited(SOON)
    assert window.polls(0)


def test_polling_goes_on_only_where_requests_came_sooner():
    assert tried(Window(), slept=50e-6, polled=20e-6).polls(0)
    assert not tried(Window(), slept=20e-6, polled=30e-6).polls(0)
    assert not tried(Window(), slept=20e-6, polled=19e-6).polls(0)  # a core for nothing


def test_what_did_not_pay_is_tried_again():
    window = tried(Window(), slept=20e-6, polled=30e-6)
    for _ in range(HOLD):
        assert not window.polls(0)
        window.waited(20e-6)
    assert tried(window).polls(0)


def test_waits_of_callers_in_no_hurry_do_not_count_in_a_trial():
    window = Window()
    for _ in range(SETTLE + SAMPLE):
        window.waited(SOON)
        window.waited(MUCH_LATER)
    window.waited(SOON)
    assert window.polls(0)
    for _ in range(SETTLE + SAMPLE):
        window.waited(SOON / 2)
        window.waited(MUCH_LATER)
    window.waited(SOON / 2)
    assert window.polls(0)


def test_one_wait_that_took_very_long_does_not_decide_a_trial():
    window = Window()
    for _ in range(SETTLE + SAMPLE):
        window.waited(50e-6)
    for n in range(SETTLE + SAMPLE):
        window.waited(1.9e-3 if n == SETTLE + 5 else 20e-6)
    window.waited(20e-6)
    assert window.polls(0)


def test_the_window_doubles_while_requests_come_soon():
    window, lengths = Window(), []
    for _ in range(6):
        lengths.append(window.length)
        window.waited(SOON)
    assert lengths == pytest.approx([10e-6, 20e-6, 40e-6, 80e-6, 100e-6, 100e-6])


def test_one_late_request_halves_the_window_and_a_second_one_closes_it():
    window = opened()
    window.waited(LATE)
    assert window.length == LONGEST / 2
    window.waited(LATE)
    assert window.length == 0
    assert not window.polls(0)


def test_late_requests_that_are_not_in_a_row_do_not_close_the_window():
    window = opened()
    for _ in range(5):
        window.waited(LATE)
        window.waited(SOON)
    assert window.length == LONGEST


def test_a_pause_closes_the_window_at_once_and_the_next_burst_opens_it():
    window = opened()
    window.waited(MUCH_LATER)
    assert window.length == 0
    window.waited(SOON)
    assert window.length == FIRST


def test_the_setting_is_the_widest_window():
    window = Window(25e-6)
    for _ in range(9):
        window.waited(20e-6)
    assert window.length == 25e-6
    assert Window(4e-6).length == 4e-6


def test_who_is_robbed_of_the_core_gets_it_for_longer_each_time():
    window, now, pauses = opened(), 1000.0, []
    for _ in range(9):
        window.robbed(now)
        tried(window)
        assert not window.polls(window.paused_until - 1e-3)
        assert window.polls(window.paused_until)
        pauses.append(window.paused_until - now)
        now = window.paused_until
    assert pauses[0] == pytest.approx(FIRST_PAUSE)
    assert pauses[1] == pytest.approx(2 * FIRST_PAUSE)
    assert pauses[-1] == pytest.approx(LONGEST_PAUSE)


def test_trouble_that_stays_away_is_forgotten():
    window = opened()
    for now in (1000.0, 1000.1, 1000.3):
        window.robbed(now)
    window.robbed(2000.0)
    assert window.paused_until == pytest.approx(2000.0 + FIRST_PAUSE)


def test_a_lookout_ends_with_what_it_looks_for_or_with_its_window():
    read, write = os.pipe()
    try:
        window = Window(10.0)
        window.length = 10.0
        wait = polling.lookout(read, window)
        os.write(write, b"x")
        began = time.monotonic()
        wait(began)
        assert time.monotonic() - began < 5
        os.read(read, 1)
        window.length = 1e-3
        wait(time.monotonic())  # returns
    finally:
        os.close(read)
        os.close(write)


def burned(worker):
    """Give the processor time of a worker's process, in seconds."""
    fields = Path(f"/proc/{worker.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc to ask for CPU time")
@pytest.mark.parametrize("loop", [False, True])
def test_idle_workers_burn_no_cpu_after_a_burst(start_daemon, loop, tmp_path):
    workers = [start_daemon() for _ in range(3)]
    for _ in range(300):
        for worker in workers:
            worker.ask("nap" if loop else "add", *([0] if loop else [1, 2]), loop=loop)
    before = [burned(worker) for worker in workers]
    select.select([], [], [], 0.5)
    for worker, then in zip(workers, before):
        assert burned(worker) - then <= 0.02  # two ticks of the clock that counts it


def test_a_thread_of_the_users_runs_while_the_worker_polls(daemon_worker):
    daemon_worker.ask("tick")
    for _ in range(300):
        daemon_worker.ask("add", 1, 2)
    wanted, began = daemon_worker.ask("ticks") + 50, time.monotonic()
    while daemon_worker.ask("ticks") < wanted:  # never idle, and never asleep for long
        assert time.monotonic() - began < harness.DEADLINE


def test_a_worker_that_never_polls_answers(start_daemon):
    worker = start_daemon(poll=0)
    assert worker.ask("add", 1, 2) == 3
    assert worker.ask("add", 2, 2) == 4
