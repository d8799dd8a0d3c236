"""The launch file: what the first worker of a script leaves, and what starts from it."""

import os
import shutil
import sys

import harness
import pytest

LOOKS = """
import sys

def main():
    main = sys.modules["__main__"]
    where = main.__file__, main.__loader__.path, sys.argv, sys.path[0]
    return [where, main.__spec__, sorted(vars(main))]

def sources():
    package = sys.modules["mochi_pyd"]
    modules = [package, *(getattr(package, name) for name in package.START)]
    return [[m.__file__, m.__loader__.path, m.__spec__.origin] for m in modules]

def launched():
    return sys.modules["mochi_pyd"].LAUNCHED

def double(number):
    return 2 * number

def children():
    import multiprocessing
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.map(double, [1, 2])
"""


@pytest.fixture
def store(tmp_path, monkeypatch):
    """Give a directory like one of the daemon's store, with a runtime of its own."""
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    home = tmp_path / "home"
    home.mkdir()
    shutil.copytree(
        harness.RUNTIME,
        tmp_path / "runtime/mochi_pyd",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    (home / "mochi_pyd").symlink_to("../runtime/mochi_pyd")
    (home / "looks.py").write_text(LOOKS)
    return home


@pytest.fixture
def begin(python, store):
    """Start workers of the store; they end with the test."""
    workers = []

    def make(script="mochi_worker.py"):
        class Stored(harness.DaemonWorker):
            pass

        Stored.script = str(script)
        workers.append(Stored(python, store, module="looks"))
        return workers[-1]

    yield make
    for worker in workers:
        worker.close()


def left(store):
    return sorted(store.glob("*.pyc"))


def leave(worker):
    """Have it leave its file, as it does between its first answer and its second."""
    assert worker.ask("launched") is False
    assert worker.ask("mochi.ping") == "pong"


def test_the_first_worker_leaves_a_file_and_what_starts_from_it_sees_no_difference(begin, store):
    first = begin()
    leave(first)
    (file,) = left(store)
    second = begin(file)
    assert second.ask("launched") is True
    for key in ("methods", "module", "runtime"):
        assert second.ready[key] == first.ready[key]
    for method in ("main", "sources"):
        assert second.ask(method) == first.ask(method)
    assert second.ask("double", "x", "y") == first.ask("double", "x", "y")


def test_a_child_of_multiprocessing_runs_the_script_and_not_the_file(begin, store):
    leave(begin())
    (file,) = left(store)
    assert begin(file).ask("children") == [2, 4]


def test_a_file_that_carries_a_damaged_snapshot_still_starts(begin, store):
    leave(begin())
    (snapshot,) = (store / "mochi_pyd/__pycache__").glob("start.*")
    whole = snapshot.read_bytes()
    snapshot.write_bytes(whole[: len(whole) // 2])
    left(store)[0].unlink()
    leave(begin())  # it imports one by one, and carries what it finds
    (file,) = left(store)
    assert begin(file).ask("double", 2) == 4


def test_the_head_holds_the_magic_number_and_the_length(begin, store):
    leave(begin())
    data = left(store)[0].read_bytes()
    assert int.from_bytes(data[12:16], "little") == len(data) - 16


def test_nothing_is_left_outside_of_a_store(begin, store):
    (store / "mochi_pyd").unlink()
    shutil.copytree(store.parent / "runtime/mochi_pyd", store / "mochi_pyd")
    leave(begin())
    assert not left(store)


def test_a_directory_that_is_not_to_be_written_to_fails_no_worker(begin, store):
    if os.geteuid() == 0:
        (store / f"mochi_worker.{sys.implementation.cache_tag}.pyc").mkdir()
    else:
        store.chmod(0o500)
    worker = begin()
    leave(worker)
    assert worker.ask("double", 2) == 4
    store.chmod(0o700)
