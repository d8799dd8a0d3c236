"""Natural JSON: what every kind of value becomes, and what has no JSON form."""

import array
import collections
import dataclasses
import datetime
import decimal
import enum
import itertools
import json
import math
import pathlib
import subprocess
import sys
import threading
import types
import typing
import uuid

import pytest
from mochi_pyd import convert, values
from mochi_pyd.convert import NotSerializable
from mochi_pyd.refusal import Refusal


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


@dataclasses.dataclass(frozen=True)
class Point:
    x: int
    y: object = None


class Named(typing.NamedTuple):
    a: int
    b: str


class Typed(typing.TypedDict):
    a: int


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (-0.0, "-0.0"),
        (1e100, "1e+100"),
        (2**70, str(2**70)),
        ("é\ud800\n", '"\\u00e9\\ud800\\n"'),
        ((1, (2, [3])), "[1,[2,[3]]]"),
        ({"b": 1, "a": {}}, '{"b":1,"a":{}}'),
        ({1: 2, 1.5: 3, False: 4, None: 5}, '{"1":2,"1.5":3,"false":4,"null":5}'),
        ({3, 1, 2}, "[1,2,3]"),
        (frozenset({"b", "a"}), '["a","b"]'),
        (range(3), "[0,1,2]"),
        (iter([1, 2]), "[1,2]"),
        ((x for x in [1, {2}]), "[1,[2]]"),
        (map(str, [1, 2]), '["1","2"]'),
        ({"a": 1}.keys(), '["a"]'),
        ({"a": 1}.items(), '[["a",1]]'),
        (collections.deque([1, 2]), "[1,2]"),
        (collections.Counter("aab"), '{"a":2,"b":1}'),
        (collections.OrderedDict(a=1), '{"a":1}'),
        (types.MappingProxyType({"a": 1}), '{"a":1}'),
        (collections.ChainMap({"a": 1}), '{"a":1}'),
        (array.array("i", [1, 2]), "[1,2]"),
        (b"\x00\xff", '"AP8="'),
        (bytearray(b"a"), '"YQ=="'),
        (memoryview(b"a"), '"YQ=="'),
        (Named(1, "x"), '[1,"x"]'),
        (Typed(a=1), '{"a":1}'),
        (Point(1, Point(2, {3})), '{"x":1,"y":{"x":2,"y":[3]}}'),
        (Colour.RED, '"red"'),
        (Level.HIGH, "3"),
        ({Level.HIGH: Colour.RED}, '{"3":"red"}'),
        (datetime.datetime(2024, 1, 2, 3, 4, 5), '"2024-01-02T03:04:05"'),
        (datetime.date(2024, 1, 2), '"2024-01-02"'),
        (datetime.time(3, 4), '"03:04:00"'),
        (datetime.timedelta(days=1, milliseconds=500), "86400.5"),
        (decimal.Decimal("1.10"), '"1.10"'),
        (uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (pathlib.PurePosixPath("/a"), '"/a"'),
        (types.SimpleNamespace, None),
    ],
)
def test_natural_json(value, text):
    if text is None:
        with pytest.raises(NotSerializable):
            values.encode(value)
        return
    assert values.encode(value) == text
    json.loads(text)


class Loops(dict):
    pass


def circle():
    inner = {"up": []}
    inner["up"].append(inner)
    return [inner]


def deep(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "path", "kind"),
    [
        (math.nan, "$", "float"),
        ({"a": [1, math.inf]}, "$.a[1]", "float"),
        ({"a b": [-math.inf]}, '$["a b"][0]', "float"),
        ([object()], "$[0]", "object"),
        ({"f": len}, "$.f", "builtin_function_or_method"),
        ([int], "$[0]", "type"),
        ([1j], "$[0]", "complex"),
        ({(1, 2): 3}, "$", "tuple"),
        ({1: "a", "1": "b"}, "$", "str"),
        ([{"x": {None: 1, "null": 2}}], "$[0].x", "str"),
        ({math.nan: 1}, "$", "float"),
        (Point(1, [math.nan]), "$.y[0]", "float"),
        (Named(math.inf, "x"), "$[0]", "float"),
        (Typed(a={1, math.nan}), "$.a[1]", "float"),
        ({"a": [{Level.HIGH: 1, 3.0: {}}, {"3": 1, Level.HIGH: 2}]}, "$.a[1]", "test_values.Level"),
        (iter([1, iter([object()])]), "$[1][0]", "object"),
        (circle(), "$[0].up[0]", "dict"),
        ([open(__file__, "rb")], "$[0]", "_io.BufferedReader"),  # noqa: SIM115
        (NotImplemented, "$", "NotImplementedType"),
    ],
)
def test_the_culprit_is_named(value, path, kind):
    with pytest.raises(NotSerializable) as refused:
        values.encode(value)
    assert refused.value.data == {"kind": "not_serializable", "path": path, "type": kind}
    assert path in refused.value.message


def test_nesting_is_bounded_and_shared_values_are_no_circle():
    assert values.encode(deep(400)).startswith("[[[")
    with pytest.raises(NotSerializable, match="nested deeper"):
        values.encode(deep(600))
    shared = {"x": [1]}
    assert values.encode([shared, shared]) == '[{"x":[1]},{"x":[1]}]'


def test_endless_iterators_stop_at_the_cap(monkeypatch):
    monkeypatch.setattr(values, "limit", 10_000)
    for endless in (itertools.count(), {"x": itertools.repeat({"a": "b" * 100})}, range(10**12)):
        with pytest.raises(Refusal) as refused:
            values.encode(endless)
        assert refused.value.data["kind"] == "too_large"
        assert refused.value.data["limit"] == 10_000


def test_an_iterator_of_large_items_stops_soon_behind_the_cap(monkeypatch):
    monkeypatch.setattr(values, "limit", 1 << 20)
    counted = itertools.count(1)
    with pytest.raises(Refusal, match="a message holds"):
        values.encode("x" * 100_000 for _ in counted)
    assert next(counted) < 40


def test_no_item_of_an_iterator_is_lost_to_a_long_number_in_it():
    long = 10**5000
    for count in (3, 3000):
        text = values.encode(iter([0, long, *range(count), long]))
        assert text.count(",") == count + 2
        assert text.endswith(f",1{'0' * 5000}]")


def test_what_user_code_raises_while_it_is_read_is_its_own_error():
    def bad():
        yield 1
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        values.encode(bad())


def test_huge_integers_pass_and_the_bound_is_back_afterwards():
    bound = getattr(sys, "get_int_max_str_digits", lambda: 0)
    before = bound()
    text = "9" * 10_000
    assert values.encode([values.parse(text)]) == f"[{text}]"
    assert bound() == before


def test_numpy():
    numpy = pytest.importorskip("numpy", reason="numpy is not installed here")
    assert values.encode(numpy.float64(1.5)) == "1.5"
    assert values.encode([numpy.int32(3), numpy.bool_(True)]) == "[3,true]"
    assert values.encode(numpy.array([[1, 2], [3, 4]])) == "[[1,2],[3,4]]"
    assert values.encode(numpy.array(5)) == "5"
    assert (
        values.encode(numpy.array([{1}, "a", b"b", None], dtype=object)) == '[[1],"a","Yg==",null]'
    )
    assert values.encode(numpy.ma.masked_array([1, 2], [False, True])) == "[1,null]"
    assert values.encode(numpy.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")])) == "[[1,2.5]]"
    assert values.encode(numpy.longdouble(1.5)) == "1.5"
    assert values.encode([numpy.str_("a"), numpy.bytes_(b"b")]) == '["a","Yg=="]'
    for unit in ("D", "s", "ns"):  # by itself numpy makes a number of nanoseconds
        day = numpy.datetime64("2024-01-02", unit)
        assert values.encode(day).startswith('"2024-01-02'), unit
        assert values.encode([numpy.array([day])]).startswith('[["2024-01-02'), unit
        assert values.encode(numpy.timedelta64(2, "D").astype(f"m8[{unit}]")) == "172800.0"
    for odd, path in (
        (numpy.array([[1, 2], [1j, 0]]), "$[0][0]"),
        (numpy.array([{1: object()}], dtype=object), '$[0]["1"]'),
        (numpy.float32("inf"), "$"),
        ((numpy.array([1.0]), numpy.array([[0.0, math.inf]])), "$[1][0][1]"),
    ):
        with pytest.raises(NotSerializable) as refused:
            values.encode(odd)
        assert refused.value.data["path"] == path
    with pytest.raises(NotSerializable) as refused:
        values.encode({"a": numpy.array([1.0, math.nan])})
    assert refused.value.data["path"] == "$.a[1]"


def test_sets_that_cannot_be_ordered_have_one_order_all_the_same():
    assert values.encode({"b", 1, None, "a"}) == '[null,1,"a","b"]'


def test_pydantic_and_attrs():
    pydantic = pytest.importorskip("pydantic", reason="pydantic is not installed here")

    class Model(pydantic.BaseModel):
        a: int
        when: datetime.date

    assert values.encode(Model(a=1, when="2024-01-02")) == '{"a":1,"when":"2024-01-02"}'
    attrs = pytest.importorskip("attrs", reason="attrs is not installed here")
    kind = attrs.make_class("Kind", ["a"])
    assert values.encode([kind({1})]) == '[{"a":[1]}]'


def test_without_the_accelerator_the_results_are_the_same():
    program = (
        "import sys; sys.modules['_json'] = None\n"
        "from mochi_pyd import values\n"
        "print(values.encode([1, 'é', {'a': {2}}, 1.5]), values.parse('[1,\"x\"]'))\n"
        "try: values.encode([float('nan')])\n"
        "except Exception as error: print(error.data['path'])\n"
        "try: values.parse('[NaN]')\n"
        "except ValueError as error: print(error)\n"
    )
    root = pathlib.Path(convert.__file__).parent.parent
    out = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )
    assert out.stdout.splitlines() == [
        '[1,"\\u00e9",{"a":[2]},1.5] [1, \'x\']',
        "$[0]",
        "NaN is not JSON",
    ]


@pytest.mark.skipif(not hasattr(sys, "set_int_max_str_digits"), reason="this Python has no bound")
def test_the_bound_on_digits_is_back_when_many_threads_have_lifted_it():
    before, interval = sys.get_int_max_str_digits(), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:

        def lift():
            for _ in range(300):
                with values.UnlimitedDigits():
                    assert sys.get_int_max_str_digits() == 0

        threads = [threading.Thread(target=lift) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert sys.get_int_max_str_digits() == before
