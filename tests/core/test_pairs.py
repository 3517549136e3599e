"""The pair model: what it compares, where it finds the target, and that no batch changes a bit."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from newsstand.article import Article
from newsstand.encode import Example, encode
from newsstand.errors import BundleError
from newsstand.likeness import sentence_spans
from newsstand.matches import Matches
from newsstand.pairs import Network, PairModel
from newsstand.text import TextSpec

STORY = (
    "The harbour board met on Tuesday. A ferry captain denied that the pier had sunk! Nobody in "
    "the hall believed him.\n\nThe vote on the pier was put off, officials said."
)
OTHER = "Snow fell on the hills overnight.\nFarmers moved their sheep. “We are ready,” one said."
TARGETS = ("The pier has sunk", "Snow falls in the hills", "Ferry captain: 'No pier sank'", "Ø")


def example(body: str, target: str | None = "The pier has sunk", title: str = "") -> Example:
    return encode(Article(title=title, body=body), target, TextSpec())


def examples() -> list[Example]:
    found = [
        example(body, target, title)
        for body in (STORY, OTHER, "…", "The pier. " * 400)
        for target in TARGETS
        for title in ("", "Pier sinks?")
    ]
    return [*found, example("", "The pier", "A title alone"), example(STORY, None)]


def network(columns: int, scores: int = 3, seed: int = 0) -> Network:
    random = np.random.default_rng(seed)
    shapes = (columns, 5), (5,), (5, scores), (scores,)
    return Network(*(random.normal(size=shape).astype(np.float32) for shape in shapes))


def model() -> PairModel:
    matches, _ = Matches.fit_rows(examples(), terms=20)
    return PairModel(matches, network(matches.columns))


def test_a_batch_gives_what_single_rows_give_bit_for_bit() -> None:
    found, items = model(), examples()
    batch = found.forward(items)
    assert batch.dtype == np.float64
    assert len(np.unique(batch[:, 0])) > len(TARGETS)
    assert (batch == np.vstack([found.forward([item]) for item in items])).all()
    assert (found.forward(items[::-1])[::-1] == batch).all()
    assert (found.forward([*items, *items])[len(items) :] == batch).all()
    assert found.forward([]).shape == (0, 3)


def test_rows_of_the_fit_are_those_of_a_call() -> None:
    matches, rows = Matches.fit_rows(examples(), terms=20)
    assert rows.dtype == np.float32
    assert rows.shape == (len(examples()), matches.columns)
    assert (rows != matches(examples())).nnz == 0
    compared = rows.toarray()[:, : matches.dense]
    np.testing.assert_allclose(compared.mean(axis=0), 0, atol=0.2)  # but for what is cut off
    assert np.abs(compared).max() <= 6


def test_terms_are_the_most_frequent_words_and_their_columns_come_last() -> None:
    matches, rows = Matches.fit_rows(examples(), terms=2)
    assert len(matches.terms) == 2
    none, plain = Matches.fit_rows(examples(), terms=0)
    assert none.columns == none.dense == plain.shape[1] == rows.shape[1] - 2
    # "the" and "of" stand in two articles each, "lighthouse" in none.
    words = matches([example("The hall of the board."), example("Lighthouse!")])
    lengths = np.linalg.norm(words.toarray()[:, matches.dense :], axis=1)
    np.testing.assert_allclose(lengths, [1, 0], rtol=1e-6)
    assert (plain != rows[:, : none.dense]).nnz == 0


def test_a_mean_network_scores_the_mean() -> None:
    rows = model().matches(examples())
    one, other = (network(rows.shape[1], seed=seed) for seed in (1, 2))
    both = Network.mean([one, other])
    assert both.hidden.shape == (rows.shape[1], 10)
    np.testing.assert_allclose(both(rows), (one(rows) + other(rows)) / 2, rtol=1e-4, atol=1e-4)


def test_the_likest_sentences_are_found_in_their_places() -> None:
    matches = model().matches
    item = example(STORY, "Captain denies pier sank", "A night at the harbour")
    found = matches.likest(item)
    texts = [(part, getattr(item.prepared, part).text[a:b]) for part, a, b, _ in found]
    assert texts[0] == ("body", "A ferry captain denied that the pier had sunk!")
    assert ("body", "Nobody in the hall believed him.") not in texts
    likeness = [value for *_, value in found]
    assert likeness == sorted(likeness, reverse=True)
    assert 0 < likeness[-1] < likeness[0] < 1
    [(part, start, end, value), *_] = matches.likest(example(STORY, "Pier sinks", "Pier sinks"))
    assert (part, start, end) == ("title", 0, 10)
    assert value == pytest.approx(0.9)  # no three words in a row, which count for the rest
    assert matches.likest(example(STORY, "Ø ÅÅÅ")) == []


def test_sentences_end_at_marks_and_lines_and_cover_all_words() -> None:
    body = "He asked: 'Why?' Then he left...\nNo mark here\n\n“Yes.” 3.5 % more"
    texts = [body[start:end] for start, end in sentence_spans(body)]
    assert texts == ["He asked: 'Why?'", "Then he left...", "No mark here", "“Yes.”", "3.5 % more"]
    assert "".join("".join(texts).split()) == "".join(body.split())
    assert sentence_spans("") == []


def test_save_and_load_keep_every_bit(tmp_path: Path) -> None:
    found = model()
    loaded = PairModel.load(tmp_path, found.save(tmp_path))
    assert (found.forward(examples()) == loaded.forward(examples())).all()
    before, after = found.matches.tensors(), loaded.matches.tensors()
    assert before.keys() == after.keys()
    assert all((before[name] == after[name]).all() for name in before)


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    found = model()
    refused = pytest.raises(BundleError, match=r"pairs\.safetensors: not weights of this model")
    with refused:
        PairModel.load(tmp_path, found.save(tmp_path) | {"colour": "red"})
    whole = found.network
    for bad in (
        replace(whole, hidden=whole.hidden[1:]),
        replace(whole, hidden_bias=whole.hidden_bias[1:]),
        replace(whole, output_bias=whole.output_bias[1:]),
    ):
        with refused:
            PairModel.load(tmp_path, replace(found, network=bad).save(tmp_path))
