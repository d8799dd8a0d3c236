"""A module whose functions give objects that only a handle can stand for."""

import asyncio
import datetime
import gc
import json
import weakref

import mochi_pyd

ALIVE = weakref.WeakSet()


class Box:
    def __init__(self, *items):
        self.items, self.log = list(items), []
        self.name, self._secret = "box", 1
        self.borrowed, self.library = json.dumps, json
        self.lid = Lid()
        ALIVE.add(self)

    def __repr__(self):
        return f"<Box of {len(self.items)}>"

    def __len__(self):
        return len(self.items)

    def __getitem__(self, key):
        return self.items[key]

    def __iter__(self):
        return iter(self.items)

    def __enter__(self):
        self.log.append("enter")
        return self

    def __exit__(self, *error):
        self.log.append(["exit", *error])

    def put(self, item, *, times=1):
        self.items += [item] * times
        return len(self.items)

    def fail(self, number):
        return number + "text"

    def cross(self):
        raise ValueError("cross")

    async def later(self, item):
        await asyncio.sleep(0.02)
        self.log.append(item)
        return item

    def soon(self, item):
        return self.later(item)

    def note(self, item):
        self.log.append(item)

    def mail(self, subject, method=None):
        return [subject, method]

    def child(self):
        return Box("child")


class Lid:
    def __init__(self):
        self.open = True

    def turn(self):
        self.open = not self.open
        return self.open


class Door:
    """Means the asynchronous one, and offers both, as some libraries do."""

    def __init__(self):
        self.state = "closed"

    def __enter__(self):
        raise TypeError("use async with")

    def __exit__(self, *error):
        raise TypeError("use async with")

    async def __aenter__(self):
        await asyncio.sleep(0)
        self.state = "open"

    async def __aexit__(self, *error):
        self.state = "closed"

    async def __aiter__(self):
        for number in range(3):
            await asyncio.sleep(0)
            yield number


class Rude:
    def __repr__(self):
        raise SystemExit("no")


class Wordy:
    def __repr__(self):
        return "wordy " * 1000


async def make_later():
    await asyncio.sleep(0)
    return Box("later")


async def numbers():
    for number in range(2):
        yield number


def tally():
    yield from (1, 2)


def boxes(count):
    for number in range(count):
        yield Box(number)
    raise ValueError("no more boxes")


async def boxes_later(count):
    for box in boxes(count):
        yield box


def offer(name):
    mochi_pyd.callback(name)(Box("offered"))
    raise ValueError("no more offers")


def alive():
    gc.collect()
    return len(ALIVE)


def million():
    return list(range(1_000_000))


DIARIES = weakref.WeakSet()


class Diary:
    def __init__(self):
        DIARIES.add(self)

    def write(self, when: datetime.datetime, pages: "list[dict[str, bytes]]"):
        return f"{when.year} {sum(len(b) for page in pages for b in page.values())}"

    def __call__(self, when: datetime.date):
        return when.year


def diaries():
    gc.collect()
    return len(DIARIES)


def diary_kind():
    return Diary


class Kinds(type):
    __hash__ = None

    def __eq__(cls, other):
        return cls is other


class Odd(metaclass=Kinds):
    def __init__(self, when: datetime.datetime):
        self.year = when.year

    def __repr__(self):
        return f"<of {self.year}>"


def unhashable_kind():
    return Odd
