"""Runs the examples in the docstrings of every module."""

import doctest
import importlib
import pkgutil

import newsstand
import newsstand.data
import newsstand.serve
import newsstand.train


def test_every_example_in_a_docstring_holds() -> None:
    attempted = 0
    for package in (newsstand, newsstand.data, newsstand.serve, newsstand.train):
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            result = doctest.testmod(importlib.import_module(found.name))
            assert result.failed == 0, found.name
            attempted += result.attempted
    assert attempted >= 10
