"""Texts that mention the words of a target."""

import random

import pytest

from newsstand.text.example import Example
from newsstand.text.targets import content_spans, mentions_target

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
    assert mentions_target(example(TEXT, target))


@pytest.mark.parametrize("target", ["zebra", "axes", "Dogs should be on leads", "mate", "an"])
def test_stop_words_and_parts_of_words_do_not_match(target: str) -> None:
    assert not mentions_target(example(TEXT, target))


def test_given_mentions_are_enough() -> None:
    assert mentions_target(example(TEXT, "zebra", mentions=[(0, 11)]))
    assert not mentions_target(example(TEXT, "zebra"))


def test_a_target_of_only_stop_words_is_matched_whole() -> None:
    assert mentions_target(example("The Who played on.", "The Who"))
    assert not mentions_target(example("A band played.", "The Who"))
    assert mentions_target(example("It is 5 % more.", "%"))
    assert not mentions_target(example("It is more.", "%"))


def test_scripts_without_spaces_match_by_pairs_of_letters() -> None:
    text = "议会昨日讨论死刑。"
    assert mentions_target(example(text, "废除死刑"))
    assert not mentions_target(example(text, "动物园"))
    assert mentions_target(example("فاز الفريق في المباراة", "الفريق"))


def test_content_spans_are_offsets_in_the_target_as_written() -> None:
    target = "İstanbul's mayor should resign"  # the lower case of its first letter is longer
    assert next(target[a:b] for a, b in content_spans(target)) == "İstanbul's"
    assert content_spans("It isn\u2019t the Mayor") == ((13, 18),)


def test_any_target_is_found_in_a_text_that_contains_it() -> None:
    random_, letters = random.Random(5), "aZ'\u2019.é İß死\u0301\U0001f600( [\\\n9"
    for _ in range(300):
        text, target = ("".join(random_.choices(letters, k=20)) for _ in range(2))
        assert mentions_target(example(f"{text} {target}", target)) or not target.strip()
