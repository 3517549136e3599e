"""Near-duplicates: reprints are found, similar texts are not, and order does not matter."""

import random

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from newsstand.config.data_specs import NearDuplicateSpec
from newsstand.data.splits import near_duplicates as duplicates
from newsstand.data.splits import shingles
from newsstand.data.splits.near_duplicates import NearDuplicates, near_duplicates

WORDS = [a + b + c for a in ("bar", "fen", "lom") for b in "aeiou" for c in ("d", "k", "rn", "st")]


def prose(seed: int, paragraphs: int = 6, size: int = 40) -> str:
    """Paragraphs of made-up words, other ones for another seed."""
    chance = random.Random(seed)
    return "\n\n".join(
        " ".join(chance.choice(WORDS) + str(chance.randrange(90)) for _ in range(size)) + "."
        for _ in range(paragraphs)
    )


def parts(text: str) -> list[str]:
    return text.split("\n\n")


def by_settings(batches, *, published=None, progress=None, **settings) -> NearDuplicates:
    spec = NearDuplicateSpec(**settings)
    return near_duplicates(batches, spec, published=published, progress=progress)


def found(*texts: str, **options: object) -> NearDuplicates:
    return by_settings([texts], **options)


def together(*texts: str, **options: object) -> bool:
    return len(set(found(*texts, **options).cluster.tolist())) == 1


STORY = prose(1)
OTHER = prose(2)
REPRINTS = {
    "the same": STORY,
    "in capitals, other punctuation": STORY.upper().replace(".", "!"),
    "beginning cut": "\n\n".join(parts(STORY)[3:]),
    "end cut": "\n\n".join(parts(STORY)[:2]),
    "middle cut": "\n\n".join(parts(STORY)[:1] + parts(STORY)[4:]),
    "another head": "\n\n".join([prose(3, 1, 20), *parts(STORY)[1:]]),
    "introduction": prose(4, 2) + "\n\n" + STORY,
    "editor's note": STORY + "\n\nEditor's note: this story was first published on Monday.",
    "paragraphs shuffled": "\n\n".join(random.Random(5).sample(parts(STORY), 6)),
    "merged": STORY + "\n\n" + OTHER,
    "half of it merged": "\n\n".join(parts(STORY)[:3] + parts(OTHER)[:2]),
    "a word in twenty edited": " ".join(
        "edited" if at % 20 == 10 else word for at, word in enumerate(STORY.split())
    ),
}


@pytest.mark.parametrize("reprint", REPRINTS.values(), ids=REPRINTS)
def test_reprints_are_found_among_other_texts(reprint):
    near = found(prose(6), STORY, prose(7), reprint, prose(8))
    assert near.cluster.tolist() == [0, 1, 2, 1, 4]
    assert near.pairs.tolist() == [[1, 3]]
    assert 0.5 <= near.shared[0] <= 1


SPEECH = prose(9, 1, 60)[:-1]
STANDING = prose(10, 2)
QUOTING = [
    (f"“{SPEECH},”", f"“{SPEECH},” she said."),
    (f'"{SPEECH},"', f'The mayor: "{SPEECH}."'),
    (f"„{SPEECH}“,", f"„{SPEECH}“, sagte sie."),
    (f"«{SPEECH}»,", f"«{SPEECH}», dit-elle."),
    *[(f"{SPEECH} — Ann Mayor (@annmayor) May {day}, 2025",) * 2 for day in (3, 14)],
    (f"{SPEECH} Hide Caption 3 of 12",) * 2,
    (f"{SPEECH}\n\n{SPEECH}",) * 2,
]


@pytest.mark.parametrize("quotes", QUOTING)
def test_stories_with_a_common_quotation_are_not_reprints(quotes):
    first, second = (
        f"{prose(seed, 1)}\n\n{quote}" for seed, quote in zip((11, 12), quotes, strict=True)
    )
    assert not together(first, second)


def test_text_of_only_a_quotation_can_be_a_reprint():
    assert together(f"“{SPEECH}”", f"“{SPEECH}”\n\n{prose(13)}")


def test_same_passage_without_quotation_marks_is_a_reprint():
    assert together(f"{prose(11, 1)}\n\n{SPEECH}.", f"{prose(12, 1)}\n\n{SPEECH}.")


def test_common_passages_do_not_link_texts():
    column = [f"{STANDING}\n\n{prose(seed, 2, 25)}" for seed in range(20, 40)]
    assert found(*column).cluster.tolist() == list(range(20))
    assert together(*column[:3])  # of a few texts one can't tell
    # A reprint among them is found by what is its own.
    copy = f"{column[7]}\n\nEditor's note: corrected."
    assert found(*column, copy).pairs.tolist() == [[7, 20]]


def test_frequent_reprints_are_not_common_passages():
    reprints = [f"{prose(seed, 1, 20)}\n\n{STORY}" for seed in range(40, 60)]
    assert together(STORY, *reprints)
    assert len(found(STORY, *reprints).pairs) >= 20


def test_short_text_is_linked_to_each_of_five_long_ones():
    brief = parts(STORY)[0]
    digests = [f"{prose(seed, seed - 80)}\n\n{brief}" for seed in range(84, 89)]
    assert found(*digests).cluster.tolist() == list(range(5))
    assert together(brief, *digests)


def test_weather_reports_from_one_template_are_not_reprints():
    form = "{0} will see {1} on {2} with highs near {3} degrees. Winds from the {4} will ease. "
    chance = random.Random(14)
    reports = [
        "".join(form.format(*(chance.choice(WORDS) for _ in range(5))) for _ in range(8))
        for _ in range(12)
    ]
    assert found(*reports).cluster.tolist() == list(range(12))


def test_scattered_sentences_do_not_make_a_reprint():
    sentences = [prose(seed, 1, 12) for seed in range(60, 76)]
    one = "\n".join(f"{line}\n{prose(100 + at, 1, 9)}" for at, line in enumerate(sentences))
    two = "\n".join(f"{line}\n{prose(200 + at, 1, 9)}" for at, line in enumerate(sentences))
    assert not together(one, two)


@pytest.mark.parametrize(("kept", "linked"), [(4, False), (6, True)])
def test_share_refers_to_the_shorter_text(kept, linked):
    mixed = "\n\n".join(parts(STORY)[:kept] + parts(OTHER)[: 9 - kept])
    long = f"{STORY}\n\n{prose(15)}"
    assert together(long, mixed) is linked
    near = found(long, mixed, share=0.4)
    assert near.shared.tolist() == pytest.approx([kept / 9], abs=0.01)


def test_shorter_text_may_come_first_or_second():
    half = f"{parts(STORY)[0]}\n\n{prose(16, 1)}"
    one, other = found(half, STORY, share=0.3), found(STORY, half, share=0.3)
    assert one.shared.tolist() == other.shared.tolist() == pytest.approx([0.5], abs=0.01)


def test_links_join_clusters():
    merged = f"{STORY}\n\n{OTHER}"
    near = found(OTHER, prose(17), STORY, merged)
    assert near.cluster.tolist() == [0, 1, 0, 0]
    assert near.pairs.tolist() == [[0, 3], [2, 3]]
    assert near.shared.tolist() == [1, 1]
    assert (near.cluster.dtype, near.pairs.dtype, near.shared.dtype) == ("i8", "i8", "f4")


DATES = ["2025-03-01", "2025-03-08T09:30:00+02:00", "2025-03-15", None]


@pytest.mark.parametrize(
    ("rows", "days", "clusters"),
    [
        ((0, 1), 7, [0, 0]),
        ((0, 1), 6, [0, 1]),
        ((1, 0), 7, [0, 0]),
        ((0, 2), 7, [0, 1]),
        ((0, 2), None, [0, 0]),
        ((0, 1, 2), 7, [0, 0, 0]),  # the second links the others
        ((0, 1, 2), 6, [0, 1, 2]),
        ((0, 0), 0, [0, 0]),
        ((0, 3), 0, [0, 0]),  # nobody knows
        ((3, 3), 0, [0, 0]),
    ],
)
def test_window_days_limits_links(rows, days, clusters):
    published = [DATES[row] for row in rows]
    near = found(*[STORY] * len(rows), published=published, window_days=days)
    assert near.cluster.tolist() == clusters


def test_window_links_neighbours_in_time_among_many_reprints():
    dates = [f"20{year}-{month}-01" for month in ("05", "06") for year in range(10, 40)]
    near = found(*[STORY] * 60, published=dates, window_days=40)
    assert near.cluster.tolist() == list(range(30)) * 2


@pytest.mark.parametrize("texts", [(), ("",), (STORY,), ("", ""), ("one", "one", "one two")])
def test_too_few_or_empty_texts_have_no_near_duplicates(texts):
    near = found(*texts)
    assert near.cluster.tolist() == list(range(len(texts)))
    assert near.pairs.shape == (0, 2)
    assert near.shared.shape == (0,)
    assert by_settings([]).cluster.tolist() == []


@pytest.mark.parametrize("words", [*range(7), 29, 30])
def test_copies_need_thirty_words(words):
    text = " ".join(prose(18, 1).split()[:words])
    assert together(text, text) is (words >= 30)


SCRIPTS = {
    "Cyrillic": "абвгдежзиклмн",
    "Greek": "αβγδεζηθικλμν",
    "Arabic": "ابتثجحخدذرزسش",
    "Devanagari": "कखगघचछजझटठडढण",
}


@pytest.mark.parametrize("letters", SCRIPTS.values(), ids=SCRIPTS)
def test_reprints_in_other_scripts(letters):
    chance = random.Random(19)
    words = ["".join(chance.choices(letters, k=6)) for _ in range(300)]
    one, two = " ".join(words[:200]), " ".join(words[80:])
    assert together(one, two)
    assert not together(one, " ".join(reversed(words)))


def corpus() -> list[str]:
    stories = [prose(seed, 3) for seed in range(300, 312)]
    cut = ["\n\n".join(parts(story)[1:]) for story in stories[::2]]
    merged = [f"{stories[0]}\n\n{stories[3]}", f"{stories[5]}\n\n{stories[5]}"]
    column = [f"{STANDING}\n\n{story}" for story in stories[6:]]
    return [*stories, *cut, *merged, *column, "", "short", stories[1]]


def partition(near: NearDuplicates, order: list[int]) -> set[frozenset[int]]:
    groups: dict[int, set[int]] = {}
    for row, name in zip(order, near.cluster.tolist(), strict=True):
        groups.setdefault(name, set()).add(row)
    return {frozenset(group) for group in groups.values()}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("dated", [False, True])
def test_clusters_do_not_depend_on_the_order_of_texts(seed, dated):
    texts = corpus()
    order = random.Random(seed).sample(range(len(texts)), len(texts))
    dates = [f"2025-01-{1 + row % 20:02}" if row % 5 else None for row in range(len(texts))]

    def run(rows):
        options = {"published": [dates[row] for row in rows], "window_days": 9} if dated else {}
        return partition(found(*[texts[row] for row in rows], **options), rows)

    assert run(order) == run(list(range(len(texts))))


def same(one: NearDuplicates, other: NearDuplicates) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("cluster", "pairs", "shared")
    )


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_result_does_not_depend_on_batch_or_block_size(size, monkeypatch):
    texts, told = corpus(), []
    whole = found(*texts)
    monkeypatch.setattr(duplicates, "_BLOCK", 50)
    monkeypatch.setattr(duplicates, "_PAIRS", 10_000)
    batches = [texts[start : start + size] for start in range(0, len(texts), size)]
    assert same(by_settings(batches, progress=told.append), whole)
    assert told == [len(batch) for batch in batches]
    monkeypatch.setattr(duplicates, "_PAIRS", 2)  # links in a cluster are not looked for
    few = by_settings(batches)
    assert np.array_equal(few.cluster, whole.cluster)
    assert set(map(tuple, few.pairs.tolist())) <= set(map(tuple, whole.pairs.tolist()))


def test_reprints_are_found_with_a_small_sample(monkeypatch):
    texts = [prose(seed) for seed in range(400, 460)]
    texts += ["\n\n".join(parts(text)[:4]) for text in texts]
    expected = list(range(60)) * 2
    monkeypatch.setattr(shingles, "_KEPT", 2000)  # of 23,000 hashes
    assert found(*texts).cluster.tolist() == expected
    assert by_settings([text] for text in texts).cluster.tolist() == expected


def test_links_of_a_thousand_reprints_grow_linearly():
    texts = [f"{STORY}\n\n{prose(seed, 1, 10)}" for seed in range(1000)]
    near = found(*texts)
    assert set(near.cluster.tolist()) == {0}
    assert 999 <= len(near.pairs) <= 2 * len(texts)


@given(
    own=st.integers(0, 60),
    shared=st.integers(30, 90),
    place=st.integers(0, 60),
    longer=st.integers(0, 200),
    share=st.sampled_from([0.3, 0.5, 0.8, 1.0]),
)
@example(own=30, shared=30, place=15, longer=60, share=0.5)
@settings(deadline=None, max_examples=150)
def test_passage_of_the_required_share_is_always_found(own, shared, place, longer, share):
    words = [f"w{number}" for number in range(shared)]
    place = min(place, own)
    short = [*(f"a{at}" for at in range(place)), *words, *(f"b{at}" for at in range(own - place))]
    long = [*words, *(f"c{at}" for at in range(longer))]
    exact = shared / min(len(short), len(long))
    near = found(" ".join(short), " ".join(long), share=share)
    assert (len(near.pairs) == 1) is (exact >= share)
    if len(near.pairs):
        assert near.shared[0] == pytest.approx(exact)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"share": 0}, "share: expected a number above 0"),
        ({"share": 1.1}, "share: expected a number above 0, at most 1, got 1.1"),
        ({"window_days": 3}, "window_days: expected"),
        ({"window_days": -1, "published": [None]}, "window_days: expected 0 or more"),
        ({"window_days": 3, "published": []}, "published: expected .* each of 1 texts"),
        ({"window_days": 3, "published": ["yesterday"]}, "yesterday"),
    ],
)
def test_invalid_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        by_settings([["a text"]], **options)


def test_too_many_texts_are_refused(monkeypatch):
    monkeypatch.setattr(shingles, "_ROW_BITS", 3)
    assert len(by_settings([["a"] * 8]).cluster) == 8
    with pytest.raises(ValueError, match="expected at most 8 texts"):
        by_settings([["a"] * 8, ["a"]])
