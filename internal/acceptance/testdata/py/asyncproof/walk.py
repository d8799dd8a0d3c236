"""The walk over a package: every `async def` with a public path, none forgotten.

Coroutine functions and asynchronous generators count, special methods as well:
`__aenter__` is as public as the class. A function that several paths lead to is
listed once, under the shortest. Methods that a public class inherits from a
private one of the package are found through the public class.
"""

import ast
import importlib
import inspect
import pathlib
import pkgutil
import warnings


def walk(package):
    """Give the functions by their paths, and the modules that fail to import."""
    functions, failed, paths = {}, {}, {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for module in _modules(package, failed):
            for name, value in list(vars(module).items()):
                if not _private(name):
                    _visit(package, f"{module.__name__}.{name}", value, paths, set())
    for function, found in paths.items():
        functions[min(found, key=lambda path: (path.count("."), len(path), path))] = function
    return functions, failed


def _modules(package, failed):
    root = importlib.import_module(package)
    yield root
    for info in pkgutil.walk_packages(root.__path__, package + "."):
        if any(_private(segment) for segment in info.name.split(".")):
            continue
        try:
            yield importlib.import_module(info.name)
        except BaseException as error:
            failed[info.name] = f"{type(error).__name__}: {error}"


def _visit(package, path, value, paths, within):
    if inspect.isclass(value):
        if _of(package, value) and value not in within:
            for name, member in _members(package, value):
                if not _private(name) or _special(name):
                    _visit(package, f"{path}.{name}", member, paths, within | {value})
        return
    if isinstance(value, (staticmethod, classmethod)):
        value = value.__func__
    elif isinstance(value, property):
        value = value.fget
    function = inspect.unwrap(value) if hasattr(value, "__wrapped__") else value
    if (
        inspect.isfunction(function)
        and (inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function))
        and _of(package, function)
    ):
        paths.setdefault(function, []).append(path)


def _members(package, cls):
    """Give what the class defines, and what it inherits from private classes of the package."""
    seen = set()
    for base in cls.__mro__:
        if base is not cls and not (_of(package, base) and _private(base.__name__)):
            continue
        for name, member in list(vars(base).items()):
            if name not in seen:
                seen.add(name)
                yield name, member


def _of(package, value):
    return (getattr(value, "__module__", None) or "").partition(".")[0] == package


def _private(segment):
    return segment.startswith("_")


def _special(name):
    return name.startswith("__") and name.endswith("__")


def unwalked(package, functions):
    """Name, from the sources alone, the `async def`s with public names that the walk has not found.

    The walk asks the interpreter what there is; this reads the files, and shares
    nothing with it. What it names must have a private module in its path.
    """
    known = {(f.__code__.co_filename, f.__code__.co_firstlineno) for f in functions.values()}
    root = pathlib.Path(importlib.import_module(package).__file__).parent
    found = []
    for file in sorted(root.rglob("*.py")):
        module = ".".join([package, *file.relative_to(root).with_suffix("").parts])
        for node, path in _written(ast.parse(file.read_bytes()), ()):
            line = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            hidden = any(_private(segment) and not _special(segment) for segment in path)
            if not hidden and (str(file), line) not in known:
                found.append(".".join([module, *path]))
    return found


def _written(node, path):
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield from _written(child, (*path, child.name))
        elif isinstance(child, ast.AsyncFunctionDef):
            if not any(isinstance(d, ast.Name) and d.id == "overload" for d in child.decorator_list):
                yield child, (*path, child.name)
        elif isinstance(child, (ast.If, ast.Try, ast.ExceptHandler, ast.With)):
            yield from _written(child, path)
