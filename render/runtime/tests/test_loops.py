"""Event loops: one for all calls or one each, entered again, stale, or uvloop's."""

import os
import time

import pytest

LOOPS = """
import asyncio
import threading
import time

LOCK = asyncio.Lock()
LOG = []
FUTURES = []


async def nap(seconds):
    await asyncio.sleep(seconds)
    return seconds


def nap_later(seconds):
    return nap(seconds)


async def count(n):
    for i in range(n):
        await asyncio.sleep(0)
        yield i


async def thread():
    return threading.current_thread().name


async def loop_id():
    loop = asyncio.get_running_loop()
    FUTURES.append(loop)  # or the next one may get its address
    return len({id(seen) for seen in FUTURES})


async def engine():
    return type(asyncio.get_running_loop()).__module__


async def leave_a_task():
    async def work():
        try:
            await asyncio.sleep(60)
        finally:
            LOG.append("ended with its call")
    FUTURES.append(asyncio.create_task(work()))
    await asyncio.sleep(0)


async def log():
    return LOG


async def stubborn(seconds):
    try:
        await asyncio.sleep(60)
    finally:
        LOG.append("finally")
        await asyncio.sleep(seconds)


async def exit_loop():
    async def leave():
        raise SystemExit(9)

    await asyncio.create_task(leave())


async def fail():
    raise LookupError("async")


async def run_inside():
    asyncio.run(asyncio.sleep(0))


def helper():
    asyncio.get_event_loop().run_until_complete(asyncio.sleep(0))


async def run_below():
    helper()


async def new_loop_inside():
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(asyncio.sleep(0))
    finally:
        loop.close()


def run_outside():
    return asyncio.run(nap(0.01))


async def imitation():
    raise RuntimeError("This event loop is already running")


async def keep_future():
    FUTURES[:] = [asyncio.get_running_loop().create_future()]


async def use_future():
    await FUTURES[0]


async def use_closed():
    loop = asyncio.new_event_loop()
    loop.close()
    loop.call_soon(print)


def block(seconds):
    time.sleep(seconds)
    return seconds
"""


@pytest.fixture(params=["persistent", "per-call"])
def loops(request, start_daemon, tmp_path):
    (tmp_path / "loops.py").write_text(LOOPS)
    return start_daemon(module="loops", wire=f" eventloop={request.param}")


@pytest.fixture
def per_call(start_daemon, tmp_path):
    (tmp_path / "loops.py").write_text(LOOPS)
    return start_daemon(module="loops", wire=" eventloop=per-call")


@pytest.fixture
def persistent(start_daemon, tmp_path):
    (tmp_path / "loops.py").write_text(LOOPS)
    return start_daemon(module="loops")


def test_calls_overlap_whichever_loop_they_are_on(loops):
    began = time.monotonic()
    calls = [loops.call("nap", 0.2, loop=True) for _ in range(20)]
    calls += [loops.call("nap_later", 0.2) for _ in range(5)]
    assert [loops.answer(call)["result"] for call in calls] == [0.2] * 25
    assert time.monotonic() - began < 1.5, "they waited for one another"
    assert loops.ask("count", 3, loop=True) == [0, 1, 2]
    assert loops.ask("fail", loop=True)["message"] == "LookupError: async"


def test_a_synchronous_call_that_lets_the_interpreter_go_stalls_no_coroutine(loops):
    running = loops.call("nap", 0.2, loop=True)
    blocked = loops.started(loops.call("block", 1.0))
    arriving = [loops.call("nap", 0.05, loop=True) for _ in range(20)]
    for call in [running, *arriving]:
        loops.answer(call)
    assert all(m.get("id") != blocked for m in loops.stray), "they waited for the function"
    assert loops.answer(blocked)["result"] == 1.0


def test_each_call_has_a_loop_of_its_own(per_call):
    assert [per_call.ask("loop_id", loop=True) for _ in range(3)] == [1, 2, 3]
    assert per_call.ask("thread", loop=True) == "mochi-asyncio-call"


def test_all_calls_share_the_persistent_loop(persistent):
    assert [persistent.ask("loop_id", loop=True) for _ in range(3)] == [1, 1, 1]
    assert persistent.ask("thread", loop=True) == "mochi-asyncio-loop"


def test_what_a_call_leaves_on_its_own_loop_ends_with_it(per_call):
    per_call.ask("leave_a_task", loop=True)
    assert per_call.ask("log", loop=True) == ["ended with its call"]


@pytest.mark.parametrize("method", ["stubborn", "nap"])
def test_a_call_on_its_own_loop_is_cancelled_alone(per_call, method):
    stays = per_call.call("nap", 1.0, loop=True)
    gone = [per_call.call(method, 0.01 if method == "stubborn" else 60, loop=True) for _ in "abc"]
    for call in gone:
        per_call.started(call)
    time.sleep(0.1)  # until they wait
    for data in per_call.cancelled(*gone):
        assert (data["kind"], data["started"]) == ("request_cancelled", True)
    assert per_call.answer(stays)["result"] == 1.0
    if method == "stubborn":
        assert per_call.ask("log", loop=True) == ["finally"] * 3


def test_calls_cancelled_as_they_start_are_answered_once(per_call):
    for _ in range(50):
        call = per_call.call("nap", 30, loop=True)
        data = per_call.cancelled(call)[0]
        assert data["kind"] == "request_cancelled"
    assert per_call.ask("nap", 0.01, loop=True) == 0.01
    assert per_call.end() == []
    assert per_call.status == 0


def test_a_task_that_exits_ends_its_own_call_only(per_call):
    stays = per_call.call("nap", 0.3, loop=True)
    assert "ended by a task" in per_call.ask("exit_loop", loop=True)["message"]
    assert per_call.answer(stays)["result"] == 0.3


def test_end_of_input_waits_for_calls_on_their_own_loops(per_call):
    calls = [per_call.call("nap", 0.3, loop=True) for _ in range(5)]
    assert len(per_call.end()) == len(calls)
    assert per_call.status == 0


@pytest.mark.parametrize("method", ["run_inside", "run_below", "new_loop_inside"])
def test_a_loop_entered_from_inside_it_is_reentry(loops, method):
    error = loops.ask(method, loop=True)
    assert (error["code"], error["data"]["kind"]) == (-32011, "reentry")
    assert error["message"].startswith("MochiAsyncReentryError: ")
    assert "await the coroutine" in error["message"]
    assert error["data"]["traceback"][0]["name"] == method
    assert loops.ask("nap", 0.01, loop=True) == 0.01


def test_a_function_on_the_main_thread_may_run_a_loop(loops):
    assert loops.ask("run_outside") == 0.01


def test_the_words_alone_are_no_reentry(loops):
    error = loops.ask("imitation", loop=True)
    assert (error["code"], error["data"]["kind"]) == (-32603, "python_error")


def test_a_future_of_another_calls_loop_is_refused_with_what_to_do(per_call):
    per_call.ask("keep_future", loop=True)
    error = per_call.ask("use_future", loop=True)
    assert error["data"]["kind"] == "python_error"
    assert "another" in error["data"]["hint"]
    assert "per-call" in error["message"]
    assert error["data"]["text"].rstrip().endswith(error["data"]["hint"])


def test_a_closed_loop_is_named(loops):
    assert "hint" in loops.ask("use_closed", loop=True)["data"]


def test_an_installed_uvloop_is_used_and_can_be_refused(start_daemon, tmp_path):
    (tmp_path / "loops.py").write_text(LOOPS)
    (tmp_path / "uvloop.py").write_text(
        "import asyncio\nclass Loop(asyncio.SelectorEventLoop): pass\nRAN = []\n"
        "def run(main):\n    RAN.append(1)\n    loop = Loop()\n"
        "    asyncio.set_event_loop(loop)\n    return loop.run_until_complete(main)\n"
    )
    assert start_daemon(module="loops").ask("engine", loop=True) == "uvloop"
    os.environ["MOCHI_PYD_UVLOOP"] = "0"
    try:
        assert start_daemon(module="loops").ask("engine", loop=True).startswith("asyncio")
    finally:
        del os.environ["MOCHI_PYD_UVLOOP"]
