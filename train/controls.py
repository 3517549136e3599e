"""The controls of a stance run: whether a model's predictions depend on both text and target."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from newsstand.data.checks.probe import MAX_CHARACTERS, features, probe_scores
from newsstand.io.bundle import Bundle
from newsstand.labels import opposites
from newsstand.models.base import Model
from newsstand.models.controls import Controls
from newsstand.text.example import Example
from newsstand.text.targets import mentions_target
from newsstand.train.dataset import LabelledRows
from newsstand.train.evaluation.metrics import macro_f1
from newsstand.train.flips import flip_metrics
from newsstand.types import Floats, Ints

_MAX_TRAIN_ROWS = 40_000  # of the text-only and target-only models
_MAX_SWAPPED_ROWS = 300  # test rows that are scored with another target
_MAX_SIMILARITY_ROWS = 600  # validation rows from which the similarity threshold is chosen
_MAX_DRAWS = 20  # of a target of another text
_MAX_NOT_FOUND = 0.05  # share of rows on a side whose target may not be found in the text
_BOUND = 1e6  # of a similarity threshold in a bundle


def evaluate(
    bundle: Bundle,
    train_rows: LabelledRows,
    validation_rows: LabelledRows,
    test_rows: LabelledRows,
    probabilities: Floats,
    *,
    seed: int = 0,
) -> Controls:
    """Computes the controls of a stance model.

    `text_only_macro_f1` and `target_only_macro_f1`: of a linear model that reads only the text, or
    only the target, on the test rows. `target_changes_answer`: the share of up to 300 sampled test
    rows whose predicted label changes with another text's target, or with the opposite target that
    the test rows have of the same text. `flip_accuracy`, `side_change` and `flip_pairs`: as in
    `flip_metrics`, if there are flip pairs.

    Args:
        bundle: The model as it will score.
        train_rows: The rows that the model was fitted on.
        validation_rows: The rows from which the similarity threshold of targets is chosen.
        test_rows: The test rows.
        probabilities: Of the test rows, float64, shape (rows, labels).
        seed: Of the samples and the drawn targets.
    """
    metrics = {
        "text_only_macro_f1": _single_input_f1("text_key", train_rows, test_rows, seed),
        "target_only_macro_f1": _single_input_f1("target", train_rows, test_rows, seed),
        **flip_metrics(
            test_rows.codes("text_key"), test_rows.labels, probabilities, test_rows.names
        ),
    }
    changed = _changed(bundle, test_rows, bundle.decision.predict(probabilities), seed)
    if len(changed):
        metrics["target_changes_answer"] = float(changed.mean())
    controls = Controls.evaluate(metrics, macro_f1(probabilities, test_rows.labels))
    threshold = _similarity_threshold(bundle, validation_rows, seed)
    return replace(controls, least_similarity=threshold)


def summary(controls: Controls) -> str:
    """The metrics and the warning of the controls in one line."""
    metrics = controls.metrics
    parts = [
        f"macro-F1 {metrics['text_only_macro_f1']:.3f} by the text alone, "
        f"{metrics['target_only_macro_f1']:.3f} by the target alone"
    ]
    if "target_changes_answer" in metrics:
        share = metrics["target_changes_answer"]
        parts.append(f"another target changes {share:.1%} of the predictions")
    if "flip_accuracy" in metrics:
        pairs, correct = metrics["flip_pairs"], metrics["flip_accuracy"]
        parts.append(f"accuracy {correct:.1%} on {pairs:,.0f} flip pairs")
    return "; ".join([", ".join(parts), *filter(None, [controls.warning])])


def _single_input_f1(
    column: str, train_rows: LabelledRows, test_rows: LabelledRows, seed: int
) -> float:
    """Macro-F1 on the test rows of a linear model that reads only the text or only the target.

    Training rows with equal input and label are one row, weighted by their number.
    """
    sample = train_rows.drawn(_MAX_TRAIN_ROWS, seed)
    rows = sample + test_rows
    codes = rows.codes(column)
    values = [""] * (int(codes.max()) + 1)
    for code, example in zip(codes.tolist(), rows.examples, strict=True):
        values[code] = values[code] or _read(column, example)
    if column == "text_key":
        matrix = features(values)[codes]
    else:  # each row counts: a word of one target alone is informative if many rows share it
        matrix = features([values[code] for code in codes.tolist()])
    groups = codes[: len(sample)] * len(test_rows.names) + sample.labels
    _, places, counts = np.unique(groups, return_index=True, return_counts=True)
    first: Ints = places.astype(np.int64)
    scores = probe_scores(
        matrix[first],
        sample.labels[first],
        matrix[len(sample) :],
        len(test_rows.names),
        weights=counts.astype(np.float64),
    )
    return macro_f1(scores, test_rows.labels)


def _read(column: str, example: Example) -> str:
    return (example.target or "") if column == "target" else example.text[:MAX_CHARACTERS]


def _changed(
    bundle: Bundle, test_rows: LabelledRows, predicted: Ints, seed: int
) -> NDArray[np.bool_]:
    """Whether another or the opposite target changes the predictions of a sample of test rows."""
    sample = np.random.default_rng(seed).permutation(len(test_rows))[:_MAX_SWAPPED_ROWS].tolist()
    swapped = _with_other_targets(test_rows, sample, seed)
    predicted_swapped = dict.fromkeys(sample, -1)
    if swapped:
        labels = bundle.decision.predict(bundle.unchecked(list(swapped.values())))
        predicted_swapped |= dict(zip(swapped, labels.tolist(), strict=True))
    texts, sides = test_rows.codes("text_key"), opposites(test_rows.names)
    changed = []
    for row in sample:
        others = [predicted_swapped[row]] if row in swapped else []
        if sides and test_rows.labels[row] in sides:
            opposite = sum(sides) - test_rows.labels[row]
            same = (texts == texts[row]) & (test_rows.labels == opposite)
            others += predicted[same].tolist()
        if others:
            changed.append(any(x != predicted[row] for x in others))
    return np.array(changed, dtype=np.bool_)


def _with_other_targets(rows: LabelledRows, sample: Sequence[int], seed: int) -> dict[int, Example]:
    """Sampled rows with a target drawn from another text's rows.

    A row is absent if 20 draws give only targets of its own text.
    """
    texts, targets = rows.codes("text_key"), rows.column("target").to_pylist()
    random = np.random.default_rng([seed, 1])
    swapped = {}
    for row in sample:
        own = {targets[other] for other in np.flatnonzero(texts == texts[row]).tolist()}
        draws = random.integers(len(targets), size=_MAX_DRAWS).tolist()
        target = next((targets[other] for other in draws if targets[other] not in own), None)
        if target is not None:
            swapped[row] = replace(rows.examples[row], target=target, mentions=())
    return swapped


def _similarity_threshold(bundle: Bundle, rows: LabelledRows, seed: int) -> float | None:
    """The least similarity to the target of a text that does not name it; None if not available.

    The highest value at which at most 5% of the validation rows on a side are not found, by words
    or by similarity; but not above the value at which 95% of them are not found with another text's
    target.
    """
    model, sides = bundle.model, opposites(rows.names)
    if model.similarity([]) is None:
        return None
    sample = np.arange(len(rows))
    sample = sample[np.isin(rows.labels, sides)] if sides else sample
    sample = np.random.default_rng(seed).permutation(sample)[:_MAX_SIMILARITY_ROWS]
    own = [rows.examples[row] for row in sample.tolist()]
    others = _with_other_targets(rows, sample.tolist(), seed).values()
    unnamed = [example for example in own if not mentions_target(example)]
    similar = np.sort(_similarity(model, unnamed))
    not_found = int(_MAX_NOT_FOUND * len(own))
    threshold = float(similar[not_found]) if not_found < len(similar) else np.inf
    swapped = _similarity(model, [example for example in others if not mentions_target(example)])
    if len(swapped):
        threshold = min(threshold, float(np.quantile(swapped, 1 - _MAX_NOT_FOUND)))
    return float(np.clip(threshold, -_BOUND, _BOUND)) if threshold < np.inf else None


def _similarity(model: Model, examples: Sequence[Example]) -> Floats:
    similarity = model.similarity(examples)
    assert similarity is not None  # noqa: S101 - the caller has checked
    return similarity
