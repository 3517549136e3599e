"""The linear model: what is counted, how it is weighted, and that no batch changes a bit."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfTransformer

from newsstand.article import Article
from newsstand.bundle import Bundle
from newsstand.encode import Example, encode
from newsstand.errors import BundleError
from newsstand.linear import Block, Features, FeatureSpec, LinearModel
from newsstand.text import TextSpec

WORDS = FeatureSpec(words=(1, 1), bits=16)


def example(body: str, title: str = "", target: str | None = None) -> Example:
    return encode(Article(title=title, body=body), target, TextSpec())


BODIES = [
    "grain grain prices fall",
    "prices rise",
    "rain, rain and more rain on the coast",
    "grain",
]
SPECS = [
    WORDS,
    FeatureSpec(words=(1, 3), chars=(2, 5), bits=12),
    FeatureSpec(words=None, chars=(3, 4), bits=14, sublinear_tf=False),
    FeatureSpec(words=(1, 2), title="apart", cross_target=True, idf=False),
]


def random_model(spec: FeatureSpec, labels: int = 3) -> LinearModel:
    features = Features.fit(spec, [example(body, "Rain", "the levy") for body in BODIES])
    random = np.random.default_rng(0)
    columns = sum(len(block.buckets) for block in features.blocks)
    return LinearModel(
        features,
        random.normal(size=(columns, labels)).astype(np.float32),
        random.normal(size=labels).astype(np.float32),
    )


@pytest.mark.parametrize("sublinear", [True, False])
@pytest.mark.parametrize("idf", [True, False])
def test_weights_are_those_of_scikit_learn(sublinear: bool, idf: bool) -> None:
    examples = [example(body) for body in BODIES]
    found = Features.fit(replace(WORDS, sublinear_tf=sublinear, idf=idf), examples)(examples)
    counts = Features.fit(replace(WORDS, sublinear_tf=False, idf=False), examples)(examples)
    # With neither weighting, a row is its counts scaled to length 1: its least value is one count.
    dense = counts.toarray()
    dense /= np.where(dense > 0, dense, np.inf).min(axis=1, keepdims=True)
    expected = TfidfTransformer(sublinear_tf=sublinear, use_idf=idf).fit_transform(dense.round())
    np.testing.assert_allclose(found.toarray(), expected.toarray(), rtol=1e-6)


@pytest.mark.parametrize("spec", SPECS)
def test_each_block_of_a_row_has_length_one_and_unknown_text_is_zero(spec: FeatureSpec) -> None:
    features = Features.fit(spec, [example(body) for body in BODIES])
    rows = features([example("grain prices"), example("ØØØØ")])
    assert rows.dtype == np.float32
    start = 0
    for block in features.blocks:
        part = rows.toarray()[:, start : start + len(block.buckets)]
        np.testing.assert_allclose(np.linalg.norm(part, axis=1), [1, 0], rtol=1e-6)
        start += len(block.buckets)
    assert start == rows.shape[1]


@pytest.mark.parametrize("spec", SPECS)
def test_a_batch_gives_what_single_rows_give_bit_for_bit(spec: FeatureSpec) -> None:
    model = random_model(spec)
    bodies = [f"{a} {b} {'x' * i}" for i in range(3) for a in BODIES for b in BODIES] + ["Ø", "…"]
    examples = [example(body, "Grain falls", "the levy") for body in bodies]
    batch = model.forward(examples)
    assert batch.dtype == np.float64
    single = np.vstack([model.forward([item]) for item in examples])
    assert (batch == single).all()
    assert (model.forward(examples[::-1])[::-1] == batch).all()


def test_min_df_drops_what_few_rows_have() -> None:
    examples = [example(body) for body in BODIES]
    kept = {
        least: len(Features.fit(replace(WORDS, min_df=least), examples).blocks[0].buckets)
        for least in (1, 2, 3)
    }
    assert kept == {1: 10, 2: 2, 3: 0}  # two rows have "grain", two "prices"


def test_title_apart_counts_titles_twice_and_body_words_once() -> None:
    def columns(spec: FeatureSpec, title: str, body: str) -> int:
        return Features.fit(spec, [example(body, title)])([example(body, title)]).nnz

    apart = replace(WORDS, title="apart")
    assert columns(WORDS, "grain falls", "wheat fell") == 4
    assert columns(apart, "grain falls", "wheat fell") == 6
    assert columns(apart, "", "wheat fell") == 2
    # The feature of a title's word isn't that of the same word in the body.
    features = Features.fit(apart, [example("rain", "grain")])
    title, body = features([example("rain", "grain"), example("grain rain")]).toarray()
    assert (np.count_nonzero(title), np.count_nonzero(body)) == (3, 2)


def test_cross_target_shares_plain_features_only() -> None:
    spec = replace(WORDS, cross_target=True, idf=False)
    features = Features.fit(spec, [example("it is dear", target=t) for t in ("the levy", "a port")])
    rows = features(
        [
            example("it is dear", target="the levy"),
            example("it is dear", target="a port"),
            example("it is dear", target="The  LEVY"),
            example("it is dear", target="unseen"),
        ]
    ).toarray()
    used = [set(np.flatnonzero(row)) for row in rows]
    assert used[0] == used[2]
    assert len(used[0] & used[1]) == 3  # each word, whatever the target
    assert len(used[0]) == len(used[1]) == 3 + 3 + 2  # and with its target, and the target's own
    assert used[3] == used[0] & used[1]


def test_places_add_up_to_the_features(small: Bundle, small_stance: Bundle) -> None:
    for bundle, target in ((small, None), (small_stance, "the levy")):
        features = bundle.model.features
        item = example("It is cheap, and the champion is dear.", "The match", target)
        seen: set[int] = set()
        for columns, starts, ends in features.places(item):
            seen |= set(columns.tolist())
            assert ((starts >= 0) & (starts < ends) & (ends <= len(item.text))).all()
        used = set(features([item]).indices.tolist())
        assert seen <= used
        own = target.split() if target else []
        assert len(used - seen) <= 30 * len(own)  # a target's own n-grams stand nowhere in the text


def parts(model: LinearModel) -> list[NDArray[np.generic]]:
    blocks = [x for b in model.features.blocks for x in (b.buckets, b.weights)]
    return [*blocks, model.coefficients, model.intercepts]


@pytest.mark.parametrize("spec", SPECS)
def test_save_and_load_keep_every_bit(spec: FeatureSpec, tmp_path: Path) -> None:
    model = random_model(spec)
    loaded = LinearModel.load(tmp_path, model.save(tmp_path))
    assert loaded.features.spec == spec
    for before, after in zip(parts(model), parts(loaded), strict=True):
        assert before.dtype == after.dtype
        assert (before == after).all()
    examples = [example(body, "Rain", "the levy") for body in BODIES]
    assert (model.forward(examples) == loaded.forward(examples)).all()


def test_weights_in_another_order_of_memory_are_saved_right(tmp_path: Path) -> None:
    model = random_model(WORDS)
    turned = replace(model, coefficients=np.asfortranarray(model.coefficients))
    loaded = LinearModel.load(tmp_path, turned.save(tmp_path))
    assert (loaded.coefficients == model.coefficients).all()


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    model = random_model(WORDS)
    settings = model.save(tmp_path)
    wrong = [
        settings | {"chars": [2, 3]},  # a block that the file lacks
        settings | {"bits": 10},  # buckets beyond the table
        settings | {"colour": "red"},
        settings | {"words": 5},
        {k: v for k, v in settings.items() if k != "words"},
    ]
    for values in wrong:
        with pytest.raises(BundleError, match=r"linear\.safetensors: not weights of this model"):
            LinearModel.load(tmp_path, values)
    one_short = Features(WORDS, [Block(b.buckets[1:], b.weights) for b in model.features.blocks])
    for bad in (
        replace(model, coefficients=model.coefficients[1:]),
        replace(model, intercepts=model.intercepts[1:]),
        replace(model, features=one_short),
    ):
        bad.save(tmp_path)
        with pytest.raises(BundleError, match=r"linear\.safetensors: not weights of this model"):
            LinearModel.load(tmp_path, settings)
