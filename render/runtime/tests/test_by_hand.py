"""`python3 -m mochi_worker zoo` on stdin and stdout."""

import json
import threading

import pytest


def test_ready_is_the_first_line(worker):
    assert worker.ready["protocol"] == 1
    assert worker.ready["module"] == "zoo"
    assert worker.ready["pid"] == worker.process.pid
    kinds = {m["name"]: m["kind"] for m in worker.ready["methods"]}
    assert kinds["add"] == "function"
    assert kinds["nap"] == "coroutine"
    assert kinds["count"] == "generator"
    assert kinds["count_async"] == "async_generator"
    assert kinds["Counter"] == "class"
    assert kinds["CONSTANT"] == "value"
    assert "sqrt" not in kinds
    assert "os" not in kinds


def test_any_json_id_comes_back(worker):
    for text in ('"a"', "null", "-1", "1.5", "18446744073709551616"):
        line = f'{{"jsonrpc":"2.0","id":{text},"method":"echo","params":[1]}}'
        assert worker.raw(line) == {"jsonrpc": "2.0", "id": json.loads(text), "result": 1}


def test_a_notification_runs_and_is_not_answered(worker):
    worker.write(b'{"jsonrpc":"2.0","method":"set_later"}\n')
    worker.write(b'{"jsonrpc":"2.0","method":"fail"}\n')
    worker.write(b'{"jsonrpc":"2.0","method":"nap","params":[0]}\n')
    assert worker.ask("LATER", -3) == -3


def test_bad_lines_cost_one_answer_each(worker):
    cases = {
        "nope": (-32700, None),
        '{"jsonrpc":"2.0","id":1,"method":"echo","params":[NaN]}': (-32700, None),
        '{"jsonrpc":"2.0","id":1,"method":"echo"} 2': (-32700, None),
        "[" * 5000: (-32700, None),
        "[]": (-32600, None),
        '{"jsonrpc":"2.0","id":{},"method":"echo"}': (-32600, None),
        '{"jsonrpc":"2.0","id":true,"method":"echo"}': (-32600, None),
        '{"id":1,"method":"echo"}': (-32600, 1),
        '{"jsonrpc":"2.0","id":2}': (-32600, 2),
        '{"jsonrpc":"2.0","id":3,"method":"echo","params":null}': (-32600, 3),
        '{"jsonrpc":"2.0","id":4,"method":"echo","params":5}': (-32600, 4),
    }
    for line, (code, call) in cases.items():
        answer = worker.raw(line)
        assert (answer["error"]["code"], answer["id"]) == (code, call), line
    assert worker.raw('\r\n\n {"jsonrpc":"2.0","id":9,"method":"echo","params":[1]} \r')["id"] == 9


def test_a_last_line_without_newline_is_answered(worker):
    worker.write(b'{"jsonrpc":"2.0","id":1,"method":"nap_later","params":[0.05]}\n')
    worker.write(b'{"jsonrpc":"2.0","id":2,"method":"add","params":[1]}')
    lines = worker.end()
    assert sorted(json.loads(line)["id"] for line in lines) == [1, 2]
    assert worker.status == 0


def test_an_overlong_line_costs_one_error_and_is_skipped(start_daemon):
    worker = start_daemon()
    worker.write(
        b'{"jsonrpc":"2.0","id":1,"method":"echo","params":["' + b"x" * (3 << 20) + b'"]}\n'
    )
    assert worker.message()["error"]["data"]["kind"] == "too_large"
    assert worker.ask("echo", 1) == 1


def test_large_messages_pass_whole(worker):
    text = "é" * 200_000 + "\ud800"
    assert worker.ask("echo", text) == text


@pytest.mark.parametrize("text", ["aé€😀" * 30_000, "x" * 300_000])
def test_long_lines_of_any_script_pass_in_pieces(start_daemon, text):
    worker = start_daemon()
    call = worker.id()
    head = f'{{"jsonrpc":"2.0","id":{call},"method":"echo","params":["'
    line = f'{head}{text}"]}}\n'.encode()
    # Together with what comes before and after it, and cut inside a character.
    data = b'{"jsonrpc":"2.0","id":1,"method":"add","params":[1,2]}\n' + line
    data += b'{"jsonrpc":"2.0","id":2,"method":"add","params":[3,4]}\n'
    writer = threading.Thread(target=worker.write, args=(data,))
    writer.start()
    assert worker.answer(1)["result"] == 3
    assert worker.answer(call)["result"] == text
    assert worker.answer(2)["result"] == 7
    writer.join()


def test_another_module_than_rendered_is_refused(worker, python):
    import subprocess

    done = subprocess.run(
        [python, "-m", "mochi_worker", "os"],
        cwd=worker.directory,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "rendered for zoo, not for os" in done.stderr
