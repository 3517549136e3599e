"""No text takes more than its length: twice of it takes about twice the time, in every pass."""

import pytest

from hostile import Passes, Pattern, growth, patterns
from newsstand.io.bundle import Bundle
from newsstand.text.article import Article
from newsstand.text.normalize import TextSpec, normalise

# A line may be short of any limit and its pattern still end only with the universe; and long enough
# that the square of it is seen, where what is linear takes less than the floor.
LENGTHS = (120, 240), (3_000, 6_000)
FLOOR = 0.008  # seconds
CHOSEN = list(patterns(20, seed=4))
# What reads a text and looks at more than its characters takes every so manieth pattern.
EVERY = {"topic": (17, 0), "stance": (17, 6), "target": (17, 12), "data": (3, 0)}


@pytest.fixture(scope="module")
def passes(small: Bundle, small_stance: Bundle) -> Passes:
    return Passes(small, small_stance)


@pytest.mark.parametrize("name", list(Passes.NAMES))
def test_time_grows_with_the_length(name: str, passes: Passes) -> None:
    run = passes.all()[name]
    run("Wheat fell.")  # what is compiled or looked up once
    every, first = EVERY.get(name, (1, 0))
    slow = [
        f"{pattern}: {ratio:.1f} times"
        for pattern in CHOSEN[first::every]
        if (ratio := max(growth(run, pattern, some, FLOOR) for some in LENGTHS)) > 3
    ]
    assert slow == []


def test_growth_is_seen() -> None:
    """The measure itself: a pass that goes over the text once for each of its characters."""

    def square(text: str) -> None:
        for _ in text:
            text.count("b")

    lengths = 2_000, 4_000, 8_000
    assert growth(square, Pattern("", "a", ""), lengths, 1e-4) > 3
    assert growth(str.upper, Pattern("", "a", ""), lengths, 1e-4) <= 3


def test_marks_in_a_row() -> None:
    """The first thirty stay, as many as Unicode's stream-safe text has; the way back is kept."""
    marks = "\u0301\u0316" * 40
    part = normalise(Article(body=f"Ry{marks}e fell."), TextSpec()).body
    assert len(part.text) == len("Rye fell.") + 30 - 1  # the y and an acute are one letter
    assert part.text[0] == "R"
    assert part.text.endswith("e fell.")
    assert part.source(len(part.text) - 7, len(part.text)) == (82, 89)
    assert normalise(Article(body=part.text), TextSpec()).body.text == part.text
    thirty = "Ry" + "\u0316" * 30 + "e"
    assert normalise(Article(body=thirty), TextSpec()).body.text == thirty
