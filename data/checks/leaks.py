"""Shortcuts to the label that a probe finds, and labels that a probe contradicts.

Each check measures how well one part of a row predicts the label, against always predicting the
most frequent one. Only differences that chance cannot explain count, so few rows raise no alarm.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from newsstand.data.checks.findings import Finding, View, count, percent
from newsstand.data.checks.outlets import outlet_leak
from newsstand.data.checks.probe import (
    MAJORITY,
    MIN_ROWS,
    MIN_SCORED_ROWS,
    PREDICTIVE,
    Matrix,
    Sample,
    errors_avoided,
    features,
    majority_label,
    probe_scores,
)
from newsstand.labels import opposites
from newsstand.types import Bools, Ints

_MOST_SUSPECTS = 20
_MOST_BOILERPLATE_ROWS = 4_000


def target_leak(view: View, sample: Sample) -> list[Finding]:
    """Stance: how well the target without the text, and the text without its target, do."""
    tested = sample.tested
    if view.task != "stance" or tested.sum() < MIN_SCORED_ROWS or (~tested).sum() < MIN_ROWS:
        return []
    targets = [view.targets[row] or "" for row in sample.rows]
    seen = np.isin(view.target[sample.rows], view.target[sample.rows[~tested]])[tested]
    labels = sample.labels
    usual = majority_label(labels[~tested])
    base = labels[tested] == usual

    def predict(matrix: Matrix) -> Ints:
        train_labels, size = labels[~tested], len(view.label_names)
        scores = probe_scores(matrix[~tested], train_labels, matrix[tested], size)
        predicted: Ints = scores.argmax(axis=1)
        return predicted

    findings = []
    for part, matrix in (("target", features(targets)), ("text", sample.texts)):
        predicted = predict(matrix)
        f1 = [_macro_f1(labels[tested], x) for x in (predicted, np.full_like(predicted, usual))]
        correct = predicted == labels[tested]
        findings.append(_alone(view, part, correct, base, seen, sample.drawn, f1))
    return [*findings, *_flip_pairs(view)]


def _macro_f1(truth: Ints, predicted: Ints) -> float:
    from sklearn.metrics import f1_score

    return float(f1_score(truth, predicted, average="macro", zero_division=0))


def _flip_pairs(view: View) -> list[Finding]:
    """Whether some test texts take opposite sides toward different targets."""
    sides = opposites(view.news.rows.features["label"].names)
    if sides is None:
        return []
    pairs: dict[str, int] = {}
    texts = 0
    for split in ("test", "train"):
        rows = view.at(split)
        one, other = (
            np.bincount(view.text[rows[view.label[rows] == side]], minlength=view.size)
            for side in sides
        )
        pairs[split] = int((one * other).sum())
        texts = texts if split == "train" else int(((one > 0) & (other > 0)).sum())
    first, second = (view.label_names[side] for side in sides)
    both = f"{first} toward one target and {second} toward another"
    return [
        view.finding(
            "flip-pairs",
            int(not pairs["test"]),
            f"No test text is {both}: the test does not show whether a model reads the target",
            ok_title=f"{count(texts, 'test text')} {'is' if texts == 1 else 'are'} {both}: "
            f"{count(pairs['test'], 'flip pair')} (train: {pairs['train']:,})",
            statistics={**pairs, "texts": texts},
            advice="Add targets toward which the texts take the opposite side.",
        )
    ]


_WITHOUT = {"target": "without reading the text", "text": "without knowing the target"}
_ALONE_ADVICE = {
    "target": "Balance the labels of each target, and report unseen targets separately.",
    "text": "The text alone predicts the label, so a model need not read the target. Add targets "
    "toward which the texts take other sides.",
}


def _alone(
    view: View,
    part: str,
    correct: Bools,
    base: Bools,
    seen: Bools,
    drawn: str,
    f1: Sequence[float],
) -> Finding:
    avoided = errors_avoided(correct, float(base.mean()))
    # Points count only where chance cannot explain them.
    ahead = float(correct.mean() - base.mean()) if avoided else 0.0
    statistics: dict[str, float | int | str] = {
        "avoided": avoided,
        "points": ahead,
        "macro_f1": f1[0],
        "majority_macro_f1": f1[1],
    }
    accuracies, chart = [], []
    for name, rows in (("all", np.ones_like(seen)), ("seen", seen), ("unseen", ~seen)):
        if rows.sum() < MIN_SCORED_ROWS or (name == "seen" and rows.all()):
            continue
        accuracy, usual = float(correct[rows].mean()), float(base[rows].mean())
        where = "test rows" if name == "all" else f"rows toward {name} targets"
        statistics |= {name: accuracy, f"{name}_majority": usual, f"{name}_rows": int(rows.sum())}
        accuracies.append(
            f"{percent(accuracy)} on {rows.sum():,} {where} ({MAJORITY}: {percent(usual)})"
        )
        chart += [(f"{MAJORITY}, {where}", usual), (f"{part} alone, {where}", accuracy)]
    return view.finding(
        f"{part}-alone",
        ahead if part == "text" else avoided,
        f"{_WITHOUT[part].capitalize()}, a probe has accuracy {'; '.join(accuracies)}{drawn}, "
        f"macro-F1 {f1[0]:.3f} ({MAJORITY}: {f1[1]:.3f})",
        statistics=statistics,
        advice=_ALONE_ADVICE[part],
        chart=chart,
    )


def boilerplate_leak(view: View, _: Sample) -> list[Finding]:
    """How well the boilerplate that preparation removes predicts the label by itself."""
    spans = view.column("removed")
    having = np.flatnonzero(np.array([bool(x) for x in spans], dtype=np.bool_) & view.used)
    rows, drawn = view.sample(having, _MOST_BOILERPLATE_ROWS)
    if len(rows) < MIN_ROWS:
        title = f"{count(len(having), 'row')} with boilerplate: too few to fit a probe"
        return [view.finding("boilerplate-label", 0.0, title, statistics={"rows": len(having)})]
    columns = view.news.rows.select_columns(["title", "body"])[rows.tolist()]
    articles = [
        {"title": x, "body": y} for x, y in zip(columns["title"], columns["body"], strict=True)
    ]
    texts = [
        "\n".join(article[x["part"]][x["start"] : x["end"]] for x in spans[row])
        for row, article in zip(rows.tolist(), articles, strict=True)
    ]
    sample = Sample.of_rows(view, rows, features(texts))
    correct = sample.out_of_fold(sample.fold).argmax(axis=1) == sample.labels
    accuracy, base = float(correct.mean()), _majority_accuracy(sample.labels)
    return [
        view.finding(
            "boilerplate-label",
            errors_avoided(correct, base),
            f"Boilerplate alone predicts the label with accuracy {percent(accuracy)} on the "
            f"{len(having):,} rows that have any ({MAJORITY}: {percent(base)}){drawn}",
            statistics={"rows": len(having), "accuracy": accuracy, "majority": base},
            advice="Keep text.strip on, so that a model cannot use datelines and credits. Look "
            "for similar lines that were not removed.",
            chart=[(MAJORITY, base), ("boilerplate alone", accuracy)],
        )
    ]


def label_noise(view: View, sample: Sample) -> list[Finding]:
    """The rows whose label a probe fitted on the other rows contradicts most."""
    labels, every = sample.labels, np.arange(len(sample.labels))
    statistics: dict[str, float | int | str] = {"rows": len(labels)}
    if len(labels) < MIN_ROWS:
        title = f"{count(len(labels), 'row')}: too few to find wrong labels with a probe"
        return [view.finding("label-noise", 0, title, statistics=statistics)]
    scores = sample.out_of_fold(sample.fold)
    correct = scores.argmax(axis=1) == labels
    accuracy, base = float(correct.mean()), _majority_accuracy(labels)
    own = scores[every, labels]
    scores[every, labels] = -np.inf
    other = scores.argmax(axis=1)
    # A label that no other fold has cannot be predicted, so it is not contradicted either.
    margin = np.where(np.isfinite(own), own, np.inf) - scores.max(axis=1)
    doubted = np.argsort(margin, kind="stable")[:_MOST_SUSPECTS]
    doubted = doubted[margin[doubted] < 0]
    contradicted = int((margin < 0).sum())
    statistics |= {"accuracy": accuracy, "majority": base, "contradicted": contradicted}
    if errors_avoided(correct, base) < PREDICTIVE:
        title = f"A probe with accuracy {percent(accuracy)} ({MAJORITY}: {percent(base)}) is too "
        title += f"weak to find wrong labels{sample.drawn}"
        return [view.finding("label-noise", 0, title, statistics=statistics)]
    shown = zip(doubted, view.examples(sample.rows[doubted], _MOST_SUSPECTS), strict=True)
    return [
        view.finding(
            "label-noise",
            len(doubted),
            f"{count(len(doubted), 'label')} to review: a probe fitted on the other rows "
            f"(accuracy {percent(accuracy)}) contradicts them most{sample.drawn}",
            ok_title="A probe fitted on the other rows contradicts no label",
            statistics=statistics,
            examples=[
                f"probe: {view.label_names[other[i]]} (margin {-margin[i]:.2f}); {text}"
                for i, text in shown
            ],
            advice="Read them: either the label is wrong, or the text is hard to classify.",
        )
    ]


def _majority_accuracy(labels: Ints) -> float:
    return float((labels == majority_label(labels)).mean())


CHECKS: Mapping[str, Callable[[View, Sample], list[Finding]]] = {
    "outlets": outlet_leak,
    "targets": target_leak,
    "boilerplate": boilerplate_leak,
    "label noise": label_noise,
}
