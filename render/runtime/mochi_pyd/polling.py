"""Polling: looking again for a moment before a thread sleeps.

Most of a round trip is waking a core that has gone to sleep. A worker that
looks a few times more before it sleeps saves that, and pays with a core's time.
So the window in which it looks grows while requests come soon and shrinks to
nothing while they do not, as KVM's halt polling does; and it closes for a while
when polling does harm: when another thread wanted the core, or when requests
come no sooner than to a worker that sleeps.
"""

import os
from time import monotonic as clock

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
# One wait in so many is slept through, to know what polling gains. Where the
# caller has the same core, each yield of which is a chance to be passed over,
# it doubled the round trip (48 for 23 µs) although no yield took long.
TRIAL = 16
ENOUGH = 4  # waits of both sorts, before they are compared
WEIGHT = 1 / 8  # of the latest wait in the average of its sort


class Window:
    """How long to poll before the next sleep. Told the time, never asks for it."""

    def __init__(self, longest: float = -1.0) -> None:
        """Make the window of a setting: no wider than that; negative is what is best."""
        self.longest = longest = longest if longest > 0 else LONGEST
        self.length = min(FIRST, longest)
        self.paused_until = 0.0
        self._pause = FIRST_PAUSE
        self._was_long = False
        self._turn = 0
        self._average = [0.0, 0.0]  # of the short waits: slept, polled
        self._count = [0, 0]

    def polls(self, now: float) -> bool:
        """Tell whether the wait that begins now is to be polled."""
        if not self.length or now < self.paused_until:
            return False
        self._turn += 1
        return self._turn % TRIAL != 0

    def waited(self, seconds: float, polled: bool, now: float) -> None:
        """Learn how long a wait was, polling and sleep together."""
        if seconds <= self.longest:
            if self.length < self.longest:
                self.length = min(max(2 * self.length, FIRST), self.longest)
            self._was_long = False
            self._count[polled] += 1
            self._average[polled] += (seconds - self._average[polled]) * max(
                WEIGHT, 1 / self._count[polled]
            )
            if not polled and min(self._count) >= ENOUGH and self.length:
                slept, lay_awake = self._average
                if lay_awake >= slept:
                    self.harmed(now)
        elif self._was_long or seconds > FAR * self.longest:
            self.length = 0.0
        else:
            self.length /= 2
            self._was_long = True

    def harmed(self, now: float) -> None:
        """Stop for a while: polling does not pay, or takes from somebody who needs it.

        Each pause is twice as long as the one before it, unless there was no
        trouble for longer than it would be.
        """
        if now - self.paused_until > self._pause:
            self._pause = FIRST_PAUSE
        self.paused_until = now + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        self._count = [0, 0]


def possible() -> bool:
    """Tell whether polling can pay: on one core it only keeps others from answering."""
    if not hasattr(os, "sched_yield"):
        return False
    return len(os.sched_getaffinity(0)) > 1 if hasattr(os, "sched_getaffinity") else True


def lookout(wire: "Wire", fd: int, window: Window) -> "Callable[[float], None]":
    """Make the function that polls fd from the given time on, until there is something.

    Each look gives the interpreter's lock away, and each turn the core: a thread
    of the user's that becomes ready waits at worst until the window closes.
    """
    poll = wire.new_poll()
    poll.register(fd, 1)  # POLLIN; a descriptor that is gone counts as ready, too
    look, give_way = poll.poll, os.sched_yield

    def wait(now: float) -> None:
        end = now + window.length
        while not look(0):
            give_way()
            before, now = now, clock()
            if now - before > ROBBED:
                window.harmed(now)
                return
            if now >= end:
                return

    return wait


def reader(wire: "Wire") -> "Callable[[int], bytes]":
    """Make the function that reads the main thread's requests, polling before it sleeps."""
    window = Window(wire.poll)
    wait, read = lookout(wire, wire.requests, window), wire.read
    polled, took = False, FAR * window.longest

    def polling_read(size: int) -> bytes:
        nonlocal polled, took
        began = clock()
        # What is learned of the last wait is not learned while a request is there.
        window.waited(took, polled, began)
        polled = window.polls(began)
        if polled:
            wait(began)
        chunk = read(size)
        took = clock() - began
        return chunk

    return polling_read
