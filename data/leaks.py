"""Short cuts to the label that need a quick model to be seen, and labels that one doubts.

Each check asks how well a part of the row alone predicts the label, against always giving the
most frequent one. A figure counts only as far as chance cannot explain it: few rows raise no alarm.
"""

from collections.abc import Callable, Mapping

import numpy as np

from newsstand.data.findings import Finding, Mask, View, count, percent
from newsstand.data.outlets import outlet_leak
from newsstand.data.quick import (
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
    base = labels[tested] == majority(labels[~tested])

    def right(matrix: Matrix) -> Mask:
        scores = learned(matrix[~tested], labels[~tested], matrix[tested], len(view.label_names))
        hits: Mask = scores.argmax(axis=1) == labels[tested]
        return hits

    of_target, of_text = right(features(targets)), right(sample.texts)
    return [
        _alone(view, "target", of_target, base, seen, sample.drawn),
        _alone(view, "text", of_text, base, seen, sample.drawn),
    ]


_OTHER = {"target": "without reading the text", "text": "without knowing the target"}
_ALONE_ADVICE = {
    "target": "Balance the labels of each target, and report unseen targets apart.",
    "text": "A model may ignore the target: test on texts that have several, with other labels.",
}


def _alone(view: View, what: str, right: Mask, base: Mask, seen: Mask, drawn: str) -> Finding:
    avoided = gain(right, float(base.mean()))
    figures: dict[str, float | int | str] = {"avoided": avoided}
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
        avoided,
        f"{_OTHER[what].capitalize()}, a quick model is right for {'; '.join(told)}{drawn}",
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
