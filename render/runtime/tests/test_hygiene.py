"""What user code prints, closes, forks and replaces: the wire does not notice."""

import json
import os


def test_print_c_and_children_stay_off_the_wire(worker):
    assert worker.ask("speak", "hello") == "spoken"
    worker.end()
    logged = worker.logged()
    assert logged.count("hello") == 3
    assert "from C" in logged
    assert "from a child" in logged
    assert "half" in logged


def test_lines_know_the_call_that_wrote_them(daemon_worker):
    call = daemon_worker.call("speak", "hello")
    daemon_worker.answer(call)
    daemon_worker.end()
    records = daemon_worker.records()
    assert {"call": call, "stream": "stdout", "message": "hello"} in records
    assert {"call": call, "stream": "stderr", "message": "hello"} in records
    assert {"call": call, "stream": "stdout", "message": "half"} in records
    for plain in ("hello", "from C", "from a child"):
        assert {"plain": plain} in records


def test_overlapping_coroutines_keep_their_lines_apart(daemon_worker):
    calls = {i: daemon_worker.call("speak_async", i, 0.02, loop=True) for i in range(5)}
    for call in calls.values():
        daemon_worker.answer(call)
    records = daemon_worker.records()
    for i, call in calls.items():
        mine = [r["message"] for r in records if r.get("call") == call]
        assert mine == [f"begin {i}", f"end {i}"]


def test_logging_keeps_level_logger_and_traceback_together(daemon_worker):
    call = daemon_worker.call("log", "slow")
    daemon_worker.answer(call)
    records = [r for r in daemon_worker.records() if r.get("call") == call]
    warning = {"call": call, "level": "warning", "logger": "app.db", "message": "slow"}
    assert warning in records
    assert {**warning, "logger": "root", "message": "by the root"} in records
    (failed,) = (r for r in records if r.get("level") == "error")
    assert failed["message"].startswith("failed\nTraceback (most recent call last):\n")
    assert failed["message"].endswith("ValueError: slow")
    assert any(r.get("logger") == "py.warnings" for r in records)


def test_long_lines_become_several_records(start_daemon, tmp_path):
    (tmp_path / "loud.py").write_text("def shout(n):\n    print('x' * n)\n")
    worker = start_daemon(module="loud")
    worker.ask("shout", 20000)
    assert [len(r["message"]) for r in worker.records()] == [8192, 8192, 3616]


def test_an_error_repeats_its_last_stderr_lines(start_daemon, tmp_path):
    (tmp_path / "loud.py").write_text(
        "import sys\ndef shout(n):\n"
        "    for i in range(n):\n        print(i, file=sys.stderr)\n    return 1 / 0\n"
    )
    worker = start_daemon(module="loud")
    tail = worker.ask("shout", 25)["data"]["stderr_tail"]
    assert tail == [str(i) for i in range(5, 25)]


def test_streams_cannot_be_closed(worker):
    assert worker.ask("close_streams") == "closed"
    assert worker.ask("speak", "after") == "spoken"
    worker.end()
    assert "still here" in worker.logged()


def test_closed_descriptors_and_replaced_streams_do_no_harm(start):
    assert start().ask("close_descriptors") == "closed"
    worker = start()
    assert worker.ask("replace_streams") == "replaced"
    assert worker.ask("add", 1) == 11


def test_a_forked_child_cannot_answer(worker):
    assert worker.ask("fork") is True
    assert worker.ask("fork") is True
    assert worker.end() == []


def test_user_code_owns_no_protocol_descriptor(worker, daemon_worker):
    assert worker.ask("read_stdin") == ""
    assert daemon_worker.ask("read_stdin") == ""
    assert daemon_worker.ask("wire_variable") is None


def test_prints_at_import_and_in_sitecustomize_stay_off_the_wire(
    start_daemon, tmp_path, monkeypatch
):
    (tmp_path / "sitecustomize.py").write_text("print('site')\n")
    (tmp_path / "loud.py").write_text("print('import')\nimport os\nos.system('echo child')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    worker = start_daemon(module="loud")
    assert worker.ready["module"] == "loud"
    assert worker.logged() == ["site", '\x1e{"stream":"stdout","message":"import"}', "child"]


def test_a_local_module_goes_before_one_of_the_library(start_daemon, tmp_path):
    (tmp_path / "colorsys.py").write_text("def mine():\n    return True\n")
    assert start_daemon(module="colorsys").ask("mine") is True


def test_a_module_that_does_not_import_says_why(start, tmp_path):
    cases = {
        "missing_module": (None, "ModuleNotFoundError", "-m pip install missing_module"),
        "needs_other": ("import missing_dependency\n", "ModuleNotFoundError", "its dependency"),
        "broken": ("def f(:\n", "SyntaxError", "line 1"),
        "leaves": ("raise SystemExit(0)\n", "SystemExit", "__name__"),
        "interrupted": ("raise KeyboardInterrupt\n", "KeyboardInterrupt", "traceback"),
        "partial": ("from json import nothing\n", "ImportError", "hides"),
        "raises": ("1 / 0\n", "ZeroDivisionError", "traceback"),
    }
    for name, (source, kind, hint) in cases.items():
        if source is not None:
            (tmp_path / f"{name}.py").write_text(source)
        worker = start(module=name, ready=False)
        failed = worker.message()
        assert failed["method"] == "mochi.failed"
        assert failed["params"]["stage"] == "import"
        error = failed["params"]["error"]
        assert (error["code"], error["data"]["kind"]) == (-32005, "import_failed")
        assert error["data"]["type"] == kind
        assert hint in error["data"]["hint"], name
        assert error["data"]["python"]
        assert str(tmp_path) in error["data"]["sys_path"]
        assert "mochi_pyd" not in error["data"]["traceback"]
        assert worker.rest() == []
        assert worker.status == 1


def test_a_listed_method_that_is_not_there_is_a_failed_start(start, tmp_path):
    (tmp_path / "bare.py").write_text("")
    error = start(shape="only", module="bare", ready=False).message()["params"]["error"]
    assert error["data"]["kind"] == "import_failed"
    assert error["message"].startswith("bare has no function add. Correct methods, ")


def test_no_bytecode_beside_the_script_is_needed(worker):
    assert json.loads(json.dumps(worker.ready))["runtime"] == "the-runtime"
    assert not os.path.exists(worker.directory / "mochi_worker.pyc")


def test_a_wrong_name_in_methods_is_told_as_that(start, tmp_path):
    (tmp_path / "bare.py").write_text("def added(a):\n    return a\n\n\ndef other():\n    pass\n")
    error = start(shape="only", module="bare", ready=False).message()["params"]["error"]
    assert error["code"] == -32005
    assert error["message"] == (
        "bare has no function add; did you mean added? "
        "Correct methods, the list of what may be called in the pool of bare."
    )
