"""Fixtures: a worker of the zoo on every interpreter of this machine."""

import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent)]

import harness  # noqa: E402

INTERPRETERS = harness.interpreters()


def pytest_report_header():
    """Name the interpreters in the output."""
    return ["workers run on " + ", ".join(f"{v} ({p})" for v, p in INTERPRETERS.items())]


@pytest.fixture(params=list(INTERPRETERS))
def python(request):
    return INTERPRETERS[request.param]


@pytest.fixture
def start(python, tmp_path):
    """Start workers by hand; they end with the test."""
    yield from _starter(harness.Worker, python, tmp_path)


@pytest.fixture
def start_daemon(python, tmp_path):
    """Start workers as the daemon does; they end with the test."""
    yield from _starter(harness.DaemonWorker, python, tmp_path)


def _starter(kind, python, tmp_path):
    workers = []

    def make(**options):
        workers.append(kind(python, tmp_path, **options))
        return workers[-1]

    yield make
    for worker in workers:
        worker.close()


@pytest.fixture
def worker(start):
    return start()


@pytest.fixture
def daemon_worker(start_daemon):
    return start_daemon()
