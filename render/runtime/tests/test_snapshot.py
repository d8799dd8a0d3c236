"""The start: what is imported on the way to mochi.ready, and the snapshot of it."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import harness
import mochi_pyd
import pytest

# Each of them costs a bare start a millisecond or more.
SLOW = ("json", "re", "traceback", "threading", "asyncio", "inspect", "typing", "enum")


@pytest.fixture
def started(python, tmp_path):
    """Give a function that serves a private copy of the runtime and tells what it imported."""
    shutil.copytree(
        harness.RUNTIME, tmp_path / "mochi_pyd", ignore=shutil.ignore_patterns("__pycache__")
    )
    (tmp_path / "plain.py").write_text(
        "import sys\n"
        "def loaded(): return sorted(sys.modules)\n"
        "def started(): return sys.modules['mochi_pyd'].STARTED\n"
        "def where(): return [vars(sys.modules['mochi_pyd.' + n])['__file__']"
        " for n in sys.modules['mochi_pyd'].START]\n"
        "AT_IMPORT = [n for n in sys.modules if n.startswith('mochi_pyd.')]\n"
    )
    script = (harness.SCRIPTS / "public.py").read_text().replace("zoo", "plain")
    (tmp_path / "mochi_worker.py").write_text(script)

    def run(*methods, env=()):
        requests = "".join(
            json.dumps({"jsonrpc": "2.0", "id": n, "method": method}) + "\n"
            for n, method in enumerate(methods)
        )
        out = subprocess.run(
            [python, "-S", "-u", str(tmp_path / "mochi_worker.py"), "plain"],
            input=requests,
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", **dict(env)},
        )
        assert not out.stderr
        return [json.loads(line).get("result") for line in out.stdout.splitlines()[1:]]

    run.directory = tmp_path / "mochi_pyd"
    return run


def snapshots(directory):
    return sorted((directory / "__pycache__").glob("start.*"))


def test_the_first_worker_leaves_a_snapshot_and_the_next_one_starts_from_it(started):
    assert started("started") == [False]
    assert len(snapshots(started.directory)) == 1
    assert started("started", "where") == [
        True,
        [str(started.directory / f"{name}.py") for name in mochi_pyd.START],
    ]


def test_the_snapshot_holds_what_a_start_imports_and_nothing_else(started):
    (loaded,) = started("AT_IMPORT")
    assert {name.partition(".")[2] for name in loaded} == set(mochi_pyd.START)
    started("started")
    (again,) = started("AT_IMPORT")
    assert again == [f"mochi_pyd.{name}" for name in mochi_pyd.START]


def test_a_snapshot_of_other_sources_is_not_used(started):
    started("started")
    source = started.directory / "refusal.py"
    source.write_text(source.read_text() + "\n# edited\n")
    assert started("started") == [False]
    assert started("started") == [True]


@pytest.mark.parametrize("damage", [b"", b"\0\0\0\0", None])
def test_a_damaged_snapshot_is_not_used(started, damage):
    started("started")
    (file,) = snapshots(started.directory)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    assert started("started") == [False]


def test_without_bytecode_there_is_no_snapshot(started):
    assert started("started", env={"PYTHONDONTWRITEBYTECODE": "1"}.items()) == [False]
    assert not Path(started.directory, "__pycache__").exists()


def test_a_plain_call_imports_none_of_the_slow_modules(started):
    (loaded,) = started("loaded")
    assert not set(SLOW) & set(loaded)
