"""What the commands share: arguments, interruption, warnings, and where libraries print."""

import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, redirect_stdout
from typing import Annotated, Any, NoReturn, TypeAlias

import typer
from typer.core import TyperCommand

from newsstand.cli.terminal import complain
from newsstand.errors import NewsstandError

_INTERRUPTED = 130  # the exit status that shells give programs ended by SIGINT

# Arguments of several commands.
ConfigFile: TypeAlias = Annotated[
    str, typer.Argument(metavar="CONFIG", help="The experiment's YAML file.")
]
Overrides: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(metavar="KEY.SUB=VALUE", help="Settings that override those of the file."),
]
MODEL = "A bundle folder, runs:/RUN_ID, or models:/NAME@ALIAS."
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class Command(TyperCommand):
    """A command that refuses repeated options where only one counts, and can be interrupted."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Refuses an option that is given twice, whose first value would be ignored."""
        given: Any = self.make_parser(ctx).parse_args(list(args))[2]
        for option in given:
            times = given.count(option)
            if times > 1 and not (option.is_flag or option.multiple):
                raise typer.BadParameter(f"given {times} times, expected once", ctx, option)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Ends with one line when the user interrupts it."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            complain("interrupted")
            raise typer.Exit(_INTERRUPTED) from None


# Settings of other libraries, read at their import and kept if the user has set them: no telemetry,
# no progress bars and messages beside those of the command, and requests that end within minutes.
_ENVIRONMENT = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "60",
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "TQDM_DISABLE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
}
# Loggers without an environment variable: torch's exporter to ONNX, and trafilatura, which warns
# about each page without text.
_LOGGERS = ("torch.onnx._internal", "trafilatura")


def quiet_libraries() -> None:
    """Turns off telemetry and messages of other libraries; called before they are imported."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def as_program() -> None:
    """Quiets other libraries, prints the library's warnings, ends on SIGTERM as on an error."""
    quiet_libraries()
    logging.getLogger("newsstand").addHandler(_SHOWN)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _end)


@contextmanager
def importing(module: str) -> Iterator[None]:
    """Imports a module and its dependencies without garbage collection, in a `with` block.

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


@contextmanager
def training_installed() -> Iterator[None]:
    """Reports a missing library of `newsstand[train]`, in a `with` block that imports it.

    Raises:
        NewsstandError: With the command that installs it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise NewsstandError(f"this needs {error.name}: pip install 'newsstand[train]'") from error


def library_output() -> AbstractContextManager[Any]:
    """Sends what libraries print in a `with` block to stderr: it is not part of the result."""
    return redirect_stdout(sys.stderr)


class _Warnings(logging.Handler):
    """Prints each warning of the library in one line."""

    def emit(self, record: logging.LogRecord) -> None:
        complain(record.getMessage())


_SHOWN = _Warnings()


def _end(number: int, _frame: object) -> NoReturn:
    """Ends as an exception does, so that temporary folders are removed and runs are marked."""
    signal.signal(number, signal.SIG_DFL)  # a second signal ends the process at once
    sys.exit(128 + number)
