"""Texts that mention the words of a target."""

import random

import pytest

from newsstand.text.example import Example
from newsstand.text.targets import content_spans, speaks_of

TEXT = "Campaigners want zoos closed. The city's taxes on animals are denied, they said."


def example(text: str, target: str, **more: object) -> Example:
    return Example.of_prepared("", text, target, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "target",
    [
        "Zoos should be closed",
        "the zoo",
        "closing the harbour",
        "an animal tax",
        "cities",
        "What they deny",
        "THE CITY\u2019S PLAN",
    ],
)
def test_content_words_match_with_other_endings(target: str) -> None:
    assert speaks_of(example(TEXT, target))


@pytest.mark.parametrize("target", ["zebra", "axes", "Dogs should be on leads", "mate", "an"])
def test_stop_words_and_parts_of_words_do_not_match(target: str) -> None:
    assert not speaks_of(example(TEXT, target))


def test_given_mentions_are_enough() -> None:
    assert speaks_of(example(TEXT, "zebra", mentions=[(0, 11)]))
    assert not speaks_of(example(TEXT, "zebra"))


def test_a_target_of_only_stop_words_is_matched_whole() -> None:
    assert speaks_of(example("The Who played on.", "The Who"))
    assert not speaks_of(example("A band played.", "The Who"))
    assert speaks_of(example("It is 5 % more.", "%"))
    assert not speaks_of(example("It is more.", "%"))


def test_scripts_without_spaces_match_by_pairs_of_letters() -> None:
    text = "议会昨日讨论死刑。"
    assert speaks_of(example(text, "废除死刑"))
    assert not speaks_of(example(text, "动物园"))
    assert speaks_of(example("فاز الفريق في المباراة", "الفريق"))


def test_content_spans_are_offsets_in_the_target_as_written() -> None:
    target = "İstanbul's mayor should resign"  # the lower case of its first letter is longer
    assert next(target[a:b] for a, b in content_spans(target)) == "İstanbul's"
    assert content_spans("It isn\u2019t the Mayor") == ((13, 18),)


def test_any_target_is_found_in_a_text_that_contains_it() -> None:
    random_, letters = random.Random(5), "aZ'\u2019.é İß死\u0301\U0001f600( [\\\n9"
    for _ in range(300):
        text, target = ("".join(random_.choices(letters, k=20)) for _ in range(2))
        assert speaks_of(example(f"{text} {target}", target)) or not target.strip()
