"""Handles: objects that stay in the worker while a host holds their names."""

import dataclasses
import datetime
import gc
import json
import shutil
import weakref
from pathlib import Path
from types import SimpleNamespace

import pytest
from mochi_pyd import forms, refcalls, refs, stdio

HERE = Path(__file__).resolve().parent
REF = {"returns": "ref"}
STALE, OVERLOADED, NOT_FOUND, INVALID = -32010, -32003, -32601, -32602


class Shelf:
    """A worker of the module shelf, and requests with meta as the daemon writes them."""

    def __init__(self, worker):
        self.worker, self.live = worker, []

    def send(self, method, *params, meta=None, conn=1, named=None, **more):
        call = self.worker.id()
        request = {"jsonrpc": "2.0", "id": call, "method": method}
        if meta is not None:
            request |= {"meta": meta, "conn": conn, **more}
        request["params"] = named if named is not None else list(params)
        self.worker.write(json.dumps(request).encode() + b"\n")
        return call

    def answer(self, call):
        answer = self.worker.answer(call)
        refs = [m for m in self.worker.stray if m.get("method") == "mochi.refs"]
        self.live += [m["params"]["live"] for m in refs]
        self.worker.stray = [m for m in self.worker.stray if m not in refs]
        return answer["result"] if "result" in answer else answer["error"]

    def ask(self, method, *params, **options):
        return self.answer(self.send(method, *params, **options))

    def make(self, method, *params, conn=1):
        return self.ask(method, *params, meta=REF, conn=conn)["$ref"]["id"]

    def on(self, ref, name, *params, conn=1, named=None, **meta):
        return self.ask(f"$ref.{name}", *params, meta={"ref": ref, **meta}, conn=conn, named=named)


@pytest.fixture
def shelf(start_daemon, tmp_path):
    shutil.copy(HERE / "shelf.py", tmp_path)
    return Shelf(start_daemon(module="shelf"))


def test_a_handle_says_what_it_stands_for(shelf):
    ref = shelf.ask("Box", 1, 2, meta=REF)["$ref"]
    assert ref == {"id": "p0.w0.g0.1", "type": "shelf.Box", "repr": "<Box of 2>"}
    assert shelf.ask("tally", meta=REF)["$ref"]["type"] == "generator"
    assert shelf.ask("numbers", meta=REF)["$ref"]["type"] == "async_generator"


def test_a_repr_is_short_and_its_failure_is_nobodys(shelf):
    assert shelf.ask("Rude", meta=REF)["$ref"]["repr"] == "<shelf.Rude: its repr raised SystemExit>"
    assert len(shelf.ask("Wordy", meta=REF)["$ref"]["repr"]) == 200
    assert shelf.ask("million", meta=REF)["$ref"]["repr"] == "[0, 1, 2, 3, 4, 5, ...]"


def test_attributes_are_called_or_given(shelf):
    box = shelf.make("Box", 1)
    assert shelf.on(box, "put", "x") == 2
    assert shelf.on(box, "put", named={"*": ["y"], "times": 2}) == 4
    assert shelf.on(box, "name") == "box"
    assert shelf.on(box, "lid.turn") is False
    assert shelf.on(box, "$get", "lid.open") is False
    assert shelf.on(box, "$item", 0) == 1
    assert shelf.on(box, "$len") == 4
    assert shelf.on(box, "$str") == shelf.on(box, "$repr") == "<Box of 4>"
    assert shelf.on(box, "$iter") == [1, "x", "y", "y"]
    assert shelf.on(shelf.make("Box", 1), "items") == [1]


def test_an_argument_may_have_any_name(shelf):
    named = {"subject": "hello", "method": "post"}
    assert shelf.on(shelf.make("Box"), "mail", named=named) == ["hello", "post"]


def test_a_class_and_a_bound_method_can_be_handles(shelf):
    child = shelf.on(shelf.make("Box"), "$get", "put", returns="ref")["$ref"]["id"]
    assert shelf.on(child, "$call", "x", named={"*": ["x"], "times": 3}) == 3
    box = shelf.on(shelf.make("Box"), "child", returns="ref")["$ref"]["id"]
    assert shelf.on(box, "items") == ["child"]
    assert shelf.on(box, "$value", returns="ref")["$ref"]["id"] != box


def test_private_and_foreign_names_are_refused_at_each_hop(shelf):
    box = shelf.make("Box")
    for name in ("_secret", "lid._x", "__class__", "put.__globals__", "borrowed", "library.dumps"):
        assert shelf.on(box, name)["code"] == NOT_FOUND, name
    for name in ("_secret", "library", "lid.__dict__", ""):
        assert shelf.on(box, "$get", name)["code"] == NOT_FOUND, name
    tally = shelf.make("tally")
    for name in ("gi_frame", "gi_frame.f_builtins", "gi_code", "gi_frame.f_back.f_globals"):
        assert shelf.on(tally, name)["code"] == NOT_FOUND, name
        assert shelf.on(tally, "$get", name, returns="ref")["code"] == NOT_FOUND, name
    error = shelf.on(box, "nothing")
    assert "shelf.Box has no attribute nothing" in error["message"]
    assert shelf.on(box, "$nothing")["code"] == NOT_FOUND


def test_arguments_that_do_not_fit_are_told_from_a_failure_inside(shelf):
    box = shelf.make("Box")
    error = shelf.on(box, "put")
    assert (error["code"], error["data"]["argument"]) == (INVALID, "item")
    assert shelf.on(box, "fail", 1)["data"]["type"] == "TypeError"
    frames = shelf.on(box, "cross")["data"]["traceback"]
    assert [frame["name"] for frame in frames] == ["cross"]
    assert shelf.on(box, "name", 1)["code"] == INVALID
    for name in ("$next", "$call", "$item", "$get"):
        assert shelf.on(box, name)["code"] == INVALID, name
    assert shelf.on(box, "$len", 1)["code"] == INVALID


def test_what_can_be_awaited_is_awaited(shelf):
    box = shelf.make("make_later")
    assert shelf.on(box, "items") == ["later"]
    assert shelf.on(box, "later", 1) == shelf.on(box, "soon", 1) == 1
    assert shelf.on(box, "log") == [1, 1]


def test_iterators_give_one_item_at_a_time(shelf):
    for maker in ("tally", "numbers"):
        items = shelf.make(maker)
        first = shelf.on(items, "$next")
        assert first == {"done": False, "value": 1 if maker == "tally" else 0}
        shelf.on(items, "$next")
        assert shelf.on(items, "$next") == shelf.on(items, "$next") == {"done": True}
    each = shelf.on(shelf.make("Box", "a"), "$iter", returns="ref")["$ref"]["id"]
    assert shelf.on(each, "$next") == {"done": False, "value": "a"}


def test_context_managers_of_both_kinds_are_entered_and_left(shelf):
    box = shelf.make("Box")
    assert shelf.on(box, "$enter", returns="ref")["$ref"]["type"] == "shelf.Box"
    shelf.on(box, "$exit")
    assert shelf.on(box, "log") == ["enter", ["exit", None, None, None]]
    door = shelf.make("Door")
    shelf.on(door, "$enter")
    assert shelf.on(door, "state") == "open"
    shelf.on(door, "$exit")
    assert shelf.on(door, "state") == "closed"
    assert shelf.on(door, "$iter") == [0, 1, 2]


def test_a_handle_is_nothing_to_another_connection(shelf):
    box = shelf.make("Box", conn=1)
    error = shelf.on(box, "$len", conn=2)
    assert (error["code"], error["data"]["kind"], error["data"]["ref"]) == (STALE, "stale_ref", box)
    assert shelf.ask("mochi.release", named={"refs": [box], "conn": 2}) == {"released": 0}
    assert shelf.on(box, "$len") == 0


def test_what_is_released_is_gone_and_its_id_means_nothing_else(shelf):
    box = shelf.make("Box")
    assert shelf.ask("alive") == 1
    released = shelf.ask("mochi.release", named={"refs": [box, box, "p9.w0.g0.1", 7], "conn": 1})
    assert released == {"released": 1}
    assert shelf.ask("alive") == 0
    shelf.make("Box")
    for name in (box, "p0.w0.g1.2", "p0.w0.g0.x", "", 3, None):
        assert shelf.on(name, "$len")["code"] == STALE, name


def test_a_connection_that_is_gone_takes_its_handles_along(shelf):
    kept = shelf.make("Box", conn=2)
    for _ in range(5):
        shelf.make("Box", conn=1)
    assert shelf.ask("mochi.disconnected", named={"conn": 1}) == {"released": 5}
    assert shelf.ask("alive") == 1
    assert shelf.on(kept, "$len", conn=2) == 0
    late = shelf.make("Box", conn=1)  # by a call that was under way
    assert shelf.ask("alive") == 1
    assert shelf.on(late, "$len")["code"] == STALE


def test_the_number_of_live_handles_is_told_before_the_answer(shelf):
    shelf.worker.write(b'{"jsonrpc":"2.0","id":272,"method":"Box","meta":{"returns":"ref"}}\n')
    assert shelf.worker.message()["params"] == {"live": 1}
    ref = shelf.worker.message()["result"]["$ref"]["id"]
    assert shelf.ask("mochi.release", named={"refs": [ref], "conn": 0}) == {"released": 1}
    assert shelf.live == [0]


def test_ten_thousand_made_and_released_leave_nothing(shelf):
    made = [shelf.make("Box") for _ in range(100)]
    assert shelf.ask("mochi.release", named={"refs": made, "conn": 1}) == {"released": 100}
    status = Path(f"/proc/{shelf.worker.process.pid}/statm")
    before = int(status.read_text().split()[1]) if status.exists() else 0
    for _ in range(100):
        calls = [shelf.send("Box", meta=REF) for _ in range(100)]
        made = [shelf.answer(call)["$ref"]["id"] for call in calls]
        shelf.ask("mochi.release", named={"refs": made, "conn": 1})
    assert shelf.ask("alive") == 0
    assert shelf.live[-1] == 0
    if status.exists():
        assert int(status.read_text().split()[1]) - before < 256, "pages of 4 KiB"


class Told:
    """What a table needs of its worker."""

    def __init__(self):
        self.wire = SimpleNamespace(refs="p1.w0.g1", handles=10, daemon=True)
        self.refs, self.told = None, []

    def notify(self, method, params):
        self.told.append((method, params["live"]))


def test_what_a_failed_answer_has_made_is_let_go_and_what_was_delivered_is_not(monkeypatch):
    worker = Told()
    table = refs.table(worker)
    monkeypatch.setattr(stdio.current, "main", 41)
    delivered = table.make(1, 1)["$ref"]["id"]
    table.delivered()  # an item of a stream, say
    lost = table.make(2, 1)["$ref"]["id"]
    monkeypatch.setattr(stdio.current, "main", 42)
    others = table.make(3, 1)["$ref"]["id"]
    assert table.abandon(41) == 1
    assert (table.get(delivered, 1), table.get(others, 1)) == (1, 3)
    with pytest.raises(refs.StaleRef):
        table.get(lost, 1)
    assert worker.told[0] == ("mochi.refs", 1)
    assert table.drop(1) == 2
    assert worker.told[-1] == ("mochi.refs", 0)


def test_a_connection_may_hold_so_many_and_no_more(start_daemon, tmp_path):
    shutil.copy(HERE / "shelf.py", tmp_path)
    shelf = Shelf(start_daemon(module="shelf", wire="handles=3 refs=p4.w2.g7"))
    made = [shelf.make("Box") for _ in range(3)]
    assert made[0] == "p4.w2.g7.1"
    error = shelf.ask("Box", meta=REF)
    assert (error["code"], error["data"]["limit"]) == (OVERLOADED, 3)
    assert "max-handles" in error["message"]
    shelf.ask("mochi.release", named={"refs": made[:1], "conn": 1})
    shelf.make("Box")
    for conn in range(2, 11):
        for _ in range(3):
            shelf.make("Box", conn=conn)
    assert shelf.ask("Box", meta=REF, conn=11)["data"]["limit"] == 30


def test_by_hand_handles_need_no_daemon(start, tmp_path):
    shutil.copy(HERE / "shelf.py", tmp_path)
    shelf = Shelf(start(module="shelf"))
    box = shelf.make("Box", 5)
    assert shelf.on(box, "items") == [5]
    assert shelf.ask("$ref.items")["code"] == STALE


def test_a_plain_worker_knows_nothing_of_handles(start_daemon, tmp_path):
    loaded = "import sys\ndef loaded():\n    return 'mochi_pyd.refs' in sys.modules\n"
    (tmp_path / "quiet.py").write_text(loaded)
    assert start_daemon(module="quiet").ask("loaded") is False


@pytest.mark.parametrize("method", ["boxes", "boxes_later"])
def test_what_a_stream_has_given_stays_when_it_fails(shelf, method):
    call = shelf.send(method, 3, meta={"encoding": "tagged", "stream": True})
    assert shelf.answer(call)["data"]["message"] == "no more boxes"
    items = [m["params"]["items"] for m in shelf.worker.stray if m["method"] == "mochi.items"]
    given = [item["$ref"]["id"] for (item,) in items]
    assert [shelf.on(ref, "items") for ref in given] == [[0], [1], [2]]


def test_what_a_callback_was_given_stays_when_the_call_fails(shelf):
    call = shelf.send("offer", "look", meta={"encoding": "tagged"})
    while (asked := shelf.worker.message())["method"] != "mochi.callback":
        pass
    given = asked["params"]["args"][0]["$ref"]["id"]
    shelf.worker.tell("mochi.called", id=call, n=asked["params"]["n"], result=None)
    assert shelf.answer(call)["data"]["message"] == "no more offers"
    assert shelf.on(given, "items") == ["offered"]


def test_when_all_workers_hold_as_many_as_they_may_none_is_made(start_daemon, tmp_path):
    shutil.copy(HERE / "shelf.py", tmp_path)
    shelf = Shelf(start_daemon(module="shelf", wire="refs=p4.w2.g7"))
    box = shelf.make("Box")
    for meta in (REF, {"encoding": "tagged"}):
        error = shelf.ask("Box", meta=meta, full=[9, 8])
        assert (error["code"], error["data"]["limit"], error["data"]["size"]) == (OVERLOADED, 8, 9)
        assert "[daemon] max-handles" in error["message"]
    assert shelf.ask("$ref.$len", meta={"ref": box}, full=[9, 8]) == 0
    shelf.make("Box")


def test_a_handles_methods_decode_their_arguments_as_functions_do(shelf):
    ref = shelf.make("Diary")
    assert shelf.on(ref, "write", "2024-05-06T07:08:09", [{"a": "AQI="}]) == "2024 2"
    assert shelf.on(ref, "write", named={"when": "2024-05-06", "pages": []}) == "2024 0"
    assert shelf.on(ref, "$call", "2023-01-02") == 2023
    assert (
        shelf.on(
            shelf.on(ref, "$get", "write", returns="ref")["$ref"]["id"], "$call", "2022-01-01", []
        )
        == "2022 0"
    )
    wrong = shelf.on(ref, "write", "yesterday", [])
    assert wrong["code"] == INVALID
    assert wrong["data"]["argument"] == "when" and wrong["data"]["path"] == "$[0]"
    when = {"$datetime": "2024-05-06T07:08:09"}
    assert shelf.on(ref, "write", when, [], encoding="tagged") == "2024 0"
    assert shelf.on(ref, "write", "2024-05-06T07:08:09", [], encoding="tagged")["code"] != INVALID


def test_what_a_handle_decodes_by_keeps_no_object_alive(shelf):
    before = shelf.ask("diaries")
    for _ in range(5):
        ref = shelf.make("Diary")
        assert shelf.on(ref, "$call", "2023-01-02") == 2023
        shelf.ask("mochi.release", named={"refs": [ref], "conn": 1})
    assert shelf.ask("diaries") == before


def test_a_function_is_decoded_for_as_it_is_called(shelf):
    """Through its class a method takes its object too; what it takes is another list."""
    diary = shelf.make("Diary")
    assert shelf.on(diary, "write", "2024-05-06", []) == "2024 0"
    kind = shelf.make("diary_kind")
    assert shelf.on(kind, "write", None, "2024-05-06", []) == "2024 0"
    assert shelf.on(diary, "write", "2024-05-06", []) == "2024 0"


def test_a_class_that_cannot_be_hashed_is_called(shelf):
    kind = shelf.make("unhashable_kind")
    assert shelf.on(kind, "$call", "2024-05-06", returns="ref")["$ref"]["repr"] == "<of 2024>"


def test_what_handles_decode_by_is_bounded(monkeypatch):
    """A class that a call has made may be asked for by its own methods."""
    monkeypatch.setattr(refcalls, "MAX_PLANS", 3)
    monkeypatch.setattr(forms, "MAX_CLASSES", 3)
    monkeypatch.setattr(forms, "_classes", {})
    made = weakref.WeakSet()

    def make():
        @dataclasses.dataclass
        class Point:
            when: datetime.datetime

            def to(self, other):
                return other

        Point.to.__annotations__["other"] = Point
        made.add(Point)
        known = refcalls.plan(Point(None).to)
        assert known.take("to", [{"when": "2024-05-06"}], None)[0][0].when.year == 2024

    for _ in range(20):
        make()
    gc.collect()
    assert len(made) <= 6
