"""An evaluation in words: what a report and a model card say of it first."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from newsstand.models.controls import FAILURES, Controls
from newsstand.train.evaluation.result import Estimate, Evaluation, SliceMetrics
from newsstand.train.evaluation.rows import EvaluatedRows
from newsstand.train.report.description import RunDescription

_FEW = 3  # labels, or pairs of labels, that are named
_NAMED_SLICES = 6
_CALIBRATED = 0.02  # difference of mean probability and accuracy that is not worth a word
_FEW_ROWS = 100  # fewer test rows say little
# How a slice is called in a sentence, by what its rows share.
_SLICE_WORDS = {
    "outlet": "outlet {}",
    "target": "target {}",
    "genre": "genre {}",
    "month": "published in {}",
    "length": "{}",
    "language": "language {}",
    "quote share": "{}",
    "source": "source {}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Sentences on an evaluation, by the question that they answer.

    Args:
        headline: The two main metrics, in one line.
        tested_on: What the model was tested on.
        how_good: How often it is right.
        how_sure: Whether its probabilities can be relied on.
        fails: Where it does worse.
        controls: What controls found; empty without any.
    """

    headline: str
    tested_on: list[str]
    how_good: list[str]
    how_sure: list[str]
    fails: list[str]
    controls: list[str]


def summarize(rows: EvaluatedRows, evaluation: Evaluation, about: RunDescription) -> Summary:
    """The summary of an evaluation in plain words."""
    metrics = evaluation.metrics
    return Summary(
        headline=(
            f"Macro-F1 {with_interval(metrics['macro_f1'])}, "
            f"accuracy {with_interval(metrics['accuracy'])}"
        ),
        tested_on=_tested_on(rows, evaluation, about),
        how_good=_how_good(evaluation),
        how_sure=_how_sure(rows, evaluation),
        fails=_fails(evaluation),
        controls=_controls(evaluation),
    )


def with_interval(estimate: Estimate, digits: int = 3) -> str:
    """`0.702 (0.671 to 0.731)`, or the value alone without an interval."""
    value = f"{estimate.value:.{digits}f}"
    if estimate.low is None or estimate.high is None:
        return value
    return f"{value} ({estimate.low:.{digits}f} to {estimate.high:.{digits}f})"


def percent(share: float) -> str:
    """A share as a percentage: `70.3%`."""
    return f"{share:.1%}"


def _percent_interval(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return percent(estimate.value)
    return f"{percent(estimate.value)} ({percent(estimate.low)} to {percent(estimate.high)})"


def count(number: int, noun: str) -> str:
    """A number with its noun: `1 row`, `1,200 rows`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def column_word(column: str) -> str:
    """What rows share that have the same value of a column, in a word."""
    return "story" if column == "group" else column


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def quoted(name: str) -> str:
    """A name in quotation marks."""
    return f"“{name}”{_mark(name)}"


def _isolated(name: str) -> str:
    return f"{name}{_mark(name)}"


def _mark(name: str) -> str:
    """A left-to-right mark after a name that is read from right to left, for what follows it."""
    return "\u200e" * any(unicodedata.bidirectional(sign) in ("R", "AL") for sign in name)


def _tested_on(rows: EvaluatedRows, evaluation: Evaluation, about: RunDescription) -> list[str]:
    kind = "all" if about.split == "all" else f"the {about.split}"
    used = sum(label.support > 0 for label in evaluation.labels)
    among = f"{used} of {len(evaluation.labels)} labels occur"
    if used == len(evaluation.labels):
        among = f"{count(used, 'label')}"
    found = [f"{count(evaluation.rows, 'row')}, {kind} rows of {about.tested_on}; {among}."]
    facts = [
        f"{_distinct(rows, 'outlet'):,} outlets{_seen(rows, 'outlet')}",
        f"{_distinct(rows, 'target'):,} targets{_seen(rows, 'target')}",
        f"{_distinct(rows, 'language'):,} languages",
    ]
    known = [fact for fact in facts if not fact.startswith(("0 ", "1 "))]
    days = [day[:10] for day in rows.columns["published"].to_pylist() if day]
    if days:
        known.append(f"dates from {min(days)} to {max(days)}")
    if known:
        found.append(f"Among them: {'; '.join(known)}.")
    if evaluation.grouped_by is not None and evaluation.groups < evaluation.rows:
        found.append(
            f"Rows with the same {column_word(evaluation.grouped_by)} depend on each other, so "
            f"that the intervals count {count(evaluation.groups, 'group')}."
        )
    if evaluation.rows < _FEW_ROWS:
        found.append("So few rows say little: look at the intervals, not at the values.")
    return [*found, *about.notes]


def _distinct(rows: EvaluatedRows, column: str) -> int:
    return len({x for x in rows.columns[column].to_pylist() if x})


def _seen(rows: EvaluatedRows, column: str) -> str:
    flags = [flag for flag in rows.columns[f"{column}_seen"].to_pylist() if flag is not None]
    if not flags:
        return ""
    share = sum(not flag for flag in flags) / len(flags)
    if share == 0:
        return ", all of them also in the training rows"
    if share == 1:
        return ", none of them in the training rows"
    return f" ({percent(share)} of the rows have one that no training row has)"


def _how_good(evaluation: Evaluation) -> list[str]:
    metrics = evaluation.metrics
    supports = [label.support for label in evaluation.labels]
    most = evaluation.labels[int(np.argmax(supports))]
    found = [
        f"The predicted label is right for {_percent_interval(metrics['accuracy'])} of the rows; "
        f"{quoted(most.name)} for every row would be right for "
        f"{percent(most.support / max(evaluation.rows, 1))}.",
        f"Macro-F1, which counts each label equally, is {with_interval(metrics['macro_f1'])}.",
    ]
    people = evaluation.agreement
    if people is not None:
        found.append(
            f"On {count(people.rows, 'row')} with several annotators, one annotator agrees with "
            f"the majority of the others in {_percent_interval(people.annotators)}, the model in "
            f"{_percent_interval(people.model)} (Krippendorff's alpha {people.alpha:.2f})."
        )
    return found


def _how_sure(rows: EvaluatedRows, evaluation: Evaluation) -> list[str]:
    metrics = evaluation.metrics
    mean = float(rows.probabilities.max(axis=1).mean())
    ahead = mean - metrics["accuracy"].value
    verdict = "neither too high nor too low on average"
    if abs(ahead) >= _CALIBRATED:
        verdict = "too high on average" if ahead > 0 else "too low on average"
    found = [
        f"Its probabilities are {verdict}: the mean is {percent(mean)}, the accuracy "
        f"{percent(metrics['accuracy'].value)}. They are off by an "
        f"average of {100 * metrics['ece'].value:.1f} percentage points (expected calibration error"
        f"{_before(evaluation)})."
    ]
    if "accuracy_at_90" in metrics:
        found.append(
            f"On the 90% of the rows of which it is most sure, "
            f"{_percent_interval(metrics['accuracy_at_90'])} are right"
            + _at(evaluation, 0.9)
            + (
                f"; on the surest 80%, {_percent_interval(metrics['accuracy_at_80'])}."
                if "accuracy_at_80" in metrics
                else "."
            )
        )
    return found


def _before(evaluation: Evaluation) -> str:
    before = evaluation.uncalibrated.get("ece")
    return "" if before is None else f"; {100 * before.value:.1f} before calibration"


def _at(evaluation: Evaluation, share: float) -> str:
    curve = evaluation.risk_coverage
    place = int(np.searchsorted(np.array(curve.coverage), share - 1e-9))
    if place >= len(curve.threshold):
        return ""
    return f" (probability {curve.threshold[place]:.2f} and above)"


def _fails(evaluation: Evaluation) -> list[str]:
    below = [x for x in evaluation.slices if x.below]
    found = []
    if below:
        worst = sorted(below, key=lambda x: x.accuracy.value - x.others)[:_NAMED_SLICES]
        named = [
            f"{slice_name(x)} ({percent(x.accuracy.value)}, other rows {percent(x.others)})"
            for x in worst
        ]
        more = f"; and {len(below) - len(worst)} more" if len(below) > len(worst) else ""
        found.append(f"Significantly less accurate than on the other rows: {listed(named)}{more}.")
    elif evaluation.slices:
        found.append(
            f"On none of {count(len(evaluation.slices), 'part')} of the rows (by outlet, length "
            "and the like) is it significantly less accurate than on the others."
        )
    pairs = confused_pairs(evaluation, _FEW)
    if pairs:
        named = [f"{quoted(a)} taken for {quoted(b)} ({count(n, 'row')})" for a, b, n, _ in pairs]
        found.append(f"Most frequent confusions: {listed(named)}.")
    tested = [label for label in evaluation.labels if label.support]
    if len(tested) > 2:
        tested.sort(key=lambda label: label.f1.value)
        named = [f"{quoted(label.name)} {with_interval(label.f1, 2)}" for label in tested[:_FEW]]
        found.append(f"Lowest F1: {listed(named)}.")
    return found


def slice_name(found: SliceMetrics) -> str:
    """A slice in words: `outlet The Courier`, `unseen outlets`, `under 100 words`."""
    if found.by.endswith(" seen"):
        return f"{found.value} {found.by.removesuffix(' seen')}s"
    return _SLICE_WORDS.get(found.by, f"{found.by} {{}}").replace("{}", _isolated(found.value))


def confused_pairs(evaluation: Evaluation, most: int) -> list[tuple[str, str, int, float]]:
    """The most frequent errors: true and predicted label, rows, and share of the true label's."""
    counts = np.array(evaluation.confusion, dtype=np.int64)
    totals = counts.sum(axis=1)
    np.fill_diagonal(counts, 0)
    names = [label.name for label in evaluation.labels]
    places = np.argsort(-counts, axis=None, kind="stable")[:most].tolist()
    pairs = [divmod(place, len(names)) for place in places]
    return [
        (names[a], names[b], int(counts[a, b]), float(counts[a, b] / totals[a]))
        for a, b in pairs
        if counts[a, b]
    ]


def _controls(evaluation: Evaluation) -> list[str]:
    """The controls that a stance model failed, or that it passed them."""
    if evaluation.task != "stance" or not evaluation.controls:
        return []
    own = evaluation.metrics["macro_f1"].value
    failed = Controls.evaluate(evaluation.controls, own).failed
    if not failed:
        return ["It passes the controls: its answers depend on the text and on the target."]
    sentences = {name: sentence for name, _, sentence in control_rows(evaluation)}
    return [f"Warning: {FAILURES[name]}. {sentences[name]}" for name in failed]


def control_rows(evaluation: Evaluation) -> list[tuple[str, str, str]]:
    """Each control: its key, its value and what it means."""
    own = evaluation.metrics["macro_f1"].value
    return [
        (name, *_control(name, value, own))
        for name, value in evaluation.controls.items()
        if not name.endswith("_rows")
    ]


def _control(name: str, value: float, own: float) -> tuple[str, str]:
    share = percent(value)
    sentences = {
        "text_only_macro_f1": (
            f"A model that reads the text without the target has macro-F1 {value:.3f}, this one "
            f"{own:.3f}."
        ),
        "target_only_macro_f1": (
            f"A model that reads the target without the text has macro-F1 {value:.3f}, this one "
            f"{own:.3f}."
        ),
        "target_changes_answer": f"With another target, {share} of the predictions change.",
        "flip_accuracy": (
            f"Of the pairs of rows of one text with opposite labels, {share} have both rows right."
        ),
        "side_change": (
            f"In {share} of the pairs of rows of one text with opposite labels, the predictions "
            "are opposite."
        ),
        "outlet_swap_changes_answer": (
            f"With another outlet's name in the text, {share} of the predictions change."
        ),
        "boilerplate_changes_answer": (
            f"With the boilerplate that preparation removes, {share} of the predictions change."
        ),
        "negation_changes_answer": f"With negated verbs, {share} of the predictions change.",
        "name_swap_changes_answer": (
            f"With other names of persons, bodies and places, {share} of the predictions change."
        ),
        "flip_pairs": f"There are {value:,.0f} pairs of rows of one text with opposite labels.",
    }
    words = name.replace("_", " ").replace("/", ": ")
    shown = f"{value:,.0f}" if name.endswith(("pairs", "rows")) else f"{value:.3f}"
    return shown, sentences.get(name, f"{words[:1].upper()}{words[1:]}: {shown}.")
