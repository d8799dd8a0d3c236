"""The story an exception tells, whatever it does while it is asked."""

import sys

import pytest
from mochi_pyd import failures


def story(function):
    try:
        function()
    except BaseException as error:
        return failures.python_error(error, None)
    raise AssertionError("it did not raise")


def test_context_is_told_and_a_suppressed_one_is_not():
    def during():
        try:
            raise KeyError("first")
        except KeyError:
            raise ValueError("second")  # noqa: B904

    def suppressed():
        try:
            raise KeyError("first")
        except KeyError:
            raise ValueError("second") from None

    assert story(during)[1]["context"]["type"] == "KeyError"
    assert "context" not in story(suppressed)[1]


def test_notes_are_told():
    def noted():
        error = ValueError("x")
        error.__notes__ = ["a note", 5]
        raise error

    assert story(noted)[1]["notes"] == ["a note", "5"]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups came with 3.11")
def test_groups_are_told_and_bounded():
    def group():
        raise ExceptionGroup("several", [ValueError(i) for i in range(50)])  # noqa: F821

    message, data = story(group)
    assert message.startswith("ExceptionGroup: several")
    assert [member["type"] for member in data["group"]] == ["ValueError"] * failures.MAX_MEMBERS


def test_circles_of_causes_end():
    def circular():
        one, two = ValueError("one"), ValueError("two")
        one.__cause__, two.__cause__ = two, one
        raise one

    data = story(circular)[1]
    assert data["cause"]["message"] == "two"
    assert "cause" not in data["cause"]


def test_everything_is_bounded():
    def loud():
        raise ValueError("x" * 1_000_000, ["y" * 1_000_000], *range(1000))

    message, data = story(loud)
    assert len(message) < 10_000
    assert len(data["text"]) < 40_000
    assert len(data["args"]) == failures.MAX_MEMBERS
    assert all(len(str(arg)) < 3000 for arg in data["args"])


def test_hostile_exceptions_are_described_all_the_same():
    class Hostile(Exception):
        def __str__(self):
            raise SystemExit(1)

        __repr__ = __str__

        @property
        def args(self):
            return "not a tuple"

    def hostile():
        raise Hostile

    message, data = story(hostile)
    assert "Hostile" in message
    assert data["type"].endswith("Hostile")
    assert data["args"] == []


def test_a_message_with_its_module_is_what_a_traceback_ends_with():
    assert failures.summary(ValueError("x")) == "ValueError: x"
    assert failures.summary(KeyboardInterrupt()) == "KeyboardInterrupt"
