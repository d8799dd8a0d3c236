"""Which names of real modules can be called, and what each is."""

import functools
import importlib
import sys
import types

import pytest
from mochi_pyd import surface
from mochi_pyd.refusal import UnboundParams, UnknownMethod


def find(name):
    module, _, path = name.partition(".")
    return surface.Surface({module: importlib.import_module(module)})[path]


@pytest.mark.parametrize(
    "name",
    [
        "os.path.join",
        "os.path.exists",
        "os.getcwd",
        "xml.etree.ElementTree.fromstring",
        "datetime.datetime.now",
        "datetime.date.today",
        "bisect.bisect",
        "operator.add",
        "hashlib.sha256",
        "random.randint",
        "random.random",
        "asyncio.sleep",
        "collections.OrderedDict",
        "collections.OrderedDict.fromkeys",
        "collections.abc.Mapping",
        "pickle.dumps",
        "functools.reduce",
        "functools.lru_cache",
        "json.dumps",
        "json.decoder.JSONDecoder",
        "statistics.mean",
        "threading.Lock",
        "time.sleep",
        "math.sqrt",
        "itertools.chain.from_iterable",
        "urllib.parse.quote",
        "pathlib.Path.home",
        "decimal.Decimal.from_float",
        "uuid.uuid4",
        "heapq.heappush",
        "struct.pack",
        "io.open",
        "socket.socket",
        "re.compile",
        "builtins.len",
        "builtins.str.upper",
        "string.capwords",
        "shutil.which",
        "base64.b64encode",
        "textwrap.dedent",
        "unicodedata.name",
        "zlib.crc32",
        "csv.reader",
    ],
)
def test_public_functions_resolve(name):
    assert callable(find(name))
    assert not isinstance(find(name), surface.Value)


@pytest.mark.parametrize(
    "name",
    [
        "statistics.math.sqrt",
        "statistics.sqrt",
        "json.codecs.open",
        "random._os.system",
        "shutil.os.system",
        "pathlib.os.system",
        "os._exit",
        "os.__class__",
        "json.no_such_name",
        "json.decoder.no_such_name",
        "json.dumps.__globals__",
        "collections.abc.sys.exit",
        "asyncio.events.os.system",
    ],
)
def test_foreign_and_private_names_do_not(name):
    with pytest.raises(UnknownMethod) as refused:
        find(name)
    assert refused.value.message


@pytest.mark.parametrize(
    "name",
    [
        "numpy.linalg.norm",
        "numpy.array",
        "numpy.sin",
        "numpy.random.rand",
        "numpy.random.default_rng",
        "httpx.get",
        "httpx.AsyncClient.get",
        "pydantic.BaseModel.model_validate",
    ],
)
def test_public_functions_of_libraries_resolve(name):
    pytest.importorskip(name.partition(".")[0], reason="the library is not installed here")
    assert callable(find(name))


def module_of(source, **more):
    module = types.ModuleType("app")
    vars(module).update(more)
    exec(source, vars(module))
    return surface.Surface({"app": module})


APP = """
import functools, os, io
from collections import OrderedDict

class Base(OrderedDict):
    system = os.system
    def own(self): return 1

@functools.lru_cache
def cached(): return 1

cached_foreign = functools.lru_cache(os.system)
write = io.StringIO().write
thing = Base()
own = thing.own
listed = os.getpid

def redefined(): return 1
"""


def test_wrappers_are_judged_by_what_they_wrap():
    app = module_of(APP)
    assert app["cached"]() == 1
    for name in ("cached_foreign", "write", "listed"):
        with pytest.raises(UnknownMethod):
            app[name]


def test_inherited_methods_are_fine_and_borrowed_ones_are_not():
    app = module_of(APP)
    assert callable(app["Base.fromkeys"])
    assert callable(app["thing.items"])
    assert app["own"]() == 1
    for name in ("Base.system", "thing.system"):
        with pytest.raises(UnknownMethod):
            app[name]


def test_all_makes_foreign_names_public():
    app = module_of(APP, __all__=["listed"])
    assert callable(app["listed"])


def test_remembered_names_are_bounded():
    app = module_of("def f(): pass\nclass C: pass\n")
    app["mochi.ping"] = len
    for i in range(surface.MAX_REMEMBERED + 10):
        setattr(app.modules["app"].C, f"f{i}", app.modules["app"].f)
        assert app[f"C.f{i}"]
    assert len(app) <= surface.MAX_REMEMBERED
    assert app["mochi.ping"] is len


def test_a_lazy_modules_names_are_not_looked_up():
    module = types.ModuleType("lazy")
    module.__getattr__ = lambda name: pytest.fail(f"{name} was imported")
    module.__dir__ = lambda: ["heavy"]
    assert surface.Surface({"lazy": module}).kinds() == []


def test_values_are_read_anew_each_time():
    app = module_of("state = 1")
    value = app["state"]
    assert value() == 1
    app.modules["app"].state = 2
    assert value() == 2
    with pytest.raises(UnboundParams):
        value(1)


def test_kinds_are_told_apart():
    app = module_of(
        "import functools\n"
        "async def coroutine(): pass\n"
        "async def async_generator(): yield 1\n"
        "def generator(): yield 1\n"
        "def function(): pass\n"
        "value = 1\n"
        "partial = functools.partial(coroutine)\n"
        "class Called:\n    async def __call__(self): pass\n"
        "called = Called()\n"
        "method = None\n"
    )
    kinds = {k["name"]: k["kind"] for k in app.kinds()}
    for kind in ("coroutine", "async_generator", "generator", "function", "value"):
        assert kinds[kind] == kind
    assert kinds["partial"] == kinds["called"] == "coroutine"
    assert kinds["Called"] == "class"
    assert surface.kind(functools.partial(len)) == "function"


def test_a_broken_submodule_is_an_error_of_its_own(tmp_path, monkeypatch):
    (tmp_path / "brokenpkg").mkdir()
    (tmp_path / "brokenpkg" / "__init__.py").write_text("")
    (tmp_path / "brokenpkg" / "sub.py").write_text("import no_such_dependency\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="no_such_dependency"):
        find("brokenpkg.sub.f")
    sys.modules.pop("brokenpkg")
