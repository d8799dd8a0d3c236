"""The classes and functions of the tests of values; what libraries there are, they use."""

# Users write the old forms too.
# ruff: noqa: UP006, RUF013, RUF036

import dataclasses
import datetime
import decimal
import enum
import pathlib
import sys
import typing
import uuid
from collections import deque, namedtuple
from collections.abc import Sequence

try:
    import numpy
except ImportError:
    numpy = None
try:
    import pydantic
except ImportError:
    pydantic = None
try:
    import attrs
except ImportError:
    attrs = None


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 3


class Right(enum.Flag):
    READ = 1
    WRITE = 2


class Odd(enum.Enum):
    PAIR = (1, 2)
    LONE = object()


@dataclasses.dataclass
class Point:
    x: int
    y: object = None


@dataclasses.dataclass(frozen=True)
class Event:
    name: str
    when: "datetime.datetime"
    tags: typing.FrozenSet[str] = frozenset()
    colour: typing.Optional[Colour] = None
    parts: typing.List["Event"] = dataclasses.field(default_factory=list)
    length: int = dataclasses.field(init=False, default=0)

    def __post_init__(self):
        if not self.name:
            raise ValueError("an event has a name")
        object.__setattr__(self, "length", len(self.name))


class Outer:
    @dataclasses.dataclass
    class Inner:
        a: int


Pair = namedtuple("Pair", "a b")


class Named(typing.NamedTuple):
    when: datetime.date
    note: str = "none"


class Typed(typing.TypedDict):
    when: datetime.date
    size: int


RAN = []


@dataclasses.dataclass
class Noisy:
    """Tells when its code runs, which no value of the wire may cause."""

    a: int

    def __post_init__(self):
        RAN.append(self.a)

    def __setattr__(self, name, value):
        RAN.append(name)
        object.__setattr__(self, name, value)


class Opaque:
    """Has no form of its own."""


if pydantic is not None:

    class Model(pydantic.BaseModel):
        a: int
        when: typing.Optional[datetime.date] = None


if attrs is not None:

    @attrs.define
    class Kind:
        a: int
        _when: typing.Optional[datetime.date] = None


def echo(value):
    return value


def look(value):
    """Say what value is, so that nothing is lost on the way back."""
    return [type(value).__qualname__, hex(value) if type(value) is int else repr(value)]


def ran():
    return RAN


def opaque():
    return {"deep": [Opaque()]}


def numbers():
    yield from (1, b"\x00", (2,))


async def numbers_async(n):
    for i in range(n):
        yield (i,)


def endless():
    while True:
        yield 1j


async def endless_async():
    while True:
        yield 1j


async def later(value):
    return value


def at(when: datetime.datetime):
    return look(when)


def many(
    point: Point,
    *days: datetime.date,
    wait: datetime.timedelta = datetime.timedelta(0),
    **paths: pathlib.Path,
):
    return [look(point), [look(day) for day in days], look(wait), repr(sorted(paths.items()))]


def event(event: Event):
    return look(event)


def named(value: Named):
    return look(value)


def typed(value: Typed):
    return look(value)


def union(value: typing.Union[None, datetime.date, Point, typing.Dict[int, bytes]]):
    return look(value)


def text_or_date(value: typing.Union[str, datetime.date]):
    return look(value)


def implicit(value: datetime.date = None):
    return look(value)


def scalars(
    number: decimal.Decimal,
    name: uuid.UUID,
    data: bytes,
    time: datetime.time,
    path: pathlib.PurePosixPath,
):
    return [repr(value) for value in (number, name, data, time, path)]


def containers(
    days: typing.Set[datetime.date],
    pair: typing.Tuple[int, datetime.date],
    rest: typing.Tuple[bytes, ...],
    frozen: frozenset,
    table: typing.Dict[int, typing.List[Level]],
):
    return [repr(value) for value in (days, pair, rest, frozen, table)]


def lines(line: deque, listed: Sequence[Colour]):
    return [repr(value) for value in (line, listed)]


def colour(value: Colour):
    return look(value)


def odd(value: Odd):
    return value.name


def unresolved(value: "Missing", when: "datetime.date"):  # noqa: F821
    return [look(value), look(when)]


def plain(a: int, b: "str", c: typing.Any, d: typing.List[int]):
    return [look(value) for value in (a, b, c, d)]


async def coroutine(when: datetime.date):
    return look(when)


if pydantic is not None:

    def model(value: Model):
        return look(value)


if attrs is not None:

    def kind(value: Kind):
        return look(value)


def loaded(name):
    return name in sys.modules


def has(name):
    """Tell whether this Python can do what a row of the corpus needs."""
    if name == "zone":
        import zoneinfo

        return "Europe/Berlin" in zoneinfo.available_timezones()
    return name is None or globals()[name] is not None
