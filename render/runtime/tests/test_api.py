"""`import mochi_pyd` inside a worker: the call, its time, its progress, its log, hooks."""

import subprocess
import sys

import harness
import pytest

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def worker(start_daemon):
    return start_daemon(module="talk")


@pytest.mark.parametrize(
    ("method", "loop"), [("describe_call", False), ("describe_call_async", True)]
)
def test_a_call_knows_itself(worker, method, loop):
    call = worker.call(method, loop=loop, meta={"traceparent": TRACE})
    described = worker.answer(call)["result"]
    assert described == [call, method, TRACE, "json", f"<call {call} of {method}>"]
    call = worker.call(method, loop=loop)
    assert worker.answer(call)["result"][2] is None


def test_threads_in_a_copied_context_know_their_call_and_others_know_none(worker):
    call = worker.call("in_thread", True)
    assert worker.answer(call)["result"] == call
    assert worker.ask("in_thread", False) is None
    call = worker.call("in_to_thread", loop=True)
    assert worker.answer(call)["result"] == call


def test_a_context_that_outlives_its_call_knows_none(worker):
    worker.ask("keep_context")
    assert worker.ask("use_kept_context") == [None]


def test_outside_of_a_call_there_is_nothing_and_no_harm(worker):
    assert worker.ask("OUTSIDE") == [None, None, None]


@pytest.mark.parametrize(("method", "loop"), [("remaining", False), ("remaining_async", True)])
def test_what_is_left_is_counted_from_what_the_daemon_said(start_daemon, method, loop):
    worker = start_daemon(module="talk")
    assert worker.ask(method, loop=loop) is None
    left = worker.answer(worker.call(method, 0.1, loop=loop, left=5000.5))["result"]
    assert 4.0 < left < 4.91
    assert worker.answer(worker.call(method, 0.02, loop=loop, left=1))["result"] == 0


@pytest.mark.parametrize(("method", "loop"), [("remaining", False), ("remaining_async", True)])
def test_without_a_word_it_is_the_pools_timeout(start_daemon, monkeypatch, method, loop):
    monkeypatch.setattr(harness.DaemonWorker, "more", "timeout=3000 refs=p1.w3.g2")
    worker = start_daemon(module="talk")
    assert 2.0 < worker.ask(method, 0.1, loop=loop) < 2.91


REPORT = {"progress": True}


def reports(worker, call):
    answer = worker.answer(call)
    found = [m["params"] for m in worker.stray if m.get("method") == "mochi.report"]
    assert all(params.pop("id") == call for params in found)
    worker.stray.clear()
    return found, answer.get("result", answer.get("error"))


def test_progress_is_reported_where_it_was_asked_for(worker):
    call = worker.call("report", 0.5, meta=REPORT)
    assert reports(worker, call) == ([{"fraction": 0.5, "message": "at 0.5"}], "reported")
    assert reports(worker, worker.call("report", 0.5)) == ([], "reported")
    found, _ = reports(worker, worker.call("report", None, meta=REPORT))
    assert found == [{"fraction": None, "message": "at None"}]
    found, _ = reports(worker, worker.call("report_async", 0.25, loop=True, meta=REPORT))
    assert found == [{"fraction": 0.25}]
    found, _ = reports(worker, worker.call("report_from_thread", meta=REPORT))
    assert found == [{"fraction": 0.5}]


def test_progress_is_sent_twenty_times_a_second_and_at_the_end(worker):
    found, _ = reports(worker, worker.call("report_often", 0.5, meta=REPORT))
    assert 3 <= len(found) <= 12
    assert found[-1] == {"fraction": 1.0}
    found, _ = reports(worker, worker.call("report", 0.1, 0.2, 7, meta=REPORT))
    assert [f["fraction"] for f in found] == [0.1, 1.0]


def test_what_is_no_fraction_is_refused(worker):
    for wrong in ("x", [1]):
        _, error = reports(worker, worker.call("report", wrong, meta=REPORT))
        assert error["data"]["type"] in ("ValueError", "TypeError")


def test_by_hand_progress_is_a_notification(start):
    worker = start(module="talk")
    call = worker.call("report", 0.5, meta=REPORT)
    assert reports(worker, call) == ([{"fraction": 0.5, "message": "at 0.5"}], "reported")
    assert worker.ask("report", 0.5) == "reported"


def test_a_log_record_has_its_level_its_call_and_its_fields(worker, start):
    call = worker.call("write_log", "warning", "slow query", took=1.5, table="a b", who="me")
    worker.answer(call)
    record = {
        "call": call,
        "level": "warning",
        "logger": "mochi_pyd.log",
        "message": 'slow query took=1.5 table="a b" who=me',
    }
    assert record in worker.records()
    assert worker.ask("write_log", "loud", "x")["data"]["type"] == "ValueError"


def test_by_hand_a_log_record_is_a_line(start):
    worker = start(module="talk")
    worker.ask("write_log", "error", "gone")
    assert "ERROR:mochi_pyd.log:gone" in worker.logged()


def test_a_module_that_uses_nothing_of_it_imports_nothing_of_it(daemon_worker, start_daemon):
    (daemon_worker.directory / "quiet.py").write_text(
        "import sys\ndef loaded():\n    return [n for n in sys.modules if 'mochi_pyd.' in n]\n"
    )
    loaded = start_daemon(module="quiet").ask("loaded")
    for name in ("api", "callbacks", "hooks", "side", "streams"):
        assert f"mochi_pyd.{name}" not in loaded


def test_the_package_is_typed(tmp_path):
    mypy = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache")]
    if subprocess.run([*mypy, "--version"], capture_output=True, check=False).returncode:
        pytest.skip("mypy is not installed beside pytest")
    (tmp_path / "user.py").write_text(USER)
    done = subprocess.run(
        [*mypy, str(tmp_path / "user.py")],
        capture_output=True,
        text=True,
        check=False,
        env={"MYPYPATH": str(harness.RUNTIME.parent), "PATH": ""},
    )
    assert done.returncode == 0, done.stdout


USER = """
import mochi_pyd


@mochi_pyd.on_start
def connect() -> None:
    pass


def work() -> float:
    call = mochi_pyd.current_call()
    if call is not None:
        mochi_pyd.log("info", call.function, deadline=call.deadline)
    mochi_pyd.progress(0.5, "half")
    connect()
    return mochi_pyd.remaining() or 0.0
"""

# Hooks.

HOOKED = """
import asyncio, os, sys
import mochi_pyd

LOG, SICK = [], []

@mochi_pyd.on_start
def connect():
    LOG.append("start")
    LOG.append(mochi_pyd.current_call())

@mochi_pyd.on_stop
def first():
    print("stop first", flush=True)

@mochi_pyd.on_stop
def second():
    print("stop second")
    raise ValueError("in stop")

@mochi_pyd.health
def well():
    if SICK:
        raise RuntimeError(SICK[0])
    return len(SICK) == 0

def log():
    return LOG

def sicken(why):
    SICK.append(why)
"""

ASYNC_HOOKED = """
import asyncio
import mochi_pyd

HERE = []

@mochi_pyd.on_start
async def connect():
    await asyncio.sleep(0)
    HERE.append(asyncio.get_running_loop())

@mochi_pyd.on_stop
async def close():
    await asyncio.sleep(0)
    print("stop", asyncio.get_running_loop() is HERE[0])

@mochi_pyd.health
async def well():
    await asyncio.sleep(0)
    return len(HERE) == 1

def sicken():
    HERE.append(0)

async def same():
    return asyncio.get_running_loop() is HERE[0]
"""


@pytest.fixture(params=["daemon", "hand"])
def start_either(request, start, start_daemon):
    return start_daemon if request.param == "daemon" else start


def test_hooks_run_at_the_start_at_pings_and_at_the_end(start_either, tmp_path):
    (tmp_path / "hooked.py").write_text(HOOKED)
    worker = start_either(module="hooked")
    assert worker.ask("log") == ["start", None]
    assert worker.ask("mochi.ping") == "pong"
    worker.ask("sicken", "no database")
    error = worker.ask("mochi.ping")
    assert (error["data"]["kind"], error["message"]) == (
        "python_error",
        "RuntimeError: no database",
    )
    worker.end()
    assert worker.status == 0
    logged = "\n".join(worker.logged())
    assert logged.index("stop second") < logged.index("stop first")
    assert "ValueError: in stop" in logged


def test_hooks_that_are_coroutines_run_on_the_loop(start_either, tmp_path):
    (tmp_path / "hooked.py").write_text(ASYNC_HOOKED)
    worker = start_either(module="hooked")
    assert worker.ready["loop"] is True
    assert worker.ask("same", loop=True) is True
    assert worker.ask("mochi.ping") == "pong"
    worker.ask("sicken")
    assert "hooked.well says that this worker is not healthy" in worker.ask("mochi.ping")["message"]
    worker.end()
    assert worker.status == 0
    assert any("stop True" in line for line in worker.logged())


def test_a_hook_alone_starts_the_loop(start_either, tmp_path):
    source = ASYNC_HOOKED.replace(
        "async def same():\n    return asyncio.get_running_loop() is HERE[0]", ""
    )
    (tmp_path / "hooked.py").write_text(source)
    worker = start_either(module="hooked")
    assert worker.ready["loop"] is True
    assert worker.ask("mochi.ping") == "pong"
    worker.end()
    assert any("stop True" in line for line in worker.logged())


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_a_hook_that_fails_is_a_failed_start(start_either, tmp_path, kind):
    (tmp_path / "hooked.py").write_text(
        f"import mochi_pyd\n@mochi_pyd.on_start\n{kind} connect():\n    1 / 0\n"
    )
    worker = start_either(module="hooked", ready=False)
    params = worker.message()["params"]
    assert params["stage"] == "import"
    error = params["error"]
    assert (error["code"], error["data"]["kind"]) == (-32005, "import_failed")
    assert error["message"].startswith(
        "starting hooked failed in hooked.connect: ZeroDivisionError: division by zero"
    )
    assert "on_start" in error["data"]["hint"]
    assert "line 4, in connect" in error["data"]["traceback"]
    assert worker.rest() == []
    assert worker.status == 1


def test_on_start_after_the_start_says_what_to_do(start_daemon, tmp_path):
    (tmp_path / "hooked.py").write_text(HOOKED)
    (tmp_path / "late.py").write_text("def load():\n    import hooked\n    return hooked.log()\n")
    error = start_daemon(module="late").ask("load")
    assert error["message"].startswith("RuntimeError: on_start: the worker has started already")


def test_hooks_registered_by_a_late_import_count_from_then_on(start_daemon, tmp_path):
    late = HOOKED.replace("@mochi_pyd.on_start\n", "")
    (tmp_path / "hooked.py").write_text(late)
    (tmp_path / "late.py").write_text("def load(why):\n    import hooked\n    hooked.sicken(why)\n")
    worker = start_daemon(module="late")
    assert worker.ask("mochi.ping") == "pong"
    worker.ask("load", "tired")
    assert worker.ask("mochi.ping")["message"] == "RuntimeError: tired"
    worker.end()
    assert any("stop first" in line for line in worker.logged())


def test_what_is_no_name_of_it_is_an_attribute_error(start_daemon, tmp_path):
    (tmp_path / "curious.py").write_text(
        "import mochi_pyd\ndef look(name):\n    return str(getattr(mochi_pyd, name))\n"
    )
    error = start_daemon(module="curious").ask("look", "curent_call")
    assert error["data"]["type"] == "AttributeError"
    assert "curent_call" in error["message"]
