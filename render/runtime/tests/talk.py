"""Functions that talk while they are called: streams, progress, callbacks, hooks."""

import asyncio
import contextvars
import itertools
import sys
import threading
import time

import mochi_pyd

LOG = []


def log():
    done, LOG[:] = list(LOG), []
    return done


def count(n, size=0):
    try:
        for i in range(n):
            yield "x" * size if size else i
    finally:
        LOG.append("closed")


def count_mapped(n):
    return map(int, range(n))


def produce(n):
    for i in range(n):
        LOG.append(i)
        yield i


def fail_after(n):
    yield from range(n)
    raise LookupError("mid-stream")


def leave_after(n):
    yield from range(n)
    raise GeneratorExit("mine")


def unserializable(n):
    yield from range(n)
    yield {"a": [object()]}


def for_ever(pause=0.0):
    try:
        for i in itertools.count():
            if i == 3:
                print("inside")
            if pause:
                time.sleep(pause)
            yield i
    finally:
        LOG.append("closed")


def linger_when_closed():
    try:
        print("inside")
        yield from itertools.count()
    finally:
        LOG.append("lingering")
        time.sleep(600)


def fail_when_closed():
    try:
        print("inside")
        yield from itertools.count()
    finally:
        raise ValueError("in finally")


async def count_async(n, size=0):
    try:
        for i in range(n):
            yield "x" * size if size else i
    finally:
        LOG.append("closed")


async def fail_async(n):
    for i in range(n):
        yield i
    raise LookupError("mid-stream")


async def for_ever_async():
    try:
        for i in itertools.count():
            if i == 3:
                print("inside")
            yield i
    finally:
        await asyncio.sleep(0)
        LOG.append("closed")


async def ticks(n, pause):
    for i in range(n):
        await asyncio.sleep(pause)
        yield i


async def nap(seconds):
    await asyncio.sleep(seconds)
    return seconds


async def generator_later(n):
    return count(n)


async def nested(n):
    for i in range(n):
        yield [iter([i, i + 1])]


async def nested_badly(n):
    for i in range(n):
        yield [iter([i, 10**5000])]
    yield {"a": object()}


async def large(size):
    while True:
        LOG.append("large")
        yield "x" * size


async def async_generator_later(n):
    return count_async(n)


def async_generator_from_main(n):
    return count_async(n)


def block(seconds):
    time.sleep(seconds)
    return seconds


# What a call may ask.


def describe_call():
    call = mochi_pyd.current_call()
    return [call.id, call.function, call.traceparent, call.encoding, repr(call)]


async def describe_call_async():
    await asyncio.sleep(0)
    return describe_call()


def remaining(seconds=0.0):
    time.sleep(seconds)
    return mochi_pyd.remaining()


async def remaining_async(seconds=0.0):
    await asyncio.sleep(seconds)
    return mochi_pyd.remaining()


def in_thread(copy):
    """Give what a thread of ours knows of the call, and a second call's late look."""
    mochi_pyd.current_call()
    found = []

    def look():
        call = mochi_pyd.current_call()
        found.append(call and call.id)

    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run if copy else look, args=(look,) if copy else ())
    thread.start()
    thread.join()
    return found[0]


KEPT = []


def keep_context():
    mochi_pyd.current_call()
    KEPT.append(contextvars.copy_context())


def use_kept_context():
    found = []
    context = KEPT.pop()
    thread = threading.Thread(
        target=lambda: context.run(lambda: found.append(mochi_pyd.current_call()))
    )
    thread.start()
    thread.join()
    return found


async def in_to_thread():
    def look():
        return mochi_pyd.current_call().id

    return await asyncio.get_running_loop().run_in_executor(
        None, contextvars.copy_context().run, look
    )


def report(*fractions):
    for fraction in fractions:
        mochi_pyd.progress(fraction, f"at {fraction}")
    return "reported"


def report_often(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        mochi_pyd.progress(0.5)
    mochi_pyd.progress(1)


def report_from_thread():
    mochi_pyd.current_call()
    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(mochi_pyd.progress, 0.5))
    thread.start()
    thread.join()


async def report_async(fraction):
    mochi_pyd.progress(fraction)


def write_log(level, message, **fields):
    mochi_pyd.log(level, message, **fields)


# Callbacks.


def confirm(*args, **kwargs):
    print("inside")
    return mochi_pyd.callback("confirm")(*args, **kwargs)


async def confirm_async(*args, **kwargs):
    print("inside")
    return await mochi_pyd.callback("confirm")(*args, **kwargs)


def confirm_or(default):
    try:
        return mochi_pyd.callback("confirm")()
    except mochi_pyd.CallbackError as error:
        return [default, error.code, error.message, error.data]


def stream_of_answers(n):
    ask = mochi_pyd.callback("next")
    for i in range(n):
        yield ask(i)


def confirm_in_thread():
    mochi_pyd.current_call()
    context, found = contextvars.copy_context(), []

    def ask():
        try:
            mochi_pyd.callback("confirm")()
        except RuntimeError as error:
            found.append(str(error))

    thread = threading.Thread(target=context.run, args=(ask,))
    thread.start()
    thread.join()
    return found[0]


def imported(name):
    return name in sys.modules


OUTSIDE = [mochi_pyd.current_call(), mochi_pyd.remaining(), mochi_pyd.progress(0.5)]


# In the tagged encoding.


def pairs(n):
    for i in range(n):
        yield i, b"\0"


async def pairs_async(n):
    for i in range(n):
        yield i, b"\0"


def apply(function, *args):
    result = function(*args)
    assert type(result) is tuple
    return result
