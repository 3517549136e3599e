"""Checks for repetition within and across splits: texts, near-duplicates, groups, targets."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from newsstand.data.checks.findings import (
    SHOWN,
    Finding,
    View,
    count,
    numbered,
    percent,
)
from newsstand.data.readers.sources import SPLITS
from newsstand.types import Bools, Ints

SplitNames = NDArray[np.str_]  # the split of each row

# Pairs of a held-out split and a split that the model learns from.
_CROSSINGS = (("test", "train"), ("test", "validation"), ("validation", "train"))
_INTENDED = 0.2  # share of test targets seen in training from which on it is by design


def repeats_inside(view: View) -> list[Finding]:
    """Finds rows that repeat the text (and target) of another row of their split."""
    home_split = np.where(view.given == "", "the data", view.given)
    raw = numbered([f"{fact.title}{fact.body}" for fact in view.facts])
    raw = raw * (view.target.max(initial=0) + 1) + view.target * (view.task == "stance")
    statistics: dict[str, float | int | str] = {}
    counts, more, worst, examples = [], 0, 0.0, []
    for home in (*SPLITS, "the data"):
        rows = np.flatnonzero((home_split == home) & view.member)
        repeated = _repeated(view.item[rows])
        if repeated.any():
            exact, prepared = int(_repeated(raw[rows]).sum()), int(repeated.sum())
            statistics |= {f"{home}_exact": exact, f"{home}_prepared": prepared}
            counts.append(f"{exact:,} in {home}")
            more += prepared - exact
            worst = max(worst, float(repeated.mean()))
            examples += view.examples(rows[repeated], SHOWN // 2)
    return [
        view.finding(
            "repeats-inside",
            worst,
            f"Rows that repeat another row exactly: {', '.join(counts)}"
            + (f" ({more:,} more apart from case, spacing and boilerplate)" if more else ""),
            ok_title="No row repeats another row of its split",
            statistics=statistics,
            examples=examples[:SHOWN],
            advice="data.repeats: drop leaves copies out. In a test split they count twice.",
        ),
        _bodies_under_titles(view),
    ]


def _bodies_under_titles(view: View) -> Finding:
    bodies = numbered([fact.body for fact in view.facts])
    both = numbered([f"{fact.body}{fact.title}" for fact in view.facts])
    first = np.unique(both, return_index=True)[1]  # one row for each body under each title
    repeated = first[_repeated(bodies[first])]
    prepared = numbered([fact.prepared for fact in view.facts])
    more = max(int(_repeated(prepared[first]).sum()) - len(repeated), 0)
    return view.finding(
        "repeated-bodies",
        len(repeated),
        f"Bodies repeated exactly under another title: {len(repeated):,}"
        + (f" ({more:,} more apart from boilerplate)" if more else ""),
        ok_title="No body has two titles",
        statistics={"bodies": len(repeated), "more_prepared": more},
        examples=view.examples(repeated),
        advice="Near-duplicate clusters (data.near_duplicates) keep them in one drawn split.",
    )


def repeats_across(view: View) -> list[Finding]:
    """Finds held-out rows whose text (and target) also occurs where the model learns."""
    statistics: dict[str, float | int | str] = {}
    messages, examples = [], []
    for held, learned, split, rows in _crossings(view, view.item):
        statistics[f"{held}_in_{learned}"] = len(rows)
        if len(rows):
            size = count(int(np.count_nonzero(split == held)), f"{held} row")
            messages.append(f"{len(rows):,} of {size} also occur in {learned}")
            examples += view.examples(rows)
    used = _crossing(view.item, view.split, "test", "train", "validation")
    share = len(used) / max(len(view.at("test")), 1)
    still = len(used) + len(_crossing(view.item, view.split, "validation", "train"))
    if messages and not still:
        messages.append("the copies are not used")
    return [
        view.finding(
            "repeats-across",
            share,
            "; ".join(messages),
            ok_title="No validation or test row also occurs in another split",
            statistics={**statistics, "share_in_use": share},
            examples=examples[:SHOWN],
            advice="data.repeats: drop removes the copies from train."
            if still
            else "Published results on these splits include the copies (data.repeats: keep).",
            at_least="warning" if still else "note" if messages else "ok",
        )
    ]


def conflicting_labels(view: View) -> list[Finding]:
    """Finds equal texts (and targets) with different labels."""
    rows = np.flatnonzero(view.member)
    pairs = np.unique(np.stack([view.item[rows], view.label[rows]]), axis=1)
    items = np.unique(pairs[0][_repeated(pairs[0])])
    conflicting = rows[np.isin(view.item[rows], items)]
    conflicting = conflicting[np.argsort(view.item[conflicting], kind="stable")]
    noun = "text and target" if view.task == "stance" else "text"
    return [
        view.finding(
            "conflicting-labels",
            len(conflicting) / max(len(rows), 1),
            f"The same {noun} with different labels: {count(len(items), 'case')}, "
            f"{count(len(conflicting), 'row')}",
            ok_title=f"The same {noun} always has the same label",
            statistics={"cases": len(items), "rows": len(conflicting)},
            examples=view.examples(conflicting),
            advice="Decide on one label for each: no model can predict both.",
        )
    ]


def near_duplicates(view: View) -> list[Finding]:
    """Finds texts that share much with another text, within splits and across."""
    if view.news.near_duplicates is None:
        title = "Near-duplicates were not searched"
        advice = "Set data.near_duplicates to search for them."
        return [
            view.finding("near-across", 0, title, statistics={}, advice=advice, at_least="note")
        ]
    pairs = view.text[view.news.near_duplicates.pairs].reshape(-1, 2)
    reprinted = np.isin(view.text, pairs) & view.used
    rows, share = int(reprinted.sum()), float(reprinted.sum() / max(view.used.sum(), 1))
    inside = view.finding(
        "near-inside",
        share,
        f"{rows:,} rows ({percent(share)}) share much of their text with another row: "
        f"{count(len(pairs), 'pair')} of texts",
        ok_title="No two texts share much",
        statistics={"pairs": len(pairs), "rows": rows, "share": share},
        advice="Reprints weigh more than other texts. Clusters keep them in one drawn split.",
    )
    return [inside, _near_across(view, np.concatenate([pairs, pairs[:, ::-1]]))]


def _near_across(view: View, pairs: Ints) -> Finding:
    messages, statistics, examples = [], {}, []
    for held, learned in _CROSSINGS:
        known = np.unique(view.text[view.at(learned)])
        similar = pairs[np.isin(pairs[:, 1], known), 0]
        held_rows = view.at(held)
        texts = view.text[held_rows]
        rows = held_rows[np.isin(texts, similar) & ~np.isin(texts, known)]
        statistics[f"{held}_near_{learned}"] = len(rows)
        if len(rows):
            size = count(len(held_rows), f"{held} row")
            messages.append(f"{len(rows):,} of {size} share much of their text with {learned}")
            examples += view.examples(rows)
    share = statistics["test_near_train"] / max(len(view.at("test")), 1)
    return view.finding(
        "near-across",
        share,
        "; ".join(messages),
        ok_title="No near-duplicates across splits",
        statistics={**statistics, "share": share},
        examples=examples[:SHOWN],
        advice="Drawn splits keep near-duplicates together; in given ones, drop the train rows.",
        at_least="note" if messages else "ok",
    )


def groups(view: View) -> list[Finding]:
    """Finds groups (stories) that cross splits, and groups that share a text."""
    named = np.array([bool(name) for name in view.column("group")], dtype=np.bool_)
    if not named.any():
        return []
    group = np.where(named, numbered(view.column("group")), -1 - np.arange(view.size))
    rows = _crossing(group, view.split, "test", "train", "validation")
    kinds, share = len(np.unique(group[rows])), len(rows) / max(len(view.at("test")), 1)
    across = view.finding(
        "groups-across",
        share,
        f"{count(kinds, 'group')} of the test rows also occur in train or validation "
        f"({count(len(rows), 'test row')})",
        ok_title="No group crosses splits",
        statistics={"groups": kinds, "rows": len(rows), "share": share},
        examples=view.examples(rows),
        advice="Drawn splits keep each group together: see data.split.ignore_given.",
    )
    return [across, _groups_alike(view, group, named)]


def _groups_alike(view: View, group: Ints, named: Bools) -> Finding:
    texts = numbered([f"{fact.title}{fact.body}" for fact in view.facts])
    messages, statistics, rows = [], {}, []
    for split in SPLITS:
        members = np.flatnonzero(named & (view.given == split))
        keys = np.stack([texts[members], group[members]])
        pairs, first = np.unique(keys, axis=1, return_index=True)
        repeated = _repeated(pairs[0])
        statistics[split] = int(repeated.sum())
        if repeated.any():
            size = count(len(np.unique(group[members])), "group")
            messages.append(f"{repeated.sum():,} of {size} in {split}")
            rows += members[first[repeated]].tolist()
    return view.finding(
        "groups-alike",
        len(rows),
        f"Groups that repeat a text of another group: {'; '.join(messages)}",
        ok_title="No two groups share a text",
        statistics=statistics,
        examples=view.examples(rows),
        advice="In drawn splits, groups that share a text stay together.",
    )


def pair_halves(view: View) -> list[Finding]:
    """Stance: finds texts and targets of held-out pairs that also occur where the model learns."""
    if view.task != "stance":
        return []
    kinds = {"text": view.text, "target": view.target}
    return [_halves(view, noun, keys) for noun, keys in kinds.items()]


def _halves(view: View, noun: str, keys: Ints) -> Finding:
    statistics: dict[str, float | int | str] = {}
    messages, examples, share = [], [], 0.0
    for held, learned, split, rows in _crossings(view, keys):
        shared, total = len(np.unique(keys[rows])), len(np.unique(keys[split == held]))
        statistics |= {f"{held}_in_{learned}": shared, f"{held}_in_{learned}_rows": len(rows)}
        if shared:
            kinds, size = count(total, f"{held} {noun}"), count(len(rows), "row")
            messages.append(f"{shared:,} of {kinds} also occur in {learned} ({size})")
            examples += view.examples(rows[~_repeated(keys[rows])])
            share = max(share, shared / total) if held == "test" else share
    # Many recurring targets are intended; a few are an accident.
    intended = noun == "target" and (not share or share >= _INTENDED)
    return view.finding(
        f"{noun}s-across",
        0.0 if intended else share,
        "; ".join(messages),
        ok_title=f"No {noun} of validation or test also occurs in another split",
        statistics=statistics,
        examples=examples[:SHOWN],
        advice=f"Report pairs with a known {noun} separately, or keep each {noun} in one split "
        f"(data.split: {{strategy: grouped, by: [{noun}]}}).",
        at_least="ok" if not messages else "note" if noun == "target" else "warning",
    )


def _repeated(keys: Ints) -> Bools:
    """Returns whether each key equals an earlier one."""
    repeated = np.ones(len(keys), dtype=np.bool_)
    repeated[np.unique(keys, return_index=True)[1]] = False
    return repeated


def _crossings(view: View, keys: Ints) -> Iterator[tuple[str, str, SplitNames, Ints]]:
    """Yields held-out split, other split, the splits (given or drawn), and the shared rows."""
    for held, learned in _CROSSINGS:
        split = view.given if np.any(view.given == held) else view.split
        yield held, learned, split, _crossing(keys, split, held, learned)


def _crossing(keys: Ints, split: SplitNames, held: str, *learned: str) -> Ints:
    """Returns the rows of a held-out split whose key also occurs in the other splits."""
    rows = np.flatnonzero(split == held)
    return rows[np.isin(keys[rows], keys[np.isin(split, learned)])]
