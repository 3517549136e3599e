"""Every pass over a text takes linear time: twice the length takes about twice the time."""

import pytest

from hostile import Passes, Pattern, growth, patterns
from newsstand.io.bundle import Bundle
from newsstand.text.article import Article
from newsstand.text.normalize import TextSpec, normalise

# Short lines detect exponential time; long texts detect quadratic time, while linear time stays
# below the floor.
LENGTHS = (120, 240), (3_000, 6_000)
FLOOR = 0.008  # seconds
CHOSEN = list(patterns(20, seed=4))
# Slower passes test every n-th pattern only, from an offset.
EVERY = {"topic": (17, 0), "stance": (17, 6), "target": (17, 12), "data": (3, 0)}


@pytest.fixture(scope="module")
def passes(small: Bundle, small_stance: Bundle) -> Passes:
    return Passes(small, small_stance)


@pytest.mark.parametrize("name", list(Passes.NAMES))
def test_time_is_linear(name: str, passes: Passes) -> None:
    run = passes.all()[name]
    run("Wheat fell.")  # compiles on first use
    every, first = EVERY.get(name, (1, 0))
    slow = [
        f"{pattern}: {ratio:.1f} times"
        for pattern in CHOSEN[first::every]
        if (ratio := max(growth(run, pattern, some, FLOOR) for some in LENGTHS)) > 3
    ]
    assert slow == []


def test_quadratic_time_is_detected() -> None:
    """Tests the measure with a pass that reads the text once for each character."""

    def square(text: str) -> None:
        for _ in text:
            text.upper()  # far slower than a step of the loop, whose time is linear

    # Sixteen times the time, of many ticks of the clock: more than noise can hide.
    assert growth(square, Pattern("", "a", ""), (8_000, 32_000), 1e-4) > 3
    assert growth(str.upper, Pattern("", "a", ""), (2_000, 4_000, 8_000), 1e-4) <= 3


def test_runs_of_marks_are_limited() -> None:
    """The first thirty are kept, as in Unicode's stream-safe text, and offsets stay correct."""
    marks = "\u0301\u0316" * 40
    part = normalise(Article(body=f"Ry{marks}e fell."), TextSpec()).body
    assert len(part.text) == len("Rye fell.") + 30 - 1  # the y and an acute are one letter
    assert part.text[0] == "R"
    assert part.text.endswith("e fell.")
    assert part.source(len(part.text) - 7, len(part.text)) == (82, 89)
    assert normalise(Article(body=part.text), TextSpec()).body.text == part.text
    thirty = "Ry" + "\u0316" * 30 + "e"
    assert normalise(Article(body=thirty), TextSpec()).body.text == thirty
