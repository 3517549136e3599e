"""Fitting the linear family: it learns, is repeatable, and its settings have the right effect."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from newsstand.errors import DataError
from newsstand.features.weighting import FeatureSpec, count
from newsstand.models.linear import LinearModel
from newsstand.text.article import Article
from newsstand.text.example import Example, encode
from newsstand.text.normalize import TextSpec
from newsstand.train.families.linear_solver import fit_linear, outlet_weights

CLASSIFIERS = ("svc", "logistic")
WORDS = {
    0: ["striker", "goal", "match", "referee", "penalty", "coach"],
    1: ["shares", "bank", "bonds", "dividend", "profit", "market"],
    2: ["rain", "snow", "storm", "wind", "cloud", "forecast"],
}


def example(body: str, title: str = "", target: str | None = None) -> Example:
    return encode(Article(title=title, body=body), target, TextSpec())


def rows(labels: int, each: int = 8) -> tuple[list[Example], NDArray[np.int64]]:
    random = np.random.default_rng(0)
    truth = np.repeat(np.arange(labels), each)
    common = ["the", "a", "of", "on", "said", "will", "after", "new"]
    examples = [
        example(" ".join([*random.choice(WORDS[label], 3), *random.choice(common, 5)]))
        for label in truth.tolist()
    ]
    return examples, truth


def fit(examples: list[Example], truth: NDArray[np.int64], **settings: Any) -> LinearModel:
    usual: dict[str, Any] = {
        "spec": FeatureSpec(bits=16),
        "classifier": "svc",
        "C": 10.0,
        "class_weight": None,
        "seed": 3,
    }
    chosen = {**usual, **settings}
    return fit_linear(count(chosen["spec"], examples), truth, **chosen)


@pytest.mark.parametrize("classifier", CLASSIFIERS)
@pytest.mark.parametrize("labels", [2, 3])
def test_every_classifier_overfits_a_small_set(classifier: str, labels: int) -> None:
    examples, truth = rows(labels)
    model = fit(examples, truth, classifier=classifier)
    scores = model.forward(examples)
    assert scores.shape == (len(examples), labels)
    assert (scores.argmax(axis=1) == truth).all()
    # Unseen texts of the same words are classified correctly.
    unseen = model.forward([example(" ".join(WORDS[label])) for label in range(labels)])
    assert unseen.argmax(axis=1).tolist() == list(range(labels))


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_two_labels_have_opposite_scores(classifier: str) -> None:
    examples, truth = rows(2)
    model = fit(examples, truth, classifier=classifier)
    assert model.coefficients.shape[1] == 2
    scores = model.forward(examples)
    np.testing.assert_allclose(scores.sum(axis=1), 0, atol=1e-6)
    turned = fit(examples, 1 - truth, classifier=classifier).forward(examples)
    np.testing.assert_allclose(turned[:, ::-1], scores, atol=0.1 * np.abs(scores).max())


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_the_same_seed_gives_the_same_weights(classifier: str) -> None:
    examples, truth = rows(3)
    models = [fit(examples, truth, classifier=classifier) for _ in range(2)]
    for name in ("coefficients", "intercepts"):
        first, second = (getattr(model, name) for model in models)
        assert first.dtype == np.float32
        assert (first == second).all()


def test_more_features_than_rows_and_a_row_without_features() -> None:
    examples, truth = rows(3)
    model = fit([*examples, example("…")], np.append(truth, 0), spec=FeatureSpec(chars=(2, 5)))
    assert np.isfinite(model.coefficients).all()
    assert np.isfinite(model.forward([example("…")])).all()


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_balanced_weights_lift_the_rare_label(classifier: str) -> None:
    # The same words for both labels: only how often each occurs can decide.
    common = [example("rain on the coast")] * 20
    truth = np.array([0] * 17 + [1] * 3)
    plain, balanced = (
        fit(common, truth, classifier=classifier, C=1.0, class_weight=weight).forward(common[:1])[0]
        for weight in (None, "balanced")
    )
    assert plain[0] > plain[1]
    assert balanced[1] - balanced[0] > plain[1] - plain[0]


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_outlet_balance_lifts_the_small_outlets(classifier: str) -> None:
    # The same words everywhere: one big outlet says 0, five small ones say 1.
    common = [example("rain on the coast")] * 25
    truth = np.array([0] * 20 + [1] * 5)
    outlets = np.array([0] * 20 + [1, 2, 3, 4, 5])
    gaps = []
    for balance in (0.0, 0.5, 1.0):
        weights = outlet_weights(outlets, balance)
        model = fit(common, truth, classifier=classifier, C=1.0, weights=weights)
        scores = model.forward(common[:1])[0]
        gaps.append(scores[1] - scores[0])
    assert gaps[0] < 0 < gaps[2]
    assert gaps[0] < gaps[1] < gaps[2]
    plain = fit(common, truth, classifier=classifier, C=1.0).forward(common[:1])[0]
    assert plain[1] - plain[0] == gaps[0]


def test_a_smaller_c_means_smaller_weights() -> None:
    examples, truth = rows(3)
    for classifier in CLASSIFIERS:
        sizes = [
            float(np.abs(fit(examples, truth, classifier=classifier, C=c).coefficients).sum())
            for c in (0.01, 1.0)
        ]
        assert sizes[0] < sizes[1], classifier


def test_min_df_leaves_rare_words_without_weight() -> None:
    examples, truth = rows(2)
    examples[0] = example("zeugma zeugma zeugma")
    scored = [
        fit(examples, truth, spec=FeatureSpec(words=(1, 1), min_df=least)) for least in (1, 2)
    ]
    known, unknown = (model.forward([example("zeugma"), example("ØØ")]) for model in scored)
    assert known[0, 0] > known[1, 0]
    assert (unknown[0] == unknown[1]).all()  # the intercept alone


def test_rows_without_a_single_feature_are_refused() -> None:
    examples, truth = rows(2)
    for wrong, spec in (
        (examples, FeatureSpec(min_df=1000)),
        ([example("…")] * len(truth), FeatureSpec()),
    ):
        with pytest.raises(DataError, match=r"^no n-gram occurs in at least 1(,000)? of"):
            fit(wrong, truth, spec=spec)


def test_field_features_distinguish_title_from_body() -> None:
    titled = [example("said the", title="grain") for _ in range(6)]
    other = [example("grain said the") for _ in range(6)]
    truth = np.repeat([0, 1], 6)
    spec = FeatureSpec(words=(1, 1), fields={"title": 1.0}, idf=False)
    apart = fit([*titled, *other], truth, spec=spec).forward([titled[0], other[0]])
    assert apart.argmax(axis=1).tolist() == [0, 1]
    joined = fit([*titled, *other], truth, spec=FeatureSpec(words=(1, 1), idf=False))
    scores = joined.forward([titled[0], other[0]])
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-6)


def test_cross_target_gives_a_word_a_weight_per_target() -> None:
    pairs = [("the levy", "cheap", 0), ("the levy", "dear", 1)]
    pairs += [("a port", "cheap", 1), ("a port", "dear", 0)]
    examples = [example(f"it is {word}", target=target) for target, word, _ in pairs] * 5
    truth = np.array([label for _, _, label in pairs] * 5)
    plain = fit(examples, truth, spec=FeatureSpec(words=(1, 1)))
    crossed = fit(examples, truth, spec=FeatureSpec(words=(1, 1), cross_target=True))
    assert (plain.forward(examples).argmax(axis=1) == truth).mean() <= 0.5
    assert (crossed.forward(examples).argmax(axis=1) == truth).all()
    # A new target shares the plain features only.
    unseen = crossed.forward([example("it is cheap", target="a tax"), example("it is cheap")])
    assert (unseen[0] == unseen[1]).all()
