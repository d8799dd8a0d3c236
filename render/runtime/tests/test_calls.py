"""Names, arguments and errors of calls, on every interpreter."""

import pytest


def test_arguments_arrive(worker):
    assert worker.ask("add", 1) == 11
    assert worker.ask("add", 1, 2) == 3
    assert worker.ask("add", 1, 2, 3) == 6
    assert worker.ask("add", 1, c=5, d=7) == 23
    assert worker.ask("echo", value={"a": [1]}) == {"a": [1]}
    assert (
        worker.raw('{"jsonrpc":"2.0","id":1,"method":"echo","params":{"value":1}}')["result"] == 1
    )


@pytest.mark.parametrize(
    ("params", "named", "argument"),
    [
        ([], {}, "a"),
        ([1, 2, 3, 4], {}, "#4"),
        ([1], {"e": 1}, "e"),
        ([1, 2], {"b": 1}, "b"),
    ],
)
def test_arguments_that_do_not_bind_are_named(worker, params, named, argument):
    error = worker.ask("add", *params, **named)
    assert (error["code"], error["data"]["kind"]) == (-32602, "invalid_params")
    assert error["data"]["argument"] == argument
    assert error["message"].startswith("zoo.add does not take these arguments (")
    assert error["message"].endswith("): call it as add(a, b=10, /, c=0, *, d=0)")


def test_a_type_error_inside_is_the_functions_own(worker):
    error = worker.ask("type_error_inside", 1)
    assert (error["code"], error["data"]["kind"]) == (-32603, "python_error")
    assert error["data"]["traceback"][-1]["source"] == 'return a + "text"'
    assert worker.ask("needs_injection", 2) == ["injected", 2]


def test_star_must_hold_an_array(worker):
    error = worker.raw('{"jsonrpc":"2.0","id":1,"method":"echo","params":{"*":1}}')["error"]
    assert (error["code"], error["data"]["argument"]) == (-32602, "*")


def test_values_are_read_without_params(worker):
    assert worker.ask("CONSTANT") == 42
    assert worker.raw('{"jsonrpc":"2.0","id":1,"method":"CONSTANT","params":[]}')["result"] == 42
    error = worker.ask("CONSTANT", 1)
    assert (error["code"], error["data"]["kind"]) == (-32602, "invalid_params")
    assert worker.ask("Counter.total") == 7
    assert worker.ask("counter.total") == 7


def test_what_becomes_a_function_later_can_be_called(worker):
    assert worker.ask("LATER") is None
    worker.ask("set_later")
    assert worker.ask("LATER", -3) == -3


@pytest.mark.parametrize(
    "name",
    [
        "ad",
        "_private",
        "os.system",
        "sqrt",
        "Counter.system",
        "counter.system",
        "add.__code__",
        "",
        ".",
    ],
)
def test_what_is_not_public_is_not_found(worker, name):
    error = worker.ask(name, 1)
    assert (error["code"], error["data"]["kind"]) == (-32601, "method_not_found")


def test_near_names_are_suggested(worker):
    assert worker.ask("ecoh", 1)["message"].endswith("did you mean echo?")


def test_methods_of_classes_and_instances_are_called(worker):
    assert worker.ask("Counter.make") == "made"
    assert worker.ask("counter.make") == "made"


@pytest.mark.parametrize(
    "kind", ["SystemExit", "KeyboardInterrupt", "MemoryError", "GeneratorExit", "BaseException"]
)
def test_every_exception_is_an_answer_and_the_worker_lives(worker, kind):
    error = worker.ask("raise_", kind)
    assert (error["code"], error["data"]["type"]) == (-32603, kind)
    assert worker.ask("add", 1) == 11


def test_runaway_recursion_is_an_answer(worker):
    error = worker.ask("recurse")
    assert error["data"]["type"] == "RecursionError"
    assert 1 < len(error["data"]["traceback"]) <= 64
    assert worker.ask("add", 1) == 11


def test_an_error_tells_its_whole_story(worker):
    error = worker.ask("chained")
    data = error["data"]
    assert error["message"] == "RuntimeError: outer"
    assert (data["type"], data["module"], data["args"]) == ("RuntimeError", "builtins", ["outer"])
    assert data["cause"]["type"] == "JSONDecodeError"
    assert data["traceback"][0]["name"] == "chained"
    assert data["traceback"][0]["file"].endswith("zoo.py")
    assert "mochi_pyd" not in data["text"]
    assert "direct cause" in data["text"]


def test_an_exception_that_cannot_be_printed_is_an_answer(worker):
    assert worker.ask("unprintable")["data"]["type"] == "Unprintable"


def test_an_unserializable_result_names_its_place(worker):
    error = worker.ask("Counter")
    assert (error["code"], error["data"]["kind"]) == (-32008, "not_serializable")
    assert (error["data"]["path"], error["data"]["type"]) == ("$", "zoo.Counter")
    assert worker.ask("deque") == [1, 2]
    assert worker.ask("count", 3) == [0, 1, 2]


def test_a_result_over_the_cap_is_too_large(daemon_worker):
    error = daemon_worker.ask("big", 2 << 20)
    assert (error["code"], error["data"]["kind"]) == (-32007, "too_large")
    assert error["data"]["limit"] == 1 << 20
    assert daemon_worker.ask("forever")["data"]["kind"] == "too_large"
    assert daemon_worker.ask("add", 1) == 11


def test_redefined_json_does_not_matter(worker):
    assert worker.ask("redefine_json") == {"still": ["json", 1.5]}
    assert worker.ask("chained")["data"]["kind"] == "python_error"
    assert worker.ask("echo", [1]) == [1]


def test_describe_tells_what_people_want_to_know(worker):
    described = worker.ask("mochi.describe")
    assert described["module"] == "zoo"
    methods = {m["name"]: m for m in described["methods"]}
    assert methods["nap"] == {
        "name": "nap",
        "kind": "coroutine",
        "signature": "(seconds)",
        "doc": "Sleep.",
    }
    skipped = {s["name"]: s["reason"] for s in described["skipped"]}
    assert skipped["sqrt"] == "belongs to math: call it there"
    assert worker.ask("mochi.ping") == "pong"


def test_integers_of_any_size_pass(worker):
    text = "1" + "0" * 6000
    worker.write(b'{"jsonrpc":"2.0","id":1,"method":"echo","params":[%s]}\n' % text.encode())
    assert worker.line() == '{"jsonrpc":"2.0","id":1,"result":' + text + "}"


def test_only_the_listed_methods_exist(start):
    worker = start(shape="only")
    assert [m["name"] for m in worker.ready["methods"]] == ["add", "Counter.total"]
    assert worker.ask("add", 1) == 11
    assert worker.ask("Counter.total") == 7
    assert worker.ask("echo", 1)["data"]["kind"] == "method_not_found"


def test_several_modules_share_a_worker(start):
    worker = start(shape="many")
    assert worker.ask("zoo.add", 1) == 11
    assert (
        worker.ask("xml.etree.ElementTree.fromstring", "<a/>")["data"]["kind"] == "not_serializable"
    )
    assert worker.ask("add", 1)["data"]["kind"] == "method_not_found"


def test_a_child_of_multiprocessing_does_not_become_a_worker(worker):
    assert worker.ask("spawned") == [2.0]
