"""Polling: looking again for a moment before a thread sleeps.

Most of a round trip is waking a core that has gone to sleep. A worker that
looks a few times more before it sleeps saves that, and pays with a core's time.
So the window in which it looks grows while requests come soon and shrinks to
nothing while they do not, as KVM's halt polling does; it closes for a while when
another thread wants the core; and now and then some waits are slept through and
some are polled, to go on as requests came sooner. That depends on where the
kernel puts the caller: on the worker's core, where sleeping is cheap and polling
in its way, or on another one, which has to be woken.
"""

import os
from time import monotonic as clock

from .stdio import current

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .wire import Wire

# All in seconds, and measured on two cores (0.83 of the round trip that sleeps,
# and no more time of the core under a sparse load; a constant window took three
# times as much there).
FIRST = 10e-6  # the window that the first short wait opens
LONGEST = 100e-6  # the widest one: what waking a core costs, and a little more
FAR = 20  # a wait of so many of the widest windows says that the burst is over
# One look, with one sched_yield, takes a microsecond. If it took so long, some
# other thread had the core, or the interpreter's lock, and wants it again.
ROBBED = 300e-6
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 10.0  # how long polling stops then: it doubles
# The trial. One call of the caller's decides nothing: the kernel takes some to
# settle on a core for it, and a single sleep among polled waits finds it awake
# (judged so, polling stopped where it was worth 0.6 of the round trip).
SETTLE = 16  # waits after each change that do not count
SAMPLE = 48  # waits that do, of each sort
HOLD = 4096  # waits until the next trial
PAYS = 0.9  # of the mean that sleeping takes: it costs a core
OUTLIER = 4  # a wait counts as no more than so many of the widest windows


_SLEEPING, _POLLING, _DECIDED = range(3)


class Window:
    """How long to poll before the next sleep. Told the time, never asks for it."""

    def __init__(self, longest: float = -1.0) -> None:
        """Make the window of a setting: no wider than that; negative is what is best."""
        self.longest = longest = longest if longest > 0 else LONGEST
        self.length = min(FIRST, longest)
        self.paused_until = 0.0
        self._pause = FIRST_PAUSE
        self._was_long = False
        self._trial, self._awake = _SLEEPING, False
        self._left, self._sum, self._slept = SETTLE + SAMPLE, 0.0, 0.0

    def polls(self, now: float) -> bool:
        """Tell whether the wait that begins now is to be polled."""
        return self._awake and self.length > 0.0 and now >= self.paused_until

    def waited(self, seconds: float) -> None:
        """Learn how long a wait was, polling and sleep together."""
        if seconds <= self.longest:
            if self.length < self.longest:
                self.length = min(max(2 * self.length, FIRST), self.longest)
            self._was_long = False
        elif self._was_long or seconds > FAR * self.longest:
            self.length = 0.0
        else:
            self.length /= 2
            self._was_long = True
        if seconds <= FAR * self.longest:  # else nobody was in a hurry
            self._left -= 1
            if self._left < SAMPLE:
                self._sum += min(seconds, OUTLIER * self.longest)
            if self._left == 0:
                self._judge()

    def _judge(self) -> None:
        """Go from sleeping to polling, from there to what was better, and round."""
        mean, self._sum = self._sum / SAMPLE, 0.0
        if self._trial == _SLEEPING:
            self._trial, self._awake, self._slept = _POLLING, True, mean
            self._left = SETTLE + SAMPLE
        elif self._trial == _POLLING:
            self._trial, self._awake = _DECIDED, mean < PAYS * self._slept
            self._left = HOLD
        else:
            self._trial, self._awake = _SLEEPING, False
            self._left = SETTLE + SAMPLE

    def robbed(self, now: float) -> None:
        """Stop for a while: polling took from somebody who needs it.

        Each pause is twice as long as the one before it, unless there was no
        trouble for longer than it would be.
        """
        if now - self.paused_until > self._pause:
            self._pause = FIRST_PAUSE
        self.paused_until = now + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        self._trial, self._awake = _SLEEPING, False
        self._left, self._sum = SETTLE + SAMPLE, 0.0


def possible() -> bool:
    """Tell whether polling can pay: on one core it only keeps others from answering."""
    if not hasattr(os, "sched_yield"):
        return False
    return len(os.sched_getaffinity(0)) > 1 if hasattr(os, "sched_getaffinity") else True


def lookout(fd: int, window: Window) -> "Callable[[float], None]":
    """Make the function that polls fd from the given time on, until there is something.

    Each look gives the interpreter's lock away, and each turn the core: a thread
    of the user's that becomes ready waits at worst until the window closes.
    """
    from select import POLLIN, poll

    one = poll()
    one.register(fd, POLLIN)  # a descriptor that is gone counts as ready, too
    look, give_way = one.poll, os.sched_yield

    def wait(now: float) -> None:
        end = now + window.length
        while not look(0):
            give_way()
            before, now = now, clock()
            if now - before > ROBBED:
                window.robbed(now)
                return
            if now >= end:
                return

    return wait


def reader(wire: "Wire") -> "Callable[[int], bytes]":
    """Make the function that reads the main thread's requests, polling before it sleeps."""
    window = Window(wire.poll)
    wait, read = lookout(wire.requests, window), wire.read
    took = 0.0

    def polling_read(size: int) -> bytes:
        nonlocal took
        began = clock()
        # What is learned of the last wait is not learned while a request is there.
        window.waited(took)
        if window.polls(began):
            wait(began)
        chunk = read(size)
        current.read = ended = clock()
        took = ended - began
        return chunk

    return polling_read
