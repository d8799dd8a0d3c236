"""The rows of the proof's table: a fixture, or the reason why there is none."""

FIXTURES = {}
EXCUSED = {}


def row(*names):
    """Make a coroutine function the fixture of the functions it names.

    One that serves several is called with the name of the one it is to drive.
    """

    def mark(fixture):
        for name in names:
            assert name not in FIXTURES, f"{name} has two fixtures"
            FIXTURES[name] = _with(fixture, name) if len(names) > 1 else fixture
        return fixture

    return mark


def _with(fixture, name):
    def driven():
        return fixture(name)

    return driven


def excuse(name, why):
    """Say why a function cannot be driven."""
    assert why and name not in FIXTURES
    EXCUSED[name] = why


async def caught(awaitable):
    """Show the exception that is the outcome of some calls, or the value."""
    try:
        value = await awaitable
        return {"returned": ["bytearray", bytes(value)] if isinstance(value, bytearray) else value}
    except Exception as error:
        return {"raised": type(error).__name__, "said": str(error)}


async def steps(*awaitables):
    """Show what each of several calls comes to, one after the other."""
    return [await caught(awaitable) for awaitable in awaitables]


def bare(cls, *args, **named):
    """Make an object of a class that is abstract, with what it has of its own."""
    made = type(cls.__name__, (cls,), {})
    made.__abstractmethods__ = frozenset()
    return made(*args, **named)
