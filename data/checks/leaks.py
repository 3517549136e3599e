"""Short cuts to the label that need a quick model to be seen, and labels that one doubts.

Each check asks how well a part of the row alone predicts the label, against always giving the
most frequent one. A figure counts only as far as chance cannot explain it: few rows raise no alarm.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from newsstand.data.checks.findings import Finding, Rows, View, count, percent
from newsstand.data.checks.outlets import outlet_leak
from newsstand.data.checks.probe import (
    LEAST_ROWS,
    LEAST_SIDE,
    TELLING,
    USUAL,
    Matrix,
    Sample,
    features,
    gain,
    learned,
    majority,
)
from newsstand.labels import opposites
from newsstand.types import Bools

_SUSPECTS = 20
_SPANS = 4_000  # rows with boilerplate


def target_leak(view: View, sample: Sample) -> list[Finding]:
    """Stance: what the target says without the text, and the text without its target."""
    tested = sample.tested
    if view.task != "stance" or tested.sum() < LEAST_SIDE or (~tested).sum() < LEAST_ROWS:
        return []
    targets = [view.targets[row] or "" for row in sample.rows]
    seen = np.isin(view.target[sample.rows], view.target[sample.rows[~tested]])[tested]
    labels = sample.labels
    usual = majority(labels[~tested])
    base = labels[tested] == usual

    def answers(matrix: Matrix) -> Rows:
        scores = learned(matrix[~tested], labels[~tested], matrix[tested], len(view.label_names))
        given: Rows = scores.argmax(axis=1)
        return given

    found = []
    for what, matrix in (("target", features(targets)), ("text", sample.texts)):
        given = answers(matrix)
        f1 = [_macro_f1(labels[tested], x) for x in (given, np.full_like(given, usual))]
        right = given == labels[tested]
        found.append(_alone(view, what, right, base, seen, sample.drawn, f1))
    return [*found, *_flip_pairs(view)]


def _macro_f1(truth: Rows, given: Rows) -> float:
    from sklearn.metrics import f1_score

    return float(f1_score(truth, given, average="macro", zero_division=0))


def _flip_pairs(view: View) -> list[Finding]:
    """Whether test texts are on both sides, each toward a target of its own."""
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
    told = f"{first} toward one target and {second} toward another"
    return [
        view.finding(
            "flip-pairs",
            int(not pairs["test"]),
            f"No test text is {told}: whether a model reads the target is not tested",
            calm=f"{count(texts, 'test text')} {'is' if texts == 1 else 'are'} {told}: "
            f"{count(pairs['test'], 'flip pair')} (train: {pairs['train']:,})",
            figures={**pairs, "texts": texts},
            advice="Add targets on which the texts take the other side.",
        )
    ]


_OTHER = {"target": "without reading the text", "text": "without knowing the target"}
_ALONE_ADVICE = {
    "target": "Balance the labels of each target, and report unseen targets apart.",
    "text": "The text alone gives the label away: a model need not read the target. Add targets on "
    "which texts take other sides.",
}


def _alone(
    view: View,
    what: str,
    right: Bools,
    base: Bools,
    seen: Bools,
    drawn: str,
    f1: Sequence[float],
) -> Finding:
    avoided = gain(right, float(base.mean()))
    # Points count only where chance cannot explain them.
    ahead = float(right.mean() - base.mean()) if avoided else 0.0
    figures: dict[str, float | int | str] = {
        "avoided": avoided,
        "points": ahead,
        "macro_f1": f1[0],
        "majority_macro_f1": f1[1],
    }
    told, chart = [], []
    for name, rows in (("all", np.ones_like(seen)), ("seen", seen), ("unseen", ~seen)):
        if rows.sum() < LEAST_SIDE or (name == "seen" and rows.all()):
            continue
        score, usual = float(right[rows].mean()), float(base[rows].mean())
        place = "test rows" if name == "all" else f"rows toward {name} targets"
        figures |= {name: score, f"{name}_majority": usual, f"{name}_rows": int(rows.sum())}
        told.append(f"{percent(score)} of {rows.sum():,} {place} ({USUAL}: {percent(usual)})")
        chart += [(f"{USUAL}, {place}", usual), (f"{what} alone, {place}", score)]
    return view.finding(
        f"{what}-alone",
        ahead if what == "text" else avoided,
        f"{_OTHER[what].capitalize()}, a quick model is right for {'; '.join(told)}{drawn}, "
        f"macro-F1 {f1[0]:.3f} ({USUAL}: {f1[1]:.3f})",
        figures=figures,
        advice=_ALONE_ADVICE[what],
        chart=chart,
    )


def boilerplate_leak(view: View, _: Sample) -> list[Finding]:
    """How well the spans that preparation takes out predict the label by themselves."""
    spans = view.column("removed")
    having = np.flatnonzero(np.array([bool(found) for found in spans], dtype=np.bool_) & view.used)
    rows, drawn = view.sample(having, _SPANS)
    if len(rows) < LEAST_ROWS:
        title = f"{count(len(having), 'row')} with boilerplate: too few to learn from"
        return [view.finding("boilerplate-label", 0.0, title, figures={"rows": len(having)})]
    columns = view.news.rows.select_columns(["title", "body"])[rows.tolist()]
    parts = [
        {"title": x, "body": y} for x, y in zip(columns["title"], columns["body"], strict=True)
    ]
    texts = [
        "\n".join(part[x["part"]][x["start"] : x["end"]] for x in spans[row])
        for row, part in zip(rows.tolist(), parts, strict=True)
    ]
    sample = Sample.made(view, rows, features(texts))
    right = sample.out_of_fold(sample.fold).argmax(axis=1) == sample.labels
    score, base = float(right.mean()), float((sample.labels == majority(sample.labels)).mean())
    return [
        view.finding(
            "boilerplate-label",
            gain(right, base),
            f"Boilerplate alone gives the right label for {percent(score)} of the {len(having):,} "
            f"rows that have any ({USUAL}: {percent(base)}){drawn}",
            figures={"rows": len(having), "right": score, "majority": base},
            advice="Keep text.strip on: left in, datelines and credits would answer for the "
            "article. Look for others of their kind that stayed.",
            chart=[(USUAL, base), ("boilerplate alone", score)],
        )
    ]


def label_noise(view: View, sample: Sample) -> list[Finding]:
    """The rows whose label a model of the other rows doubts most."""
    labels, every = sample.labels, np.arange(len(sample.labels))
    figures: dict[str, float | int | str] = {"rows": len(labels)}
    if len(labels) < LEAST_ROWS:
        title = f"{count(len(labels), 'row')}: too few for a model to doubt a label"
        return [view.finding("label-noise", 0, title, figures=figures)]
    scores = sample.out_of_fold(sample.fold)
    right = scores.argmax(axis=1) == labels
    score, base = float(right.mean()), float((labels == majority(labels)).mean())
    own = scores[every, labels]
    scores[every, labels] = -np.inf
    other = scores.argmax(axis=1)
    # A label that no other fold has: no model of them could give it, so none contradicts it.
    margin = np.where(np.isfinite(own), own, np.inf) - scores.max(axis=1)
    doubted = np.argsort(margin, kind="stable")[:_SUSPECTS]
    doubted = doubted[margin[doubted] < 0]
    figures |= {"right": score, "majority": base, "contradicted": int((margin < 0).sum())}
    if gain(right, base) < TELLING:
        title = f"A quick model, right for {percent(score)} ({USUAL}: {percent(base)}), is no judge"
        return [view.finding("label-noise", 0, title + sample.drawn, figures=figures)]
    shown = zip(doubted, view.examples(sample.rows[doubted], _SUSPECTS), strict=True)
    return [
        view.finding(
            "label-noise",
            len(doubted),
            f"{count(len(doubted), 'label')} to look at again: a quick model of the other rows, "
            f"right for {percent(score)}, contradicts them most{sample.drawn}",
            calm="A quick model of the other rows contradicts no label",
            figures=figures,
            examples=[
                f"model: {view.label_names[other[i]]} (by {-margin[i]:.2f}); {text}"
                for i, text in shown
            ],
            advice="Read them: either the label is wrong, or the text is hard.",
        )
    ]


CHECKS: Mapping[str, Callable[[View, Sample], list[Finding]]] = {
    "outlets": outlet_leak,
    "targets": target_leak,
    "boilerplate": boilerplate_leak,
    "label noise": label_noise,
}
