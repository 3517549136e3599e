"""What all commands of the command line have in common."""

import gc
import logging
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import typer
from typer.core import TyperCommand

from newsstand.cli.terminal import complain

_INTERRUPTED = 130  # as the shell says it of programs that SIGINT has ended


class Command(TyperCommand):
    """A command that refuses options given twice where one counts, and can be interrupted."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Refuses an option with two values, of which the first would be lost."""
        given: Any = self.make_parser(ctx).parse_args(list(args))[2]
        for option in given:
            times = given.count(option)
            if times > 1 and not (option.is_flag or option.multiple):
                raise typer.BadParameter(f"given {times} times, expected once", ctx, option)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Ends in one line where the user interrupts it."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            complain("interrupted")
            raise typer.Exit(_INTERRUPTED) from None


def as_program() -> None:
    """What the library leaves to its host, and this program does: warnings, and SIGTERM's end."""
    logging.getLogger("newsstand").addHandler(_SHOWN)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _end)


@contextmanager
def importing(module: str) -> Iterator[None]:
    """A block that imports a module and what it needs, without garbage collection.

    Imports create many objects and hardly any garbage. What exists after the block is never
    examined again, not even at exit, so this is for programs and not for a library.
    """
    if module in sys.modules:
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


class _Warnings(logging.Handler):
    """Shows what the library warns of, a line each."""

    def emit(self, record: logging.LogRecord) -> None:
        complain(record.getMessage())


_SHOWN = _Warnings()


def _end(number: int, _frame: object) -> NoReturn:
    """Ends as an exception does, so that temporary folders are removed and runs marked."""
    signal.signal(number, signal.SIG_DFL)  # a second one ends at once
    sys.exit(128 + number)
