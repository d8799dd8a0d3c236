"""Python's own logging and warnings, as records that keep level and logger.

Only for those who configured nothing: the root logger gets a handler, which is
silent for every record that another handler sees. It must sit on the root, and
not in logging.lastResort, or logging.warning() would quietly configure a handler
of its own, and it must step aside for basicConfig, which does nothing where the
root has a handler.
"""

from __future__ import annotations

import sys

from . import stdio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from logging import Handler, Logger, LogRecord
    from typing import Any, TextIO

# Characters of one record; a traceback is one record.
MAX_RECORD = 10 * 1024

_done: set[str] = set()


def install() -> None:
    """Serve the modules that have been imported by now."""
    if "logging" in sys.modules and "logging" not in _done:
        _done.add("logging")
        _serve_logging()
    if "warnings" in sys.modules and "warnings" not in _done:
        _done.add("warnings")
        _serve_warnings()


def _serve_logging() -> None:
    import logging

    root = logging.getLogger()
    if root.handlers:
        return

    class Records(logging.Handler):
        def emit(self, record: LogRecord) -> None:
            try:
                if not _handled(record.name, self):
                    stdio.record(
                        _bounded(self.format(record)), record.levelname.lower(), record.name
                    )
            except Exception:
                self.handleError(record)

    ours = Records()
    root.addHandler(ours)
    configure = logging.basicConfig

    def basic_config(**wishes: Any) -> None:
        if root.handlers == [ours]:
            if set(wishes) <= {"level"}:  # a level is no reason to lose the records
                root.setLevel(wishes.get("level") or root.level)
                return
            root.removeHandler(ours)
        configure(**wishes)

    logging.basicConfig = basic_config


def _handled(name: str, ours: Handler) -> bool:
    """Tell whether a handler of the user's sees the records of this logger."""
    from logging import NullHandler, getLogger

    logger: Logger | None = getLogger(name)
    while logger is not None:
        if any(h is not ours and not isinstance(h, NullHandler) for h in logger.handlers):
            return True
        logger = logger.parent if logger.propagate else None
    return False


def _serve_warnings() -> None:
    import warnings

    if warnings.showwarning is not getattr(warnings, "_showwarning_orig", None):
        return  # the user shows them already

    def show(  # noqa: PLR0917 - the signature that warnings asks for
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        text = warnings.formatwarning(str(message), category, filename, lineno, line)
        if file is not None:
            file.write(text)
        else:
            stdio.record(_bounded(text.rstrip()), "warning", "py.warnings")

    shown: Any = show
    warnings.showwarning = shown


def _bounded(text: str) -> str:
    from .failures import cut

    return text if len(text) <= MAX_RECORD else cut(text, MAX_RECORD)
