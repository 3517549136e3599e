"""The exceptions that newsstand raises about input, which users can correct.

Any other exception is a bug. The command line prints these without a traceback and exits with
status 2.
"""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager


class NewsstandError(Exception):
    """Base class of all exceptions about input; the message says what to correct."""

    @property
    def lines(self) -> list[str]:
        """The message, one line per problem."""
        return [str(self)]


class _Problems(NewsstandError):  # noqa: N818 - a base, never raised
    """An exception about one or several problems.

    Args:
        problems: One line per problem.
        shown: Maximum number of problems in the message; further ones are only counted.
    """

    def __init__(self, problems: str | Sequence[str], *, shown: int = 20) -> None:
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        self._shown = self.problems[:shown]
        if len(self.problems) > shown:
            more = len(self.problems) - shown
            self._shown.append(f"… and {more} more problem{'s' if more > 1 else ''}")
        super().__init__("\n".join(self._shown))

    @property
    def lines(self) -> list[str]:
        """The lines of the message."""
        return self._shown


class ConfigError(_Problems):
    """An invalid config: each problem with file, line, key and what was expected."""


class DataError(_Problems):
    """Invalid rows or files: each problem with file, line, field and what was expected."""


class BundleError(NewsstandError):
    """A bundle that is missing, incomplete, damaged or of an unknown format."""


class InputError(NewsstandError):
    """An article or a target that cannot be scored."""


class EmptyArticleError(InputError):
    """An article without text."""


def first_line(error: BaseException) -> str:
    """The first line of an error's message, shortened; or the name of its class if it is empty."""
    lines = (line.strip() for line in str(error).splitlines())
    return next(filter(None, lines), type(error).__name__)[:300]


@contextmanager
def reported(what: str) -> Iterator[None]:
    """Converts exceptions of another library, including panics in Rust, to one line.

    Args:
        what: The beginning of the line; the library's message follows in parentheses.

    Raises:
        NewsstandError: The library raised an exception.
    """
    try:
        yield
    except NewsstandError:
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__module__ != "pyo3_runtime":
            raise
        raise NewsstandError(f"{what} ({first_line(error)})") from error


def did_you_mean(value: str, known: Iterable[str], listing: str | None = "known") -> str:
    """The end of a message about an unknown name: the nearest valid name, or else all of them.

    Args:
        value: The unknown name.
        known: The valid names.
        listing: The heading of the list of valid names; None for no list.

    >>> did_you_mean("modle", ["model", "data"]), did_you_mean("x", ["model", "data"])
    ("; did you mean 'model'?", ' (known: model, data)')
    """
    names = list(known)
    close = difflib.get_close_matches(value, names, n=1, cutoff=0.5)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f" ({listing}: {', '.join(names)})" if listing and names else ""
