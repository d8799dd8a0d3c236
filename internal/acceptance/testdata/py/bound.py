"""Functions of every shape, for clients that are generated from them."""

import asyncio
import dataclasses
import enum
import typing


class Colour(enum.Enum):
    RED = "it's red"
    BLUE = 'a "blue"'


@dataclasses.dataclass
class Point:
    x: float
    y: float = 0.0
    tags: list[str] = dataclasses.field(default_factory=list)


def add(a: int, b: int = 10, /, c: int = 100, *, d: int = 1000) -> int:
    """Add: everything has a default but the first."""
    return a + b + c + d


def gather(first: str, second: str = "two", *rest: str, last: str = "end", **more: int) -> str:
    """Gather arguments of all five kinds."""
    return f"{first} {second} {' '.join(rest)} {last} {sorted(more.items())}"


def move(point: Point, by: tuple[float, float] = (1.0, 1.0)) -> dict:
    point = Point(**point) if isinstance(point, dict) else point
    return {"x": point.x + by[0], "y": point.y + by[1]}


def paint(colour: Colour, maybe: typing.Optional[int] = None) -> typing.Optional[str]:
    return f"{colour.value} {maybe}"


def table(rows: list[dict[str, int]]) -> dict[str, list[int]]:
    return {key: [row[key] for row in rows] for key in rows[0]}


async def later(value: str, seconds: float = 0.0) -> str:
    await asyncio.sleep(seconds)
    return value


def nothing() -> None:
    return None


def untyped(value, other=None):
    return [value, other]


def data() -> bytes:
    return b"\x00\xff"


def fail(why: str) -> str:
    raise ValueError(why)


def keyword_only(*, needed: int) -> int:
    return needed


def evil() -> int:
    return 1


evil.__doc__ = (
    "*/ process.exit(1) /* --> */ `); \"\"\" ''' \u2028process.exit(2)\u2029 \r raise SystemExit(3) \x85"
    " @ts-nocheck # type: ignore \u202e //go:build ignore ${1}"
)


def func(type: str, self: int, ctx: int, await_: int, options: int = 1, named: int = 2) -> str:
    """Have parameters whose names are words of other languages."""
    return f"{type}{self}{ctx}{await_}{options}{named}"


def range(string: str, len: int) -> str:
    return string * len


def getUrl() -> str:
    return "getUrl"


def get_url() -> str:
    return "get_url"


def größe(maß: int) -> int:
    return maß


ANSWER = 42
