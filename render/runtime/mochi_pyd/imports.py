"""A failed import: what happened, and what the person who sees it can type."""

from __future__ import annotations

import sys

from .failures import MAX_TEXT, cut, summary, text
from .refusal import Refusal, UnknownMethod


def refusal(module: str, error: BaseException) -> Refusal:
    """Make the error of mochi.failed."""
    hint = _hint(module, error)
    message = f"importing {module} failed: {summary(error)}. {hint}."
    if isinstance(error, UnknownMethod):  # ours: the import itself went well
        message = f"{error.message}{'' if error.message.endswith('?') else '.'} {hint}."
    return Refusal(
        "import_failed",
        message,
        type=type(error).__qualname__,
        module=type(error).__module__,
        traceback=cut(text(error), MAX_TEXT),
        python=sys.executable,
        sys_path=list(sys.path),
        hint=hint,
    )


def _hint(module: str, error: BaseException) -> str:
    python = sys.executable or "python3"
    if isinstance(error, ModuleNotFoundError) and error.name:
        name = error.name
        top = name.partition(".")[0]
        if top == module.partition(".")[0]:
            return (
                f"{python} does not find it: check the name, or try {python} -m pip install {top}"
            )
        return (
            f"{module} itself was found, its dependency was not: try {python} -m pip install {top}"
        )
    if isinstance(error, UnknownMethod):
        return f"Correct methods, the list of what may be called in the pool of {module}"
    if isinstance(error, SyntaxError):
        return f"Fix {error.filename}, line {error.lineno}"
    if isinstance(error, ImportError):
        return "A name it imports is missing: look for a file that hides the real module"
    if isinstance(error, SystemExit):
        return "It ends the process when it is imported: guard that with if __name__ == '__main__'"
    return "The traceback names the line that raised"
