"""A storm: calls of every kind, most of them cancelled at a random moment.

Each call is given its own id and answers it, so that an answer shows whose it
is. A doomed call ends by its cancellation only and is shot exactly once, so that
one lost shot is seen.
"""

import json
import os
import random
import select
import time

# Weights of what is called: on the main thread, and on the loop.
MAIN = {"quick": 25, "busy": 20, "lazy": 15, "items": 10, "spoken": 8, "moved": 8, "doomed": 8}
LOOP = {"soon": 20, "doomed_soon": 3}
# Calls in flight at most on each lane.
WIDTH = {False: 6, True: 24}
# Of the calls that would end by themselves.
CANCELLED = 0.7
OLDEST = 0.7
# Iterations that a doomed call is left alone at most.
REPRIEVE = 12
# The longest pause between two doings of the driver, in seconds.
PAUSE = 60e-6
# Of the shots that come with a strike, as all of the daemon's do; and when such a
# call that has not started is given up, in seconds.
STRUCK = 0.5
SETTLED = 0.001
# When nothing happens for so long, the kick fell between two instructions.
KICK_AGAIN = 0.005


class Storm:
    def __init__(self, worker, seed, weights):
        self.worker, self.random = worker, random.Random(seed)
        self.methods, self.weights = list(weights), list(weights.values())
        self.open = {}  # the calls in flight: their method
        self.width = {False: 0, True: 0}
        self.shot, self.due = set(), []
        self.struck, self.void = {}, set()  # since when; given up, as the daemon does
        self.answered = dict.fromkeys(("result", "cancelled", "revoked"), 0)
        self.unstarted, self.complaints = [], []
        self.shots = self.issued = self.iteration = 0

    def run(self, calls):
        quiet_since = time.monotonic()
        while self.open or self.issued < calls:
            self.iteration += 1
            for _ in range(self.random.choice((1, 1, 1, 4))):
                if self.issued < calls:
                    self.issue()
            self.pause()
            self.cancel_some()
            full = self.issued >= calls or self.width[False] >= WIDTH[False]
            idle = full and not self.due
            if self.read(KICK_AGAIN if idle else 0):
                quiet_since = time.monotonic()
            elif idle:
                self.worker.kick()
                late = time.monotonic() - quiet_since
                assert late < 10, f"lost: {self.open} after {self.issued} calls, shot {self.shots}"
        assert not self.complaints, self.complaints[:10]

    def issue(self):
        (method,) = self.random.choices(self.methods, self.weights)
        loop = method in LOOP
        if self.width[loop] >= WIDTH[loop]:
            return
        call = self.worker.id(loop)
        line = f'{{"jsonrpc":"2.0","id":{call},"method":"{method}","params":[{call}]}}\n'
        self.open[call] = method
        self.width[loop] += 1
        self.issued += 1
        self.worker.write(line.encode(), loop)
        if method.startswith("doomed"):
            self.due.append((self.iteration + self.random.randrange(REPRIEVE), call))

    def pause(self):
        until = time.perf_counter() + self.random.random() * PAUSE
        while time.perf_counter() < until:
            pass

    def cancel_some(self):
        calls = [call for at, call in self.due if at <= self.iteration]
        self.due = [(at, call) for at, call in self.due if at > self.iteration]
        if self.open and self.random.random() < CANCELLED:
            # The oldest is the one that most likely runs now.
            oldest = self.random.random() < OLDEST
            call = next(iter(self.open)) if oldest else self.random.choice(list(self.open))
            if not self.open[call].startswith("doomed"):
                calls.append(call)
        if not calls:
            return
        self.shots += len(calls)
        self.shot.update(calls)
        for call in calls:
            if call not in self.struck and self.random.random() < STRUCK:
                self.worker.strike(call)
                self.struck[call] = time.perf_counter()
        self.worker.shoot(*calls)
        if self.random.random() < 0.1:
            self.pause()
        if self.random.random() < 0.95:
            self.worker.kick()

    def give_up(self):
        now = time.perf_counter()
        seats = self.worker.seats
        for call in [call for call, since in self.struck.items() if now - since > SETTLED]:
            del self.struck[call]
            # Here, unlike in the daemon, a call that moved shares its seat with a newer one.
            cell = 1 + call % seats
            if self.worker.cell(cell) < call and self.worker.cell(cell + seats) == call:
                self.void.add(call)

    def read(self, patience):
        worker = self.worker
        self.give_up()
        if not select.select([worker.replies], [], [], patience)[0]:
            return False
        worker.buffer += os.read(worker.replies, 1 << 16)
        *lines, worker.buffer = worker.buffer.split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "id" in message:
                self.check(message)
        return True

    def check(self, message):
        call = message["id"]
        method = self.open.pop(call, None)
        if method is None:
            self.complaints.append(f"answered twice: {message}")
            return
        self.width[method in LOOP] -= 1
        self.struck.pop(call, None)
        if call in self.void and ("result" in message or message["error"]["data"]["started"]):
            self.complaints.append(f"{method} was given up and ran: {message}")
        if "result" in message:
            self.answered["result"] += 1
            right = [call] * 50 if method == "items" else call
            if message["result"] != right or method.startswith("doomed"):
                self.complaints.append(f"{method} answered {message}")
            return
        data = message["error"]["data"]
        if data["kind"] != "request_cancelled" or call not in self.shot:
            self.complaints.append(f"{method} answered {message}")
        elif data["started"]:
            self.answered["cancelled"] += 1
            if "most recent call first" not in data["stack"]:
                self.complaints.append(f"{method} shows no stack: {message}")
        else:
            self.answered["revoked"] += 1
            self.unstarted.append(call)
