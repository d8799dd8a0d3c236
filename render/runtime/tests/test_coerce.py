"""Arguments in natural JSON become what the function's annotations ask for."""

import functools
import json
import sys
import types
from pathlib import Path

import pytest
import shapes
from mochi_pyd import coerce, options
from mochi_pyd.refusal import UnboundParams
from mochi_pyd.surface import Methods, annotated

HERE = Path(__file__).resolve().parent


@pytest.fixture
def shaped(start_daemon, tmp_path):
    (tmp_path / "shapes.py").symlink_to(HERE / "shapes.py")
    return start_daemon(module="shapes")


class Table:
    """A worker without a wire."""

    def __init__(self, *functions):
        self.methods = Methods({function.__name__: function for function in functions})


def ask(function, params):
    """Call function as a worker calls it."""
    table = Table(function)
    request = {"method": function.__name__, "params": params}
    positional, named = options.arguments(table, request, None)
    return function(*positional, **(named or {}))


DAY = "datetime.date(2024, 1, 2)"
FITS = [
    ("at", ["2024-01-02T03:04:05Z"], "datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo="),
    ("at", {"when": "2024-01-02T03:04:05"}, "datetime.datetime(2024, 1, 2, 3, 4, 5)"),
    ("event", [{"name": "e", "when": "2024-01-02"}], "Event(name='e', when=datetime.datetime(202"),
    (
        "event",
        [{"name": "e", "when": "2024-01-02", "parts": [{"name": "abc", "when": "2024-01-02"}]}],
        "length=3",
    ),
    ("event", [{"name": "e", "when": "2024-01-02", "colour": "red", "length": 9}], "'red'>"),
    ("event", [{"name": "e", "when": "2024-01-02", "colour": None, "tags": ["t"]}], "frozenset({"),
    ("named", [["2024-01-02"]], f"Named(when={DAY}, note='none')"),
    ("named", [{"when": "2024-01-02", "note": "x"}], f"Named(when={DAY}, note='x')"),
    ("typed", [{"when": "2024-01-02", "size": 1, "more": 2}], f"'when': {DAY}"),
    ("union", [None], "None"),
    ("union", ["2024-01-02"], DAY),
    ("union", [{"x": 1}], "Point(x=1, y=None)"),
    ("union", [{"1": "AA=="}], "{1: b'"),
    ("text_or_date", ["2024-01-02"], "'2024-01-02'"),
    ("implicit", [None], "None"),
    ("implicit", ["2024-01-02"], DAY),
    ("implicit", [], "None"),
    ("colour", ["blue"], "Colour.BLUE"),
    ("colour", ["RED"], "Colour.RED"),
    ("odd", [[1, 2]], "PAIR"),
    ("odd", ["LONE"], "LONE"),
    ("unresolved", ["as it is", "2024-01-02"], DAY),
    ("plain", ["a", 1, "2024-01-02", "not a list"], "not a list"),
    (
        "scalars",
        [1.10, "00000000-0000-0000-0000-000000000001", "AA==", "03:04", "/a"],
        "Decimal('1.1')",
    ),
    ("scalars", ["1.10", "0" * 32, "", "03:04Z", "."], "Decimal('1.10')"),
    (
        "containers",
        [["2024-01-02"], [1, "2024-01-02"], ["AA=="], [1], {"7": [3]}],
        "{7: [<Level.HIGH: 3>]}",
    ),
    ("lines", [[2], ["red"]], "deque([2])"),
    (
        "many",
        {"*": [{"x": 1}, "2024-01-02", "2024-01-02"], "wait": 1.5, "home": "/home"},
        "PosixPath('/home')",
    ),
]


@pytest.mark.parametrize(("name", "params", "shown"), FITS)
def test_a_function_gets_what_it_asks_for(name, params, shown):
    assert shown in str(ask(getattr(shapes, name), params))


DOES_NOT_FIT = [
    ("at", ["yesterday"], "when", "$[0]", "'yesterday'"),
    ("at", {"when": 5}, "when", "$.when", "a number"),
    ("at", [None], "when", "$[0]", "null"),
    ("event", [{"name": "e", "when": "x"}], "event", "$[0].when", "'x'"),
    ("event", {"event": {"name": "e"}}, "event", "$.event", "lacks the field when"),
    ("event", [{"name": "", "when": "2024-01-02"}], "event", "$[0]", "an event has a name"),
    ("event", [[1]], "event", "$[0]", "an array"),
    (
        "event",
        [{"name": "e", "when": "2024-01-02", "x": 1}],
        "event",
        "$[0]",
        "'x', which is no field",
    ),
    (
        "event",
        [{"name": "e", "when": "2024-01-02", "parts": [{"name": "f", "when": 1}]}],
        "event",
        "$[0].parts[0].when",
        "a number",
    ),
    ("named", [[]], "value", "$[0]", "0 items"),
    ("named", [["2024-01-02", "a", 3]], "value", "$[0]", "3 items"),
    ("named", [{"note": "x"}], "value", "$[0]", "lacks"),
    ("named", [["soon"]], "value", "$[0][0]", "soon"),
    ("typed", [{"when": "2024-01-02"}], "value", "$[0]", "size"),
    ("typed", [{"when": "x", "size": 1}], "value", "$[0].when", "'x'"),
    ("union", [7], "value", "$[0]", "none of date, Point"),
    ("union", [{"1": "A"}], "value", '$[0]["1"]', "base64"),
    ("implicit", ["x"], "value", "$[0]", "'x'"),
    ("colour", ["green"], "value", "$[0]", "'red', 'blue'"),
    ("colour", [True], "value", "$[0]", "Colour"),
    (
        "scalars",
        [1, "0" * 32, "AA", "03:04", "."],
        "data",
        "$[2]",
        "with padding",
    ),
    ("scalars", ["one", "0" * 32, "", "03:04", "."], "number", "$[0]", "decimal"),
    (
        "containers",
        [[], [1], [], [], {}],
        "pair",
        "$[1]",
        "1 items, 2",
    ),
    (
        "containers",
        [[], [1, "2024-01-02"], [], [[]], {}],
        "frozen",
        "$[3]",
        "unhashable",
    ),
    (
        "containers",
        [[], [1, "2024-01-02"], [], [], {"x": []}],
        "table",
        "$[4].x",
        "no int",
    ),
    (
        "many",
        {"*": [{"x": 1}, "2024-01-02", "no day"]},
        "days",
        '$["*"][2]',
        "no day",
    ),
    ("many", {"point": {"x": 1}, "home": 5}, "home", "$.home", "a path"),
]


@pytest.mark.parametrize(("name", "params", "argument", "path", "says"), DOES_NOT_FIT)
def test_what_does_not_fit_is_refused_by_argument_and_path(name, params, argument, path, says):
    with pytest.raises(UnboundParams) as refused:
        ask(getattr(shapes, name), params)
    expected = {"kind": "invalid_params", "method": name, "argument": argument, "path": path}
    assert refused.value.data == expected
    assert says in refused.value.message


def test_it_is_so_on_every_interpreter(shaped):
    def answer(name, params):
        call = shaped.id()
        request = {"jsonrpc": "2.0", "id": call, "method": name, "params": params}
        shaped.write(json.dumps(request).encode() + b"\n")
        return shaped.answer(call)

    for name, params, shown in FITS:
        assert shown in str(answer(name, params)["result"]), (name, params)
    for name, params, argument, path, _ in DOES_NOT_FIT:
        data = answer(name, params)["error"]["data"]
        assert (data["argument"], data["path"]) == (argument, path), (name, params)


def test_pydantic_validates_by_its_own_rules():
    pytest.importorskip("pydantic", reason="pydantic is not installed here")
    assert ask(shapes.model, [{"a": "1", "when": "2024-01-02"}])[1].startswith("Model(a=1")
    with pytest.raises(UnboundParams) as refused:
        ask(shapes.model, [{"a": 1, "when": "soon"}])
    assert refused.value.data["path"] == "$[0].when"
    assert coerce.plan(shapes.Model) is None  # called itself, it does so anyway


def test_attrs_classes_take_their_fields_names_and_their_arguments():
    pytest.importorskip("attrs", reason="attrs is not installed here")
    for name in ("when", "_when"):
        assert ask(shapes.kind, [{"a": 1, name: "2024-01-02"}])[1] == f"Kind(a=1, _when={DAY})"
    with pytest.raises(UnboundParams) as refused:
        ask(shapes.kind, [{"a": 1, "_when": 3}])
    assert refused.value.data["path"] == "$[0]._when"


def test_through_a_worker_the_answer_is_invalid_params(shaped):
    looked = shaped.ask("at", "2024-01-02T00:00:00")
    assert looked == ["datetime", "datetime.datetime(2024, 1, 2, 0, 0)"]
    assert shaped.ask("coroutine", "2024-01-02", loop=False)[1] == DAY
    assert shaped.ask("coroutine", "2024-01-02", loop=True)[1] == DAY
    assert shaped.ask("Event", "e", "2024-01-02T00:00:00")["when"] == "2024-01-02T00:00:00"
    assert shaped.ask("Outer.Inner", a=5) == {"a": 5}
    for loop in (False, True):
        error = shaped.ask("coroutine", [], loop=loop)
        assert error["code"] == -32602
        assert error["data"]["argument"] == "when"
    error = shaped.ask("at", "2024-01-02", "too many")
    assert error["code"] == -32602
    assert "too many positional" in error["message"]


def test_a_function_is_looked_at_once(monkeypatch):
    table = Table(shapes.at, shapes.plain, shapes.echo)
    looked = []
    monkeypatch.setattr(
        coerce, "plan", lambda function, plan=coerce.plan: looked.append(1) or plan(function)
    )
    for name in ("at", "plain", "echo") * 3:
        table.methods.plan(name)
    assert table.methods.plain == {"plain", "echo"}
    assert len(looked) == 2  # of a function without annotations not even that


def test_nothing_is_imported_for_a_function_that_asks_for_nothing(start_daemon, tmp_path):
    (tmp_path / "quiet.py").write_text(
        "import sys\n"
        "def add(a: int, b: 'str' = ''): return a\n"
        "def mods(): return sorted(sys.modules)\n"
    )
    worker = start_daemon(module="quiet")
    assert worker.ask("add", 1) == 1
    call = worker.id()
    worker.write(b'{"jsonrpc":"2.0","id":%d,"method":"add","params":{"a":2}}\n' % call)
    assert worker.answer(call)["result"] == 2
    loaded = worker.ask("mods")
    for name in ("typing", "inspect", "dataclasses", "mochi_pyd.coerce", "mochi_pyd.options"):
        assert name not in loaded


def test_a_wrapper_that_adds_arguments_is_not_held_to_what_it_hides():
    def injected(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return function(shapes.Colour.RED, *args, **kwargs)

        return wrapper

    @injected
    def paint(colour: shapes.Colour, when: shapes.datetime.date):
        return [colour, when]

    assert ask(paint, ["2024-01-02"]) == [shapes.Colour.RED, "2024-01-02"]
    made = ask(paint, {"when": "2024-01-02"})
    assert made == [shapes.Colour.RED, shapes.datetime.date(2024, 1, 2)]


def test_what_carries_annotations_is_found():
    class Callable:
        def __call__(self, when: shapes.datetime.date):
            return when

    class Made:
        def __new__(cls, when: shapes.datetime.date):
            return when

    partial = functools.partial(shapes.at)
    bound = types.MethodType(lambda self, when: when, 1)
    bound.__func__.__annotations__ = {"when": shapes.datetime.date}
    for function in (Callable(), Made, partial, bound, functools.lru_cache(shapes.at)):
        assert annotated(function), function
        assert coerce.plan(function), function
    for function in (len, str, int, print, {}.get, shapes.echo, shapes.Opaque, object(), dict):
        assert not annotated(function), function


@pytest.mark.skipif(sys.version_info < (3, 10), reason="X | Y is 3.10's")
def test_new_unions_and_string_annotations():
    scope = {"datetime": shapes.datetime, "__name__": "made"}
    source = (
        "from __future__ import annotations\n"
        "def later(when: datetime.date | None, tags: set[str] = None): return [when, tags]\n"
    )
    exec(source, scope)
    assert ask(scope["later"], [None, ["a"]]) == [None, {"a"}]
    assert ask(scope["later"], ["2024-01-02"])[0] == shapes.datetime.date(2024, 1, 2)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="type X = … is 3.12's")
def test_aliases_are_looked_through_and_may_refer_to_themselves():
    scope = {"datetime": shapes.datetime, "__name__": "made"}
    source = (
        "type Day = datetime.date\ntype Json = dict[str, Json] | list[Json] | str | None\n"
        "def f(day: Day, json: Json): return [day, json]\n"
    )
    exec(source, scope)
    given = json.loads('["2024-01-02", {"a": [null]}]')
    assert ask(scope["f"], given) == [shapes.datetime.date(2024, 1, 2), {"a": [None]}]
