"""The controls of a stance run: whether a model's answers need text and target both."""

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
from newsstand.train.dataset import Rows
from newsstand.train.evaluate import quality
from newsstand.train.flips import flip_figures
from newsstand.types import Floats, Ints

_MOST_LEARNED = 40_000  # rows of the models that read one half
_MOST_ASKED = 300  # rows that are asked about another target
_MOST_LIKENED = 600  # rows that likeness is measured on
_TRIES = 20  # to draw a target of another text
_MOST_DOUBTED = 0.05  # share of rows on a side whose target may go unfound
_BOUND = 1e6  # of a likeness, in a bundle


def judge(
    bundle: Bundle,
    fitted: Rows,
    held_out: Rows,
    test: Rows,
    probabilities: Floats,
    *,
    seed: int = 0,
) -> Controls:
    """Puts a stance model to its controls.

    `text_only_macro_f1` and `target_only_macro_f1`: of a linear model of the text alone, or of the
    target alone, on the test rows. `target_changes_answer`: the share of test rows whose predicted
    label is another one toward another text's target, or toward the opposite target that the test
    has of the same text (a sample of 300 rows). `flip_accuracy`, `side_change` and `flip_pairs` as
    in `flip_figures`, where there are flip pairs.

    Args:
        bundle: The model, as it scores.
        fitted: The rows that it has learned from.
        held_out: Validation rows: how like a target a text must be is chosen on them.
        test: The test rows.
        probabilities: Of the test rows, float64, shape (rows, labels).
        seed: Of the samples, and of the targets that are drawn.
    """
    figures = {
        "text_only_macro_f1": _half("text_key", fitted, test, seed),
        "target_only_macro_f1": _half("target", fitted, test, seed),
        **flip_figures(test.codes("text_key"), test.labels, probabilities, test.names),
    }
    changed = _changed(bundle, test, bundle.decision.predict(probabilities), seed)
    if len(changed):
        figures["target_changes_answer"] = float(changed.mean())
    found = Controls.evaluate(figures, quality(probabilities, test.labels)[1])
    return replace(found, least_similarity=_least_likeness(bundle, held_out, seed))


def told(controls: Controls) -> str:
    """What came of the controls, in a line."""
    figures = controls.metrics
    said = [
        f"macro-F1 {figures['text_only_macro_f1']:.3f} by the text alone, "
        f"{figures['target_only_macro_f1']:.3f} by the target alone"
    ]
    if "target_changes_answer" in figures:
        said.append(f"another target changes {figures['target_changes_answer']:.1%} of the answers")
    if "flip_accuracy" in figures:
        said.append(
            f"of {figures['flip_pairs']:,.0f} flip pairs {figures['flip_accuracy']:.1%} right"
        )
    return "; ".join([", ".join(said), *filter(None, [controls.warning])])


def _half(column: str, fitted: Rows, test: Rows, seed: int) -> float:
    """Macro-F1 on test rows of a linear model that reads the text alone, or the target alone.

    Of the same half with the same label there is one row, which weighs as much as all of them.
    """
    drawn = fitted.drawn(_MOST_LEARNED, seed)
    every = drawn + test
    codes = every.codes(column)
    values = [""] * (int(codes.max()) + 1)
    for code, example in zip(codes.tolist(), every.examples, strict=True):
        values[code] = values[code] or _read(column, example)
    if column == "text_key":
        matrix = features(values)[codes]
    else:  # a word of one target alone tells much where many rows share the target
        matrix = features([values[code] for code in codes.tolist()])
    kinds = codes[: len(drawn)] * len(test.names) + drawn.labels
    _, places, counts = np.unique(kinds, return_index=True, return_counts=True)
    first: Ints = places.astype(np.int64)
    scores = probe_scores(
        matrix[first],
        drawn.labels[first],
        matrix[len(drawn) :],
        len(test.names),
        weights=counts.astype(np.float64),
    )
    return quality(scores, test.labels)[1]


def _read(column: str, example: Example) -> str:
    return (example.target or "") if column == "target" else example.text[:MAX_CHARACTERS]


def _changed(bundle: Bundle, test: Rows, predicted: Ints, seed: int) -> NDArray[np.bool_]:
    """Of a sample of test rows, whether another target or the opposite one changes the answer."""
    asked = np.random.default_rng(seed).permutation(len(test))[:_MOST_ASKED].tolist()
    swapped = _swapped(test, asked, seed)
    answers = dict.fromkeys(asked, -1)
    if swapped:
        found = bundle.decision.predict(bundle.unchecked(list(swapped.values())))
        answers |= dict(zip(swapped, found.tolist(), strict=True))
    texts, sides = test.codes("text_key"), opposites(test.names)
    changed = []
    for row in asked:
        others = [answers[row]] if row in swapped else []
        if sides and test.labels[row] in sides:
            opposite = sum(sides) - test.labels[row]
            same = (texts == texts[row]) & (test.labels == opposite)
            others += predicted[same].tolist()
        if others:
            changed.append(any(x != predicted[row] for x in others))
    return np.array(changed, dtype=np.bool_)


def _swapped(rows: Rows, asked: Sequence[int], seed: int) -> dict[int, Example]:
    """Rows with the target of another text's row in place of their own, where one is drawn."""
    texts, targets = rows.codes("text_key"), rows.column("target").to_pylist()
    random = np.random.default_rng([seed, 1])
    found = {}
    for row in asked:
        own = {targets[other] for other in np.flatnonzero(texts == texts[row]).tolist()}
        drawn = (targets[other] for other in random.integers(len(targets), size=_TRIES).tolist())
        target = next((x for x in drawn if x not in own), None)
        if target is not None:
            found[row] = replace(rows.examples[row], target=target, mentions=())
    return found


def _least_likeness(bundle: Bundle, held_out: Rows, seed: int) -> float | None:
    """How like its target a text must be that does not name it, or None.

    As high as leaves at most 5 % of the validation rows on a side unfound, by words or by likeness;
    but no higher than leaves 95 % of them unfound with another text's target.
    """
    model, sides = bundle.model, opposites(held_out.names)
    if model.similarity([]) is None:
        return None
    rows = np.arange(len(held_out))
    rows = rows[np.isin(held_out.labels, sides)] if sides else rows
    rows = np.random.default_rng(seed).permutation(rows)[:_MOST_LIKENED]
    own = [held_out.examples[row] for row in rows.tolist()]
    others = _swapped(held_out, rows.tolist(), seed).values()
    unnamed = [example for example in own if not mentions_target(example)]
    similar = np.sort(_similarity(model, unnamed))
    spare = int(_MOST_DOUBTED * len(own))
    least = float(similar[spare]) if spare < len(similar) else np.inf
    strange = _similarity(model, [example for example in others if not mentions_target(example)])
    if len(strange):
        least = min(least, float(np.quantile(strange, 1 - _MOST_DOUBTED)))
    return float(np.clip(least, -_BOUND, _BOUND)) if least < np.inf else None


def _similarity(model: Model, examples: Sequence[Example]) -> Floats:
    found = model.similarity(examples)
    assert found is not None  # noqa: S101 - asked before
    return found
