"""mochi.attr: what a script of today's Mochi would print, from a worker that stays."""

import types

import pytest
from mochi_pyd import dropin, surface
from mochi_pyd.refusal import UnknownMethod


@pytest.fixture
def module():
    made = types.ModuleType("made")
    exec("def add(a, b):\n    return a + b\nlimit = 7", made.__dict__)
    return made


@pytest.fixture
def attr(module):
    return dropin.Attr(surface.Surface({"made": module}))


def test_a_routine_is_called_and_a_value_is_given(attr):
    assert [attr("made", "add", [3, 4]) for _ in range(3)] == ["7", "7", "7"]
    assert attr("made", "limit", []) == "7"


def test_what_the_module_holds_now_is_called(attr, module):
    assert attr("made", "add", [3, 4]) == "7"
    module.add = lambda a, b: a * b
    module.add.__module__ = "made"
    assert attr("made", "add", [3, 4]) == "12"
    module.add = 5
    assert attr("made", "add", []) == "5"
    with pytest.raises(TypeError, match=r"made\.add is not callable"):
        attr("made", "add", [3])
    del module.add
    with pytest.raises(UnknownMethod):
        attr("made", "add", [3, 4])


def test_what_has_moved_in_from_elsewhere_is_refused_though_it_was_known(attr, module):
    assert attr("made", "add", [3, 4]) == "7"
    import shutil

    module.add = shutil.rmtree
    with pytest.raises(UnknownMethod, match="belongs to shutil"):
        attr("made", "add", ["x"])


def test_a_class_is_no_routine_unless_always(attr, module):
    exec("class Kind:\n    def __new__(cls):\n        return 'made'", module.__dict__)
    with pytest.raises(TypeError):
        attr("made", "Kind", [1])
    assert attr("made", "Kind", [], True) == '"made"'
    assert "not JSON serializable" in attr("made", "Kind", [])["text"]


def test_names_that_are_made_up_do_not_make_it_grow(module):
    for i in range(2 * dropin.MAX_KNOWN):
        exec(f"def f{i}():\n    return {i}", module.__dict__)
    attr = dropin.Attr(surface.Surface({"made": module}))
    for i in range(2 * dropin.MAX_KNOWN):
        assert attr("made", f"f{i}", []) == str(i)
    assert len(attr._known) <= dropin.MAX_KNOWN
