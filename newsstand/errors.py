"""The errors newsstand raises on purpose: a user can mend each of them.

Anything else that escapes is a bug. The command line prints these without a traceback and
exits with status 2.
"""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager


class NewsstandError(Exception):
    """Base of all errors that a user can mend; the message says how."""

    @property
    def lines(self) -> list[str]:
        """The message; of several problems, a line each."""
        return [str(self)]


class _Problems(NewsstandError):  # noqa: N818 - a base, never raised
    """Several problems found in one pass, reported together.

    Args:
        problems: One line a problem.
        shown: How many of them the message lists before it only counts.
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
        """The problems, and how many more there are."""
        return self._shown


class ConfigError(_Problems):
    """A config that cannot be used: each problem with its path, line and expectation."""


class DataError(_Problems):
    """Rows or files that cannot be used: each problem with file, line, field, expectation."""


class BundleError(NewsstandError):
    """A bundle that is missing, incomplete, damaged or of an unknown format."""


class InputError(NewsstandError):
    """An article or a target that cannot be scored."""


class EmptyArticleError(InputError):
    """An article that holds no text."""


def first_line(error: BaseException) -> str:
    """What an error says, in one line that is not too long; its kind, if it says nothing."""
    lines = (line.strip() for line in str(error).splitlines())
    return next(filter(None, lines), type(error).__name__)[:300]


@contextmanager
def reported(what: str) -> Iterator[None]:
    """Turns whatever another library raises into one line; a panic of one in Rust is no Exception.

    Args:
        what: The beginning of the line, before the library's own words in parentheses.

    Raises:
        NewsstandError: The library has failed.
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
    """The end of a message about a wrong name: the nearest right one, else all of them.

    Args:
        value: The wrong name.
        known: The right ones.
        listing: What to call the list of right ones; None leaves it out.

    >>> did_you_mean("modle", ["model", "data"]), did_you_mean("x", ["model", "data"])
    ("; did you mean 'model'?", ' (known: model, data)')
    """
    names = list(known)
    close = difflib.get_close_matches(value, names, n=1, cutoff=0.5)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f" ({listing}: {', '.join(names)})" if listing and names else ""
