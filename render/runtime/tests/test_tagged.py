"""The tagged encoding: what comes back is what was sent, tag, value and type."""

import json
import math
from pathlib import Path

import pytest
import shapes
from mochi_pyd import options
from mochi_pyd.refusal import Refusal, UnboundParams

HERE = Path(__file__).resolve().parent
TAGGED = {"encoding": "tagged"}
LEAST_ROWS = 60

# Lines of {look, needs, tagged}: the tagged text as it has to come back, the
# type and the repr of what the worker makes of it (null where Pythons differ).
CORPUS = []
for _line in (HERE / "corpus.jsonl").read_text().splitlines():
    _row = json.loads(_line.partition(',"tagged":')[0] + "}")
    CORPUS.append((_line.partition(',"tagged":')[2][:-1], _row["look"], _row["needs"]))


@pytest.fixture
def shaped(start_daemon, tmp_path):
    (tmp_path / "shapes.py").symlink_to(HERE / "shapes.py")
    return start_daemon(module="shapes")


def send(worker, method, params, meta=TAGGED):
    """Write a request with meta and params as text; give the answer's line."""
    call = worker.id()
    head = json.dumps({"jsonrpc": "2.0", "id": call, "method": method, "meta": meta})
    worker.write(f'{head[:-1]},"params":{params}}}\n'.encode())
    line = worker.line()
    while line.startswith('{"jsonrpc":"2.0","method":"mochi.'):
        line = worker.line()
    start = f'{{"jsonrpc":"2.0","id":{call},"result":'
    return line[len(start) : -1] if line.startswith(start) else json.loads(line)["error"]


def test_the_whole_corpus_comes_back_the_same(shaped):
    assert len(CORPUS) >= LEAST_ROWS
    missing = {
        needs for _, _, needs in CORPUS if send(shaped, "has", json.dumps([needs])) != "true"
    }
    if missing:
        print("left out, this Python has no", *sorted(missing))
    for text, (kind, shown), needs in CORPUS:
        if needs in missing:
            continue
        assert send(shaped, "echo", f"[{text}]") == text
        assert send(shaped, "echo", f'{{"value":{text}}}') == text
        assert send(shaped, "later", f"[{text}]") == text
        if needs is None:  # libraries show the same value in their own ways over the years
            looked = json.loads(send(shaped, "look", f'{{"*":[{text}]}}'))
            assert looked[0] == kind
            assert shown in (None, looked[1])


def test_no_code_of_a_named_class_runs(shaped):
    noisy = '{"$record":{"type":"shapes.Noisy","fields":{"a":1}}}'
    assert send(shaped, "echo", f"[{noisy}]") == noisy
    assert send(shaped, "ran", "[]") == "[]"


def test_no_module_is_imported_for_a_name(shaped):
    for name in ("colorsys.Colour", "sched.Event", "nowhere.Thing", "shapes.Missing", "Point", ""):
        body = json.dumps({"type": name, "fields": {}})
        error = send(shaped, "echo", f'[{{"$record":{body}}}]')
        assert error["code"] == -32602
        assert error["data"]["path"] == '$[0]["$record"].type', name
    assert send(shaped, "loaded", '["colorsys"]') == "false"


REFUSED = [
    ('[{"$nope":1}]', "$[0]", "#1", "unknown tag $nope"),
    ('[1,{"a":[{"$bytes":"AA==","x":1}]}]', "$[1].a[0]", "#2", "among other members"),
    ('{"value":{"$bytes":"A"}}', '$.value["$bytes"]', "value", "cannot be read"),
    ('{"value":{"$bytes":"AA"}}', '$.value["$bytes"]', "value", ""),
    ('{"*":[{"$int":"12"}]}', '$["*"][0]["$int"]', "#1", '"0x1f"'),
    ('[{"$int":5}]', '$[0]["$int"]', "#1", "string"),
    ('[{"$float":"NaN"}]', '$[0]["$float"]', "#1", '"nan"'),
    ('[{"$float":[]}]', '$[0]["$float"]', "#1", ""),
    ('[{"$tuple":[1,{"$set":[[]]}]}]', '$[0]["$tuple"][1]["$set"][0]', "#1", "in a set"),
    ('[{"$dict":[[1,2],[1,3]]}]', '$[0]["$dict"][1]', "#1", "there before"),
    ('[{"$dict":[[[],2]]}]', '$[0]["$dict"][0]', "#1", "no key"),
    ('[{"$dict":{"a":1}}]', '$[0]["$dict"]', "#1", "array"),
    ('[{"$datetime":"yesterday"}]', '$[0]["$datetime"]', "#1", "yesterday"),
    ('[{"$datetime":{"iso":"2024-01-01","zone":"No/Where"}}]', '$[0]["$datetime"]', "#1", ""),
    ('[{"$timedelta":[1,2]}]', '$[0]["$timedelta"]', "#1", "array of 3"),
    ('[{"$timedelta":[1,2,true]}]', '$[0]["$timedelta"]', "#1", "integers"),
    ('[{"$decimal":"one"}]', '$[0]["$decimal"]', "#1", "decimal"),
    ('[{"$uuid":"1"}]', '$[0]["$uuid"]', "#1", ""),
    ('[{"$complex":[1,"2"]}]', '$[0]["$complex"]', "#1", "numbers"),
    ('[{"$path":{"type":"Path","path":"x"}}]', '$[0]["$path"].type', "#1", ""),
    ('[{"$enum":{"type":"shapes.Colour","name":"GREEN"}}]', '$[0]["$enum"]', "#1", "neither"),
    ('[{"$enum":{"type":"shapes.Point","name":"x"}}]', '$[0]["$enum"].type', "#1", "no Enum"),
    ('[{"$record":{"type":"shapes.Point","fields":{"x":1}}}]', '$[0]["$record"].type', "#1", "y"),
    (
        '[{"$record":{"type":"shapes.Point","fields":{"x":1,"y":{"$a":1}}}}]',
        '$[0]["$record"].fields.y',
        "#1",
        "$a",
    ),
    ('[{"$record":{"type":"shapes.Opaque","fields":{}}}]', '$[0]["$record"].type', "#1", "no data"),
    ('[{"$record":{"type":"shapes.echo","fields":{}}}]', '$[0]["$record"].type', "#1", "no class"),
]


@pytest.mark.parametrize(("params", "path", "argument", "says"), REFUSED)
def test_what_is_no_value_is_refused_by_its_path(daemonless, params, path, argument, says):
    with pytest.raises(UnboundParams) as refused:
        options.arguments(daemonless, {"params": json.loads(params), "method": "echo"}, TAGGED)
    data = refused.value.data
    assert data == {"kind": "invalid_params", "argument": argument, "path": path}
    assert says in refused.value.message


class Daemonless:
    """A worker without a wire; handles and callbacks are where a test puts them."""

    methods = {}


@pytest.fixture
def daemonless():
    return Daemonless()


def test_arrays_that_lie_about_themselves_are_refused(daemonless):
    pytest.importorskip("numpy", reason="numpy is not installed here")
    for body, path in (
        ({"dtype": "<f8", "shape": [2], "data": "AAAAAAAAAAA="}, ".data"),
        ({"dtype": "<f8", "shape": [10**30], "data": ""}, ".data"),
        ({"dtype": "O", "shape": [1], "data": "AAAAAAAAAAA="}, ".dtype"),
        ({"dtype": [["a", "O"]], "shape": [1], "data": "AAAAAAAAAAA="}, ".dtype"),
        ({"dtype": "nonsense", "shape": [1], "data": ""}, ""),
        ({"dtype": "|O", "shape": [2], "data": [1]}, ""),
        ({"dtype": "<f8", "shape": [-1], "data": ""}, ".shape"),
        ({"dtype": "<f8", "shape": ["a"], "data": ""}, ".shape"),
    ):
        request = {"params": [{"$ndarray": body}], "method": "echo"}
        with pytest.raises(UnboundParams) as refused:
            options.arguments(daemonless, request, TAGGED)
        assert refused.value.data["path"] == '$[0]["$ndarray"]' + path, body


class Refs:
    """Stands for the table of handles."""

    def __init__(self):
        self.held = {}

    def table(self, _worker):
        return self

    def make(self, value, conn, full):
        assert full is None  # nobody has told how many all workers hold
        name = f"p1.w1.g1.{len(self.held) + 1}"
        self.held[name] = (value, conn)
        return {"$ref": {"id": name, "type": type(value).__name__, "repr": "<it>"}}

    def get(self, name, conn):
        value, owner = self.held[name]
        assert owner == conn
        return value


def test_an_opaque_object_is_a_handle_and_comes_back_as_itself(monkeypatch, daemonless):
    refs = Refs()
    monkeypatch.setattr(options, "_refs", refs.table)
    value = {"deep": [shapes.Opaque(), range(3)]}
    request = {"method": "echo", "conn": 7}
    text = options.encode(value, TAGGED, daemonless, request)
    first, second = json.loads(text)["deep"]
    assert first["$ref"]["type"] == "Opaque"
    assert second["$ref"]["type"] == "range"
    request["params"] = [first, {"a": {"$tuple": [second]}}]
    params, _ = options.arguments(daemonless, request, TAGGED)
    assert params[0] is value["deep"][0]
    assert params[1]["a"][0] is value["deep"][1]


def test_without_a_worker_an_opaque_object_has_no_form():
    for value, path, kind in (
        ([shapes.Opaque()], "$[0]", "Opaque"),
        ({"a": [(len,)]}, "$.a[0][0]", "builtin_function_or_method"),
        (shapes.Point(1, shapes.Opaque()), "$.y", "Opaque"),
        ({1: {"$x": int}}, '$["1"]["$x"]', "type"),
    ):
        with pytest.raises(Refusal) as refused:
            options.encode(value, TAGGED)
        assert refused.value.data == {"kind": "not_serializable", "path": path, "type": kind}


def test_an_item_that_has_no_form_is_named_by_its_number():
    with pytest.raises(Refusal, match=r"\$\[1\]\[0\] is a ") as refused:
        options.encode(iter([1, [int]]), TAGGED)
    assert refused.value.data["path"] == "$[1][0]"


def test_circles_and_depth_end(daemonless):
    circle = [1]
    circle.append({"up": circle})
    with pytest.raises(Refusal, match="contains itself") as refused:
        options.encode(circle, TAGGED)
    assert refused.value.data["path"] == "$[1].up"
    deep = ()
    for _ in range(600):
        deep = (deep,)
    with pytest.raises(Refusal, match="nested"):
        options.encode(deep, TAGGED)
    value = 1
    for _ in range(5000):
        value = {"$tuple": [value]}
    with pytest.raises(UnboundParams, match="nested too deeply"):
        options.arguments(daemonless, {"params": [value], "method": "echo"}, TAGGED)


def test_subclasses_of_builtins_are_what_they_are():
    class Text(str):
        __slots__ = ()

    from collections import Counter, OrderedDict, defaultdict

    for value, text in (
        (Text("a"), '"a"'),
        (OrderedDict({"b": 1}), '{"b":1}'),
        (Counter([1]), '{"$dict":[[1,1]]}'),
        (defaultdict(list, a=(1,)), '{"a":{"$tuple":[1]}}'),
        (type("Number", (int,), {})(7), "7"),
        (type("Real", (float,), {})(math.inf), '{"$float":"inf"}'),
        (type("Many", (frozenset,), {})([1]), '{"$frozenset":[1]}'),
    ):
        assert options.encode(value, TAGGED) == text


def test_sets_are_written_in_one_order():
    names = [f"name{i}" for i in range(50)]
    written = json.loads(options.encode({*names, b"x", 1, (1, "a"), None}, TAGGED))["$set"]
    assert [item for item in written if isinstance(item, str)] == sorted(names)


def test_a_returned_generator_is_an_array_in_either_encoding(shaped):
    assert send(shaped, "numbers", "[]") == '[1,{"$bytes":"AA=="},{"$tuple":[2]}]'
    assert send(shaped, "numbers_async", "[3]") == '[{"$tuple":[0]},{"$tuple":[1]},{"$tuple":[2]}]'
    error = send(shaped, "endless", "[]")
    assert error["data"]["kind"] == "too_large"
    error = send(shaped, "endless_async", "[]")
    assert error["data"]["kind"] == "too_large"
    assert send(shaped, "numbers", "[]", {"encoding": "json"}) == '[1,"AA==",[2]]'


def test_nothing_is_returned_where_nothing_is_wanted(shaped):
    none = {"returns": "none"}
    assert send(shaped, "opaque", "[]", none) == "null"
    assert send(shaped, "later", "[1]", none) == "null"
    assert send(shaped, "echo", "[1]", {"returns": "value", "timeout_ms": 1000}) == "1"


def test_params_are_natural_where_only_the_result_is_asked_for_otherwise(shaped):
    value = '{"$bytes":"AA=="}'
    assert send(shaped, "echo", f"[{value}]", {"encoding": "json"}) == value
    assert send(shaped, "echo", f"[{value}]", {}) == value


def test_functions_with_plans_take_tagged_values_as_they_are(shaped):
    looked = json.loads(send(shaped, "at", '[{"$datetime":"2024-01-02T00:00:00"}]'))
    assert looked == ["datetime", "datetime.datetime(2024, 1, 2, 0, 0)"]
    assert json.loads(send(shaped, "at", '["2024-01-02"]'))[0] == "str"
