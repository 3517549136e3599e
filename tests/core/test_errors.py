"""What other libraries raise, as one line."""

import pytest

from newsstand.errors import BundleError, InputError, NewsstandError, first_line, reported


class Panic(BaseException):
    """As libraries in Rust raise it."""


Panic.__module__ = "pyo3_runtime"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("no\nmore"), "no"),
        (KeyError("x"), "'x'"),
        (MemoryError(), "MemoryError"),
        (RuntimeError("\n\n  late  \n"), "late"),
        (Panic("called on None"), "called on None"),
        (OSError("x" * 1000), "x" * 300),
    ],
)
def test_what_a_library_raises_is_one_line(error: BaseException, said: str) -> None:
    assert first_line(error) == said
    with pytest.raises(NewsstandError) as caught, reported("a/b: cannot be read"):
        raise error
    assert str(caught.value) == f"a/b: cannot be read ({said})"
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", [BundleError("x"), InputError("x"), KeyboardInterrupt()])
def test_what_is_said_already_stays_as_it_is(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, reported("a/b: cannot be read"):
        raise error
    assert caught.value is error
