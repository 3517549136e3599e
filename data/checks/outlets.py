"""Outlet leak: whether a model can predict the label by recognising the outlet.

How well the outlet alone predicts the label, whether outlets cross splits, how well the text
reveals its outlet, and the accuracy of a probe on known and on unknown outlets.
"""

import numpy as np

from newsstand.data.checks.findings import Finding, View, count, numbered, percent
from newsstand.data.checks.probe import (
    FOLDS,
    MAJORITY,
    MIN_ROWS,
    MIN_SCORED_ROWS,
    PREDICTIVE,
    Sample,
    accuracy_lead,
    errors_avoided,
    majority_label,
    probe_scores,
)
from newsstand.types import Bools, Ints

_MOST_OUTLETS, _MIN_OUTLET_ROWS = 20, 20  # the most frequent; a rarer one cannot be learned


def outlet_leak(view: View, sample: Sample) -> list[Finding]:
    """Whether the outlet predicts the label, crosses splits, and shows in the text."""
    names = view.column("outlet")
    outlet = numbered(names)
    named = np.array([bool(name) for name in names], dtype=np.bool_)
    if len(np.unique(outlet[named])) < 2:
        return []
    train, test = (rows[named[rows]] for rows in (view.at("train"), view.at("test")))
    label_finding, predictive = _outlet_label(view, outlet, np.flatnonzero(named), train, test)
    sample = sample.only(named[sample.rows])
    sampled = outlet[sample.rows]
    findings = [label_finding, _outlet_split(view, outlet, train, test, predictive=predictive)]
    findings += _outlet_in_text(view, sample, sampled)
    if predictive:
        findings += _outlet_score(view, sample, sampled, np.isin(sampled, outlet[train]))
    return findings


def _outlet_split(
    view: View, outlet: Ints, train: Ints, test: Ints, *, predictive: bool
) -> Finding:
    known = np.isin(outlet[test], outlet[train])
    shared, rows = len(np.unique(outlet[test][known])), int(known.sum())
    share = rows / max(len(test), 1)
    return view.finding(
        "outlet-split",
        share if predictive else 0.0,
        f"{shared:,} of {count(len(np.unique(outlet[test])), 'test outlet')} are also in train: "
        f"{rows:,} of {count(len(test), 'test row')}",
        statistics={"outlets": shared, "rows": rows, "share": share},
        advice="data.split: {strategy: unseen, by: [outlet]} keeps each outlet in one split.",
    )


def _outlet_label(
    view: View, outlet: Ints, every: Ints, train: Ints, test: Ints
) -> tuple[Finding, bool]:
    """Accuracy of each outlet's most frequent label, and whether outlets predict labels."""
    size = (int(outlet.max()) + 1, len(view.label_names))
    table = _table(outlet[every], view.label[every], size)
    in_sample = float(table.max(axis=1).sum() / len(every))
    # Leave one out: each row is predicted by its outlet's other rows.
    others = table[outlet[every]]
    others[np.arange(len(every)), view.label[every]] -= 1
    left_out, base = _correct(others, view.label[every], view.label[every])
    predictive = errors_avoided(left_out, base) >= PREDICTIVE
    title = f"The outlet's most frequent label has accuracy {percent(in_sample)} on all "
    title += f"{count(len(every), 'row')} (by the outlet's other rows: "
    title += f"{percent(float(left_out.mean()))})"
    statistics: dict[str, float | int | str] = {"all": in_sample, "others": left_out.mean()}
    chart, avoided = [(f"{MAJORITY}, all rows", base), ("outlet alone, all rows", in_sample)], 0.0
    if len(train) and len(test):
        table = _table(outlet[train], view.label[train], size)
        correct, base = _correct(table[outlet[test]], view.label[test], view.label[train])
        accuracy, avoided = float(correct.mean()), errors_avoided(correct, base)
        title += f"; learned on train, {percent(accuracy)} on {count(len(test), 'test row')}"
        statistics |= {"test": accuracy, "avoided": avoided}
        chart += [(f"{MAJORITY}, test rows", base), ("outlet alone, test rows", accuracy)]
    finding = view.finding(
        "outlet-label",
        avoided,
        f"{title} ({MAJORITY}: {percent(base)})",
        statistics={**statistics, "majority": base, "rows": len(every)},
        advice="A model can predict the label by recognising the outlet. Hold out whole outlets "
        "(data.split: {strategy: unseen, by: [outlet]}), or label articles instead of outlets.",
        chart=chart,
        at_least="note" if predictive else "ok",
    )
    return finding, predictive


def _correct(table: Ints, labels: Ints, train_labels: Ints) -> tuple[Bools, float]:
    """Whether the largest count of each row's line names its label; accuracy of the baseline."""
    usual = majority_label(train_labels)
    predicted = np.where(table.any(axis=1), table.argmax(axis=1), usual)
    return predicted == labels, float((labels == usual).mean())


def _table(rows: Ints, columns: Ints, size: tuple[int, int]) -> Ints:
    """Counts each pair of row and column."""
    height, width = size
    return np.bincount(rows * width + columns, minlength=height * width).reshape(size)


def _outlet_in_text(view: View, sample: Sample, outlet: Ints) -> list[Finding]:
    """How well a probe distinguishes the frequent outlets."""
    times = np.bincount(outlet)
    kept = np.argsort(-times, kind="stable")[:_MOST_OUTLETS]
    rows = np.isin(outlet, kept[times[kept] >= _MIN_OUTLET_ROWS])
    names, number = np.unique(outlet[rows], return_inverse=True)
    if len(number) < MIN_ROWS or len(names) < 2:
        return []
    texts, held = sample.texts[rows], sample.fold[rows] == 0
    scores = probe_scores(texts[~held], number[~held], texts[held], len(names))
    correct = scores.argmax(axis=1) == number[held]
    accuracy = float(correct.mean())
    base = float((number[held] == majority_label(number[~held])).mean())
    return [
        view.finding(
            "outlet-in-text",
            errors_avoided(correct, base),
            f"A probe identifies the outlet, one of {len(names)}, with accuracy "
            f"{percent(accuracy)} on {count(len(correct), 'text')} "
            f"(most frequent outlet: {percent(base)}){sample.drawn}",
            statistics={
                "accuracy": accuracy,
                "majority": base,
                "outlets": len(names),
                "rows": len(correct),
            },
            advice="Texts reveal their outlet by its name or by house phrases. Find them in the "
            "evidence of scores, and remove them (text.strip).",
            chart=[("most frequent outlet", base), ("probe", accuracy)],
        )
    ]


def _outlet_score(view: View, sample: Sample, outlet: Ints, known: Bools) -> list[Finding]:
    """A probe's accuracy on known and on unknown outlets."""
    (seen, unseen), template = _sides(view, sample, outlet, known)
    if min(len(seen), len(unseen)) < MIN_SCORED_ROWS:
        return []
    first, second = float(seen.mean()), float(unseen.mean())
    return [
        view.finding(
            "outlet-score",
            accuracy_lead(seen, unseen),
            f"A probe has accuracy {percent(first)} on {template.format(percent(second))}"
            f"{sample.drawn}",
            statistics={
                "known": first,
                "unknown": second,
                "rows": len(seen),
                "others": len(unseen),
            },
            advice="Report the accuracy on unknown outlets, which is what to expect of a new one.",
            chart=[("known outlets", first), ("unknown outlets", second)],
        )
    ]


def _sides(
    view: View, sample: Sample, outlet: Ints, known: Bools
) -> tuple[tuple[Bools, Bools], str]:
    """Whether predictions are correct on known and unknown outlets, and a title's template.

    Measured on test rows if both kinds have enough of them, else by holding outlets out.
    """
    test, labels = sample.tested, sample.labels
    if min(np.count_nonzero(known[test]), np.count_nonzero(~known[test])) >= MIN_SCORED_ROWS:
        texts = sample.texts
        scores = probe_scores(texts[~test], labels[~test], texts[test], len(view.label_names))
        correct = scores.argmax(axis=1) == labels[test]
        sides = correct[known[test]], correct[~known[test]]
        rows = f"{len(sides[0]):,} test rows from outlets of train, {{}} on the {len(sides[1]):,}"
        return sides, f"{rows} others"
    fold = np.random.default_rng(view.seed).permutation(int(outlet.max()) + 1)[outlet] % FOLDS
    first, second = (sample.out_of_fold(x).argmax(axis=1) == labels for x in (sample.fold, fold))
    return (first, second), "rows of known outlets, {} when whole outlets are held out"
