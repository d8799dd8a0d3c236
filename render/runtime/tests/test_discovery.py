"""Discovery: what annotations become, and the reason of every name that is left out."""

import dataclasses
import json
import sys
import time

import pytest
from mochi_pyd import schema

TYPED = '''
from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import json
import os.path
import pathlib
import typing
import uuid
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from math import sqrt

if typing.TYPE_CHECKING:
    from nowhere import Unknown

__all__ = ["late", "simple", "sqrt"]


def __getattr__(name):
    if name == "late":
        return simple
    raise AttributeError(name)


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@dataclasses.dataclass(frozen=True)
class Point:
    """A point."""

    x: float
    y: float = 0.0
    next: typing.Optional[Point] = None


class Movie(typing.TypedDict):
    name: str
    year: int


class Pair(typing.NamedTuple):
    left: int
    right: str


def simple(a: int, b: float = 1.5, *, c: str = "x", d: bool = False) -> str:
    """Do it.

    And more.
    """
    return f"{a}{b}{c}{d}"


def containers(
    a: list[int], b: typing.Dict[str, float], c: typing.Tuple[int, str], d: typing.Tuple[int, ...],
    e: typing.Set[str], f: Sequence[bytes], g: Mapping[str, typing.Any], h: Iterable[None],
) -> typing.List[typing.Dict[str, typing.List[int]]]:
    return []


def choices(
    a: typing.Optional[int], b: typing.Union[int, str, None], c: typing.Literal["a", 1, None],
    d: Colour, e: Level, f: typing.Any, g: typing.Callable[[], int], h: Unknown,
) -> None:
    return None


def records(a: Point, b: Movie, c: Pair) -> Point:
    return a


def formats(
    a: datetime.datetime, b: datetime.date, c: datetime.time, d: datetime.timedelta,
    e: decimal.Decimal, f: uuid.UUID, g: pathlib.Path, h: bytes,
) -> None:
    return None


def shapes(a, /, b, *args: int, c, **kwargs: str):
    return None


def hostile(a: 1 / 0, b: "]", c: int = object()) -> undefined.name:
    return None


async def later(seconds: float) -> Point:
    return Point(seconds)


async def items(n: int) -> AsyncIterator[int]:
    yield n

ANSWER = 42
NAMES = ["a"]
'''
STRING = {"type": "string"}
INTEGER = {"type": "integer"}
NUMBER = {"type": "number"}
POINT = {
    "title": "Point",
    "type": "object",
    "properties": {
        "x": NUMBER,
        "y": NUMBER,
        "next": {},  # a point within a point
    },
    "required": ["x"],
}


@pytest.fixture
def typed(start, tmp_path):
    (tmp_path / "typed.py").write_text(TYPED)
    return start(module="typed")


def discover(worker):
    found = worker.ask("mochi.discover")
    return found, {method["name"]: method for method in found["methods"]}


def schemas(method):
    return {param["name"]: param["schema"] for param in method["params"]}


def test_parameters_have_kinds_and_defaults(typed):
    found, methods = discover(typed)
    assert found["module"] == "typed"
    simple = methods["simple"]
    assert (simple["kind"], simple["doc"], simple["result"]) == ("function", "Do it.", STRING)
    assert simple["params"] == [
        {"name": "a", "required": True, "kind": "both", "schema": INTEGER},
        {"name": "b", "required": False, "kind": "both", "schema": {**NUMBER, "default": 1.5}},
        {"name": "c", "required": False, "kind": "keyword", "schema": {**STRING, "default": "x"}},
        {
            "name": "d",
            "required": False,
            "kind": "keyword",
            "schema": {"type": "boolean", "default": False},
        },
    ]
    assert [(p["name"], p["kind"], p["required"]) for p in methods["shapes"]["params"]] == [
        ("a", "positional", True),
        ("b", "both", True),
        ("args", "var_positional", False),
        ("c", "keyword", True),
        ("kwargs", "var_keyword", False),
    ]
    assert schemas(methods["shapes"])["args"] == {"type": "array", "items": INTEGER}
    assert schemas(methods["shapes"])["kwargs"] == {
        "type": "object",
        "additionalProperties": STRING,
    }
    assert methods["later"]["kind"] == "coroutine"
    assert methods["items"]["result"] == {"type": "array", "items": INTEGER}
    assert (methods["ANSWER"]["kind"], methods["ANSWER"]["params"]) == ("value", [])
    assert methods["ANSWER"]["result"] == {"type": "integer", "title": "int"}


def test_annotations_become_schemas(typed):
    _, methods = discover(typed)
    base64 = {"type": "string", "contentEncoding": "base64"}
    assert schemas(methods["containers"]) == {
        "a": {"type": "array", "items": INTEGER},
        "b": {"type": "object", "additionalProperties": NUMBER},
        "c": {"type": "array", "items": [INTEGER, STRING], "minItems": 2, "maxItems": 2},
        "d": {"type": "array", "items": INTEGER},
        "e": {"type": "array", "items": STRING, "uniqueItems": True},
        "f": {"type": "array", "items": base64},
        "g": {"type": "object"},
        "h": {"type": "array", "items": {"type": "null"}},
    }
    integers = {"type": "array", "items": INTEGER}
    assert methods["containers"]["result"] == {
        "type": "array",
        "items": {"type": "object", "additionalProperties": integers},
    }
    # One name that only a type checker knows costs that parameter, and no other.
    assert schemas(methods["choices"]) == {
        "a": {"anyOf": [INTEGER, {"type": "null"}]},
        "b": {"anyOf": [INTEGER, STRING, {"type": "null"}]},
        "c": {"enum": ["a", 1, None]},
        "d": {"title": "Colour", "enum": ["red", "blue"]},
        "e": {"title": "Level", "enum": [1, 2]},
        "f": {},
        "g": {},
        "h": {},
    }
    assert schemas(methods["formats"]) == {
        "a": {"type": "string", "format": "date-time"},
        "b": {"type": "string", "format": "date"},
        "c": {"type": "string", "format": "time"},
        "d": {"type": "number", "title": "seconds"},
        "e": {"type": "string", "format": "decimal"},
        "f": {"type": "string", "format": "uuid"},
        "g": {"type": "string", "format": "path"},
        "h": base64,
    }
    records = schemas(methods["records"])
    assert records["a"] == methods["records"]["result"] == methods["Point"]["result"] == POINT
    assert records["b"] == {
        "title": "Movie",
        "type": "object",
        "properties": {"name": STRING, "year": INTEGER},
        "required": ["name", "year"],
    }
    assert records["c"] == {
        "title": "Pair",
        "type": "array",
        "items": [{"title": "left", **INTEGER}, {"title": "right", **STRING}],
        "minItems": 2,
        "maxItems": 2,
    }


def test_annotations_that_cannot_be_read_cost_nothing(typed):
    _, methods = discover(typed)
    assert schemas(methods["hostile"]) == {"a": {}, "b": {}, "c": INTEGER}
    assert methods["hostile"]["result"] == {}


def test_every_public_name_is_listed_or_has_its_reason(typed):
    for found in (discover(typed)[0], typed.ask("mochi.describe")):
        listed = {method["name"] for method in found["methods"]}
        reasons = {each["name"]: each["reason"] for each in found["skipped"]}
        assert not listed & set(reasons)
        assert "sqrt" in listed, "what __all__ names is the module's own"
        assert reasons["late"] == "made on first use: call it by its name"
        assert reasons["json"] == "the module json: call its functions there"
        assert reasons["OrderedDict"] == "belongs to collections: call it there"
        for name in ("os", "uuid", "typing", "pathlib", "Mapping"):
            assert name in reasons


@pytest.mark.parametrize("module", ["json", "os", "asyncio", "xml", "math", "decimal", "typing"])
def test_no_public_name_of_a_real_module_is_forgotten(start, module):
    worker = start(module=module)
    found, _ = discover(worker)
    names = {m["name"] for m in found["methods"]} | {s["name"] for s in found["skipped"]}
    probe = f"import json, {module}; print(json.dumps(list(vars({module}))))"
    import subprocess

    out = subprocess.run([worker.python, "-c", probe], capture_output=True, text=True, check=True)
    missing = {name for name in json.loads(out.stdout) if name[0] != "_"} - names
    assert missing == set()
    assert all(each["reason"] for each in found["skipped"])


LIBRARIES = """
from typing import Annotated, List, Optional

import numpy
import pydantic


class Inner(pydantic.BaseModel):
    name: str


class Outer(pydantic.BaseModel):
    inner: Inner
    many: List[Inner] = []
    deeper: Optional["Outer"] = None


def models(a: Outer, b: Annotated[int, "about b"]) -> Inner:
    return a.inner


def arrays(a: numpy.ndarray, b: numpy.float64, c: numpy.int32) -> numpy.ndarray:
    return a
"""


def test_models_and_arrays_are_described(tmp_path):
    pytest.importorskip("pydantic", reason="this interpreter has no pydantic")
    pytest.importorskip("numpy", reason="this interpreter has no numpy")
    import harness

    (tmp_path / "libraries.py").write_text(LIBRARIES)
    worker = harness.Worker(sys.executable, tmp_path, module="libraries")
    try:
        _, methods = discover(worker)
        outer = schemas(methods["models"])["a"]
        inner = methods["models"]["result"]
        assert inner["properties"]["name"]["type"] == "string"
        assert outer["properties"]["inner"] == inner
        assert outer["properties"]["many"]["items"] == inner
        assert "$ref" not in json.dumps(outer)
        assert schemas(methods["models"])["b"] == INTEGER
        assert schemas(methods["arrays"]) == {"a": {"type": "array"}, "b": NUMBER, "c": INTEGER}
    finally:
        worker.close()


def test_classes_that_all_refer_to_each_other_have_a_schema_of_bounded_size():
    names = [f"Part{number}" for number in range(9)]
    for name in names:
        fields = [(f"field_{other}", other) for other in names]
        globals()[name] = dataclasses.make_dataclass(
            name, fields, namespace={"__module__": __name__}
        )
    try:
        began = time.monotonic()
        shape = schema.of(globals()[names[0]])
        assert len(json.dumps(shape)) < 200_000
        assert shape["properties"]["field_Part1"]["title"] == "Part1"
        assert time.monotonic() - began < 5
        assert schema.of(list[int]) == {"type": "array", "items": {"type": "integer"}}
    finally:
        for name in names:
            del globals()[name]
