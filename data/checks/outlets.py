"""Outlet leak: whether a model can score by knowing the paper instead of the article.

How well the outlet alone predicts the label, whether outlets are on both sides of the split, how
well the text gives its outlet away, and how a quick model does on outlets it knows and on others.
"""

import numpy as np

from newsstand.data.checks.findings import Finding, Rows, View, count, numbered, percent
from newsstand.data.checks.probe import (
    FOLDS,
    LEAST_ROWS,
    LEAST_SIDE,
    TELLING,
    USUAL,
    Sample,
    apart,
    gain,
    learned,
    majority,
)
from newsstand.types import Bools

_OUTLETS, _OUTLET_ROWS = 20, 20  # the most frequent ones; a rarer one cannot be learned


def outlet_leak(view: View, sample: Sample) -> list[Finding]:
    """Whether the outlet tells the label, is on both sides, and shows in the text."""
    names = view.column("outlet")
    outlet = numbered(names)
    named = np.array([bool(name) for name in names], dtype=np.bool_)
    if len(np.unique(outlet[named])) < 2:
        return []
    train, test = (rows[named[rows]] for rows in (view.at("train"), view.at("test")))
    label, telling = _outlet_label(view, outlet, np.flatnonzero(named), train, test)
    part = sample.only(named[sample.rows])
    of_part = outlet[part.rows]
    found = [label, _outlet_split(view, outlet, train, test, telling=telling)]
    found += _outlet_in_text(view, part, of_part)
    if telling:
        found += _outlet_score(view, part, of_part, np.isin(of_part, outlet[train]))
    return found


def _outlet_split(view: View, outlet: Rows, train: Rows, test: Rows, *, telling: bool) -> Finding:
    known = np.isin(outlet[test], outlet[train])
    shared, rows = len(np.unique(outlet[test][known])), int(known.sum())
    share = rows / max(len(test), 1)
    return view.finding(
        "outlet-split",
        share if telling else 0.0,
        f"{shared:,} of {count(len(np.unique(outlet[test])), 'test outlet')} are also in train: "
        f"{rows:,} of {count(len(test), 'test row')}",
        figures={"outlets": shared, "rows": rows, "share": share},
        advice="data.split: {strategy: unseen, by: [outlet]} keeps each outlet in one split.",
    )


def _outlet_label(
    view: View, outlet: Rows, all_: Rows, train: Rows, test: Rows
) -> tuple[Finding, bool]:
    """How often the outlet's most frequent label is right; and whether outlets tell labels."""
    size = (int(outlet.max()) + 1, len(view.label_names))
    table = _table(outlet[all_], view.label[all_], size)
    everywhere = float(table.max(axis=1).sum() / len(all_))
    # An outlet's only article tells nothing of others: each row is judged by the outlet's others.
    others = table[outlet[all_]]
    others[np.arange(len(all_)), view.label[all_]] -= 1
    apart_, base = _right(others, view.label[all_], view.label[all_])
    telling = gain(apart_, base) >= TELLING
    title = f"The outlet's most frequent label is right for {percent(everywhere)} of all "
    title += (
        f"{count(len(all_), 'row')} (by the outlet's other rows: {percent(float(apart_.mean()))})"
    )
    figures: dict[str, float | int | str] = {"all": everywhere, "others": apart_.mean()}
    chart, avoided = [(f"{USUAL}, all rows", base), ("outlet alone, all rows", everywhere)], 0.0
    if len(train) and len(test):
        table = _table(outlet[train], view.label[train], size)
        right, base = _right(table[outlet[test]], view.label[test], view.label[train])
        score, avoided = float(right.mean()), gain(right, base)
        title += f"; learned on train, for {percent(score)} of {count(len(test), 'test row')}"
        figures |= {"test": score, "avoided": avoided}
        chart += [(f"{USUAL}, test rows", base), ("outlet alone, test rows", score)]
    finding = view.finding(
        "outlet-label",
        avoided,
        f"{title} ({USUAL}: {percent(base)})",
        figures={**figures, "majority": base, "rows": len(all_)},
        advice="A model can score by knowing the paper. Hold whole outlets out "
        "(data.split: {strategy: unseen, by: [outlet]}), or label articles, not papers.",
        chart=chart,
        least="note" if telling else "ok",
    )
    return finding, telling


def _right(table: Rows, labels: Rows, learned_: Rows) -> tuple[Bools, float]:
    """Where a row's line of the table names its label; accuracy of the most frequent label."""
    usual = majority(learned_)
    guess = np.where(table.any(axis=1), table.argmax(axis=1), usual)
    return guess == labels, float((labels == usual).mean())


def _table(rows: Rows, columns: Rows, size: tuple[int, int]) -> Rows:
    """How often each pair of row and column occurs."""
    height, width = size
    return np.bincount(rows * width + columns, minlength=height * width).reshape(size)


def _outlet_in_text(view: View, sample: Sample, outlet: Rows) -> list[Finding]:
    """How well a quick model tells the frequent outlets apart."""
    times = np.bincount(outlet)
    kept = np.argsort(-times, kind="stable")[:_OUTLETS]
    rows = np.isin(outlet, kept[times[kept] >= _OUTLET_ROWS])
    names, number = np.unique(outlet[rows], return_inverse=True)
    if len(number) < LEAST_ROWS or len(names) < 2:
        return []
    texts, held = sample.texts[rows], sample.fold[rows] == 0
    scores = learned(texts[~held], number[~held], texts[held], len(names))
    right = scores.argmax(axis=1) == number[held]
    score, base = float(right.mean()), float((number[held] == majority(number[~held])).mean())
    return [
        view.finding(
            "outlet-in-text",
            gain(right, base),
            f"A quick model names the outlet, one of {len(names)}, for {percent(score)} of "
            f"{count(len(right), 'text')} (most frequent outlet: {percent(base)}){sample.drawn}",
            figures={"right": score, "chance": base, "outlets": len(names), "rows": len(right)},
            advice="Texts carry their outlet's mark: the paper's name, phrases of the house. Find "
            "them in the evidence of scores, and strip them (text.strip).",
            chart=[("most frequent outlet", base), ("quick model", score)],
        )
    ]


def _outlet_score(view: View, sample: Sample, outlet: Rows, known: Bools) -> list[Finding]:
    """A quick model's accuracy on known against unknown outlets."""
    (right, new), how = _sides(view, sample, outlet, known)
    if min(len(right), len(new)) < LEAST_SIDE:
        return []
    first, second = float(right.mean()), float(new.mean())
    return [
        view.finding(
            "outlet-score",
            apart(right, new),
            f"A quick model is right for {percent(first)} of {how.format(percent(second))}"
            f"{sample.drawn}",
            figures={"known": first, "unknown": second, "rows": len(right), "others": len(new)},
            advice="Report the score on unknown outlets: that is what a new paper will get.",
            chart=[("known outlets", first), ("unknown outlets", second)],
        )
    ]


def _sides(
    view: View, sample: Sample, outlet: Rows, known: Bools
) -> tuple[tuple[Bools, Bools], str]:
    """Right answers on known and on unknown outlets: of the test, else by holding outlets out."""
    test, labels = sample.tested, sample.labels
    if min(np.count_nonzero(known[test]), np.count_nonzero(~known[test])) >= LEAST_SIDE:
        texts = sample.texts
        scores = learned(texts[~test], labels[~test], texts[test], len(view.label_names))
        right = scores.argmax(axis=1) == labels[test]
        sides = right[known[test]], right[~known[test]]
        rows = f"{len(sides[0]):,} test rows from outlets of train, {{}} of the {len(sides[1]):,}"
        return sides, f"{rows} others"
    fold = np.random.default_rng(view.seed).permutation(int(outlet.max()) + 1)[outlet] % FOLDS
    first, second = (sample.out_of_fold(x).argmax(axis=1) == labels for x in (sample.fold, fold))
    return (first, second), "rows whose outlets it knows, {} when whole outlets are held out"
