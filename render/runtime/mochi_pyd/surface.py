"""The surface: which names of a module may be called, and what each is.

A dotted path is walked as attributes; where one is missing, the submodule of
that name in the same package is tried. Refused at every hop: private segments,
and modules, functions and classes of another top-level package that the module
they are reached through does not list in its `__all__`. So `os.path.join` is a
function of `os`, and `statistics.math.sqrt` is none of `statistics`.
"""

import os
import sys

from .cancel import whole
from .refusal import UnboundParams, UnknownMethod

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType
    from typing import Any

    from .worker import Worker

# Paths remembered after the first walk. A host that makes names up must not
# make the worker grow.
MAX_REMEMBERED = 4096
# How many wrappers are taken off to find whose function something is.
MAX_WRAPPERS = 32

_Module = type(sys)
# By these a generator's handle would lead to the globals of its module, and from
# there everywhere: no name of theirs begins with _.
_INSIDES = (type(sys._getframe()), type((lambda: None).__code__))
_BoundMethod: "Any" = type(os.environ.get)
_ROUTINES: "tuple[Any, ...]" = (
    type(lambda: None),
    type(len),
    _BoundMethod,
    type("".__str__),  # method-wrapper
    type(str.upper),  # method_descriptor
    type(int.__add__),  # wrapper_descriptor
    type(dict.__dict__["fromkeys"]),  # classmethod_descriptor
    type,
)

# Annotations for which JSON's own values are passed on as they are.
_TRIVIAL = (int, float, str, bool, None, object, list, dict)
_TRIVIAL_NAMES = ("int", "float", "str", "bool", "None", "object", "list", "dict", "Any")

# Flags of a code object (inspect.CO_*).
_GENERATOR, _COROUTINE, _ASYNC_GENERATOR = 0x20, 0x80, 0x200


class Methods(dict):  # type: ignore[type-arg]
    """The `_METHODS` table of a worker script: name to callable, nothing else.

    Where a name is missing the error says so; a dict would raise a KeyError,
    which the called function may raise as well.
    """

    label = "this worker"
    worker: "Worker | None" = None  # which it is the table of, once it serves

    def __init__(self, *table: "Any") -> None:
        super().__init__(*table)
        # Names whose functions take what JSON gives, and what the others need.
        self.plain: set[str] = set()
        self.plans: dict[str, Any] = {}

    def plan(self, name: str) -> "Any":
        """Give what makes the arguments that name's function asks for; None when JSON does."""
        if name in self.plain:
            return None
        known = self.plans.get(name)
        if known is None:
            function = self[name]
            if isinstance(function, Value):  # it may become a function yet
                return None
            if annotated(function):
                from .coerce import plan

                known = plan(function)
            if len(self.plain) + len(self.plans) >= MAX_REMEMBERED:
                self.plain.intersection_update([name for name in self if name.startswith("mochi.")])
                self.plans.clear()
            if known is None:
                self.plain.add(name)
            else:
                self.plans[name] = known
        return known

    def names(self) -> "Iterable[tuple[str, Any]]":
        """Give the names that mochi.ready lists, each with its object."""
        return [(name, value) for name, value in self.items() if not name.startswith("mochi.")]

    def listed(self) -> "Iterable[str]":
        """Give the names that a suggestion may come from."""
        return self

    def kinds(self) -> list[dict[str, str]]:
        """Give the names with their kinds, as mochi.ready reports them."""
        return [{"name": name, "kind": kind(value)} for name, value in self.names()]

    def __missing__(self, name: str) -> "Any":
        if name.startswith("mochi."):
            return self._of_runtime(name)
        if name.startswith("$ref."):
            return self._of_handles(name)
        raise self.unknown(name)

    def _of_runtime(self, name: str) -> "Any":
        """Give one of the runtime's own methods."""
        from . import own

        method = own.find(self.worker, name) if self.worker is not None else None
        if method is None:
            raise self.unknown(name)
        self[name] = method
        self.plain.add(name)  # whatever their annotations say
        return method

    def _of_handles(self, name: str) -> "Any":
        """Give what a handle's object is called by; with the class's own bound on names."""
        from .refcalls import RefMethod

        method = RefMethod(name)
        if len(self) < MAX_REMEMBERED:
            self[name] = method
        return method

    def unknown(self, name: str, why: str = "") -> UnknownMethod:
        """Make the refusal of a name, with the nearest one that exists."""
        known = [other for other in self.listed() if not other.startswith("mochi.")]
        from difflib import get_close_matches

        near = get_close_matches(name, known, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        return UnknownMethod(f"{self.label} has no function {name}{why}{hint}", method=name)


class Surface(Methods):
    """The public functions of one module, or of several under their names."""

    def __init__(self, modules: "dict[str, ModuleType]", only: "Iterable[str]" = ()) -> None:
        super().__init__()
        self.modules = modules
        self.only = tuple(only)
        self.label = ", ".join(modules)
        self._checked = False
        for name in self.only:  # a name that is not there is a failed start, not a failed call
            value = self.find(name)
            self[name] = value if callable(value) else Value(self, name)
        self._checked = True

    def names(self) -> "Iterable[tuple[str, Any]]":
        """Give what the modules hold, or exactly the names that were asked for."""
        if self.only:
            return [(name, self.find(name)) for name in self.only]
        return self._held()

    def _held(self) -> "list[tuple[str, Any]]":
        listed = []
        for prefix, module in self.modules.items():
            lead = "" if len(self.modules) == 1 else prefix + "."
            # Not dir(): a lazy module lists names there whose look-up imports.
            for name, value in sorted(vars(module).items()):
                if _public(name) and not isinstance(value, _Module) and owned(module, name, value):
                    listed.append((lead + name, value))
        return listed

    def __missing__(self, name: str) -> "Any":
        if self.only or name.startswith(("$", "mochi.")):
            return super().__missing__(name)
        value = self.find(name)
        if not callable(value):
            return Value(self, name)
        if len(self) >= MAX_REMEMBERED:
            self.clear()
        self[name] = value
        return value

    @whole
    def clear(self) -> None:
        """Forget the walked paths, but not the runtime's own methods."""
        own = {name: value for name, value in self.items() if name.startswith("mochi.")}
        super().clear()
        self.plain.clear()
        self.plans.clear()
        self.update(own)
        self.plain.update(own)

    def listed(self) -> "Iterable[str]":
        """Give the names that a suggestion may come from.

        For a wrong name in `only` that is what the modules hold: it is in `only` itself.
        """
        if self.only and self._checked:
            return self.only
        return [name for name, _ in self._held()]

    def find(self, name: str) -> "Any":
        """Walk to what name means now."""
        at, path = self.enter(name)
        for segment in path:
            if not _public(segment):
                raise self.unknown(name, f": {segment!r} is private or no name")
            at = self._step(at, segment, name)
        return at

    def enter(self, name: str) -> "tuple[Any, list[str]]":
        """Give the module that name begins at, and the path from there."""
        if len(self.modules) == 1:
            return next(iter(self.modules.values())), name.split(".")
        for prefix in sorted(self.modules, key=len, reverse=True):
            if name.startswith(prefix + "."):
                return self.modules[prefix], name[len(prefix) + 1 :].split(".")
        raise self.unknown(name, f": begin it with one of {self.label}")

    def _step(self, holder: "Any", segment: str, name: str) -> "Any":
        try:
            value = getattr(holder, segment)
        except AttributeError:
            value = _submodule(holder, segment)
            if value is None:
                raise self.unknown(name) from None
        if self.only or owned(holder, segment, value):
            return value
        owner = home(value) or "another package"
        raise self.unknown(name, f": {segment} belongs to {owner}, call it there")


class Value:
    """Stands for an attribute that is no function: calling it gives the value."""

    def __init__(self, surface: "Surface", name: str) -> None:
        self._surface, self._name = surface, name

    def now(self) -> "Any":
        """Find the value as it is now."""
        return self._surface.find(self._name)

    def __call__(self, *params: "Any", **named: "Any") -> "Any":
        """Give the value as it is now."""
        value = self.now()
        if callable(value):  # it was None, say, until the module set it up
            return value(*params, **named)
        if params or named:
            raise UnboundParams(
                f"{self._name} is a value, not a function: call it without params",
                method=self._name,
            )
        return value


def _public(segment: str) -> bool:
    return segment.isidentifier() and segment[0] != "_"


def _submodule(holder: "Any", segment: str) -> "ModuleType | None":
    if not isinstance(holder, _Module) or not hasattr(holder, "__path__"):
        return None
    from importlib import import_module

    full = f"{holder.__name__}.{segment}"
    try:
        return import_module(full)
    except ModuleNotFoundError as error:
        if error.name == full:
            return None
        raise


def owned(holder: "Any", segment: str, value: "Any") -> bool:
    """Tell whether value may be reached as an attribute of holder."""
    if isinstance(value, _INSIDES):
        return False
    owner = home(value)
    if isinstance(holder, _Module):
        if owner is None:  # a builtin's method, bound to an object
            owner = _bound_home(value)
        own = (None, _top(holder.__name__), _top(getattr(holder, "__package__", None) or ""))
        if owner in own or segment in (getattr(holder, "__all__", None) or ()):
            return True
        return _bound_home(value) in own[1:]
    if owner is None:
        return True
    kind: Any = holder if isinstance(holder, type) else type(holder)
    # The class that defines it, or the metaclass: a class has attributes of both.
    for base in (*kind.__mro__, *type(kind).__mro__):
        if segment in base.__dict__:
            return owner == _top(base.__module__)
    return owner == _top(kind.__module__)


def home(value: "Any") -> "str | None":
    """Name the top-level package that value belongs to; None for what has none."""
    for _ in range(MAX_WRAPPERS):
        inner = getattr(value, "__wrapped__", None) if not isinstance(value, type) else None
        if inner is None:
            break
        value = inner
    if isinstance(value, _Module):
        return _top(value.__name__)
    if not isinstance(value, _ROUTINES):
        return None
    module = getattr(value, "__module__", None)
    return _top(module) if isinstance(module, str) else None


def _bound_home(value: "Any") -> "str | None":
    """Name the package of the object that a method is bound to."""
    bound = getattr(value, "__self__", None)
    if bound is None or isinstance(bound, _Module) or not isinstance(value, _ROUTINES):
        return None
    return _top((bound if isinstance(bound, type) else type(bound)).__module__)


def _top(module: str) -> str:
    """Give the first segment; an accelerator `_x` counts as `x`."""
    return module.partition(".")[0].lstrip("_")


def carrier(function: "Any") -> "Any":
    """Give what carries the annotations of a callable's parameters."""
    for _ in range(MAX_WRAPPERS):
        if isinstance(function, _BoundMethod):
            function = function.__func__
        elif isinstance(function, type):
            made: Any = function
            function = made.__new__ if _own_new(made) else made.__init__
        elif "functools" in sys.modules and isinstance(function, sys.modules["functools"].partial):
            function = function.func
        elif isinstance(function, _ROUTINES) or hasattr(function, "__wrapped__"):
            break
        else:
            function = type(function).__call__
    return function


def _own_new(kind: "Any") -> bool:
    return kind.__init__ is object.__init__ and kind.__new__ is not object.__new__


def annotated(function: "Any") -> bool:
    """Tell what may ask for more than JSON has, without an import or an evaluation."""
    try:
        notes = carrier(function).__annotations__
    except Exception as error:  # in 3.14 they are evaluated by being looked at
        return not isinstance(error, AttributeError)
    if type(notes) is not dict:
        return False
    for name, note in notes.items():
        if name != "return" and not (
            any(note is trivial for trivial in _TRIVIAL)
            or (type(note) is str and note in _TRIVIAL_NAMES)
        ):
            return True
    return False


def kind(value: "Any") -> str:
    """Name what value is, in the vocabulary of mochi.ready."""
    if isinstance(value, type):
        return "class"
    if isinstance(value, Value) or not callable(value):
        return "value"
    flags = _code_flags(value)
    if flags & _COROUTINE or getattr(value, "_is_coroutine_mark", None) is not None:
        return "coroutine"
    if flags & _ASYNC_GENERATOR:
        return "async_generator"
    return "generator" if flags & _GENERATOR else "function"


def _code_flags(value: "Any") -> int:
    for _ in range(MAX_WRAPPERS):
        if isinstance(value, _BoundMethod):
            value = value.__func__
        elif "functools" in sys.modules and isinstance(value, sys.modules["functools"].partial):
            value = value.func
        else:
            break
    code = getattr(value, "__code__", None)
    if code is None:
        call: Any = type(value).__call__
        code = getattr(call, "__code__", None)
    flags = getattr(code, "co_flags", 0)
    return flags if isinstance(flags, int) else 0
