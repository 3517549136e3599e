"""The linear model: what is counted, how it is weighted, and that no batch changes a bit."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfTransformer

from newsstand.errors import BundleError
from newsstand.features.weighting import Block, Features, FeatureSpec
from newsstand.io.bundle import Bundle
from newsstand.models.linear import LinearModel
from newsstand.text.article import Article
from newsstand.text.example import Example, encode
from newsstand.text.normalize import TextSpec

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
    FeatureSpec(words=(1, 2), fields={"title": 0.5, "target": 2.0}, cross_target=True, idf=False),
    FeatureSpec(words=(1, 2), hashtags=True),
    FeatureSpec(words=(1, 1), chars=(3, 3), fields={"lead": 0.25, "near": 1.5}, bits=12),
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
def test_each_block_of_a_row_has_its_weight_as_length_and_unknown_text_is_zero(
    spec: FeatureSpec,
) -> None:
    features = Features.fit(spec, [example(body, body, "grain") for body in BODIES])
    rows = features([example("grain prices", "rain", "Grain"), example("ØØØØ", "ÅÅÅ", "ÆÆÆ")])
    assert rows.dtype == np.float32
    start = 0
    for block, kind in zip(features.blocks, spec.kinds, strict=True):
        part = rows.toarray()[:, start : start + len(block.buckets)]
        lengths = np.linalg.norm(part, axis=1)
        np.testing.assert_allclose(lengths, [spec.fields.get(kind.field, 1.0), 0], rtol=1e-6)
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


LONG = " ".join(f"word{n}" for n in range(40))


@pytest.mark.parametrize(
    ("part", "title", "body", "target", "counted"),
    [
        ("title", "Grain falls", "wheat fell", None, {"grain", "falls"}),
        ("title", "", "wheat fell", None, set()),
        ("lead", "Grain falls", "Wheat fell.\n\nRye too", None, {"wheat", "fell", "rye", "too"}),
        ("lead", "Grain", LONG, None, {f"word{n}" for n in range(30)}),
        ("near", "", f"{LONG} the Levy {LONG}", "levy", {"the"}),
        ("near", "Levy up", "and more levy", "levy", {"up", "and", "more", "levy"}),
        ("near", "", "A levying port.", "levy", set()),
        ("near", "", "A levy.", None, set()),
        ("target", "Grain falls", "wheat fell", "the levy", {"the", "levy"}),
    ],
)
def test_a_part_is_counted_once_more_by_itself(
    part: str, title: str, body: str, target: str | None, counted: set[str]
) -> None:
    words = {*LONG.split(), "grain", "falls", "wheat", "fell", "rye", "too", "up", "and", "more"}
    words |= {"the", "levy", "a", "port"}
    everything = " ".join(sorted(words))
    features = Features.fit(
        replace(WORDS, bits=20, fields={part: 1.0}),
        # Every word is known to the text and to each part.
        [example(f"{word} levy", word, word) for word in sorted(words)] + [example(everything)],
    )
    text, own = features.blocks
    row = features([example(body, title, target)]).toarray()[0]
    found = set(np.flatnonzero(row[len(text.buckets) :]).tolist())
    lookup = {bucket: column for column, bucket in enumerate(own.buckets.tolist())}
    hasher = features.spec.kinds[1].hasher
    expected = {lookup[hasher.positions(word).buckets.item()] for word in counted}
    if part == "near" and "word39" in body:  # eight words of the long text on either side, too
        near = [*(f"word{n}" for n in range(33, 40)), *(f"word{n}" for n in range(8))]
        expected |= {lookup[hasher.positions(word).buckets.item()] for word in near}
    assert found == expected
    plain = Features.fit(WORDS, [example(everything)])
    assert np.count_nonzero(row[: len(text.buckets)]) == plain([example(body, title)]).nnz


def test_places_of_parts_are_those_of_the_text() -> None:
    fields = {"title": 1.0, "lead": 1.0, "near": 1.0, "target": 1.0}
    item = example(f"Grain at the levy fell {LONG}", "Rain on grain", "the levy")
    features = Features.fit(replace(WORDS, bits=20, fields=fields), [item])
    ends = np.cumsum([len(block.buckets) for block in features.blocks])
    words: dict[int, list[str]] = {number: [] for number in range(5)}
    for columns, starts, stops in features.positions(item):
        for column, start, stop in zip(columns, starts, stops, strict=True):
            words[int(np.searchsorted(ends, column, "right"))].append(item.text[start:stop])
    assert words == {
        0: item.text.split(),
        1: ["Rain", "on", "grain"],
        2: item.text.split()[3:33],
        3: [*item.text.split()[:5], *item.text.split()[7:15]],
        4: [],  # the target stands nowhere by itself
    }


def test_words_inside_hashtags_are_words_of_the_text() -> None:
    known = [example(f"{word} {word}") for word in ("save", "the", "nhs", "2", "now")]
    features = Features.fit(replace(WORDS, hashtags=True), known)
    plain = Features.fit(WORDS, known)
    item = example("#SaveTheNHS2 now, a#save", "Now")
    assert plain([item]).nnz == 2  # now, and save in no hashtag
    assert features([item]).nnz == 5
    places = [
        item.text[start:end]
        for _, starts, ends in features.positions(item)
        for start, end in zip(starts, ends, strict=True)
    ]
    assert sorted(places) == ["2", "NHS", "Now", "Save", "The", "now", "save"]
    assert (features([example("save the")]) != plain([example("save the")])).nnz == 0


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
    assert len(used[0]) == len(used[1]) == 3 + 3  # and once more with its own target
    assert used[3] == used[0] & used[1]


def test_places_add_up_to_the_features(small: Bundle, small_stance: Bundle) -> None:
    for bundle, target in ((small, None), (small_stance, "the levy")):
        features = bundle.model.features
        item = example("It is cheap, and the champion is dear.", "The match", target)
        seen: set[int] = set()
        for columns, starts, ends in features.positions(item):
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
        settings | {"fields": {"lead": 1.0}},  # a field that the file lacks
        settings | {"fields": {"tail": 1.0}},
        settings | {"fields": 1.0},
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
