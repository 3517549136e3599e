"""Checks for what stands in the data more than once: texts, near-duplicates, groups, targets."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from newsstand.data.checks.findings import SHOWN, Finding, Rows, View, count, numbered, percent
from newsstand.data.readers.sources import SPLITS
from newsstand.types import Bools

Places = NDArray[np.str_]  # the split of each row

# What is before the comma is tested on, what is behind it was learned from.
_CROSSINGS = (("test", "train"), ("test", "validation"), ("validation", "train"))
_ON_PURPOSE = 0.2  # of the targets of a test: with as many seen ones, the data are made so


def repeats_inside(view: View) -> list[Finding]:
    """Rows that repeat another row of their split: the text and, for stance, the target."""
    homes = np.where(view.given == "", "the data", view.given)
    raw = numbered([f"{fact.title}{fact.body}" for fact in view.facts])
    raw = raw * (view.target.max(initial=0) + 1) + view.target * (view.task == "stance")
    figures: dict[str, float | int | str] = {}
    told, more, worst, examples = [], 0, 0.0, []
    for home in (*SPLITS, "the data"):
        rows = np.flatnonzero((homes == home) & view.member)
        again = _again(view.item[rows])
        if again.any():
            exact, all_ = int(_again(raw[rows]).sum()), int(again.sum())
            figures |= {f"{home}_exact": exact, f"{home}_prepared": all_}
            told.append(f"{exact:,} of {home}")
            more += all_ - exact
            worst = max(worst, float(again.mean()))
            examples += view.examples(rows[again], SHOWN // 2)
    return [
        view.finding(
            "repeats-inside",
            worst,
            f"Rows that repeat another word for word: {', '.join(told)}"
            + (f" ({more:,} more but for case, spacing and boilerplate)" if more else ""),
            calm="No row repeats another of its split",
            figures=figures,
            examples=examples[:SHOWN],
            advice="data.repeats: drop leaves the copies out. In a test split they count twice.",
        ),
        _bodies_under_titles(view),
    ]


def _bodies_under_titles(view: View) -> Finding:
    bodies = numbered([fact.body for fact in view.facts])
    both = numbered([f"{fact.body}{fact.title}" for fact in view.facts])
    first = np.unique(both, return_index=True)[1]  # one row for each body under each title
    again = first[_again(bodies[first])]
    prepared = numbered([fact.prepared for fact in view.facts])
    more = max(int(_again(prepared[first]).sum()) - len(again), 0)
    return view.finding(
        "repeated-bodies",
        len(again),
        f"Bodies that stand again, word for word, under another title: {len(again):,}"
        + (f" ({more:,} more but for boilerplate)" if more else ""),
        calm="No body stands under two titles",
        figures={"bodies": len(again), "more_prepared": more},
        examples=view.examples(again),
        advice="Near-duplicate clusters (data.near_duplicates) keep them in one drawn split.",
    )


def repeats_across(view: View) -> list[Finding]:
    """Held-out rows whose text (and target) also stands where the model learns."""
    figures: dict[str, float | int | str] = {}
    told, examples = [], []
    for held, learned, places, rows in _crossings(view, view.item):
        figures[f"{held}_in_{learned}"] = len(rows)
        if len(rows):
            size = int(np.count_nonzero(places == held))
            told.append(f"{len(rows):,} of {count(size, f'{held} row')} also stand in {learned}")
            examples += view.examples(rows)
    used = _crossing(view.item, view.split, "test", "train", "validation")
    share = len(used) / max(len(view.at("test")), 1)
    still = len(used) + len(_crossing(view.item, view.split, "validation", "train"))
    if told and not still:
        told.append("the copies are left out of use")
    return [
        view.finding(
            "repeats-across",
            share,
            "; ".join(told),
            calm="No validation or test row also stands in another split",
            figures={**figures, "share_in_use": share},
            examples=examples[:SHOWN],
            advice="data.repeats: drop takes the copies out of train."
            if still
            else "Figures published on these splits include the copies (data.repeats: keep).",
            least="warning" if still else "note" if told else "ok",
        )
    ]


def conflicting_labels(view: View) -> list[Finding]:
    """The same text (and target) with different labels."""
    rows = np.flatnonzero(view.member)
    pairs = np.unique(np.stack([view.item[rows], view.label[rows]]), axis=1)
    torn = np.unique(pairs[0][_again(pairs[0])])
    hit = rows[np.isin(view.item[rows], torn)]
    hit = hit[np.argsort(view.item[hit], kind="stable")]
    noun = "text and target" if view.task == "stance" else "text"
    return [
        view.finding(
            "conflicting-labels",
            len(hit) / max(len(rows), 1),
            f"The same {noun} under different labels: {count(len(torn), 'case')}, "
            f"{count(len(hit), 'row')}",
            calm=f"The same {noun} has the same label everywhere",
            figures={"cases": len(torn), "rows": len(hit)},
            examples=view.examples(hit),
            advice="Decide on one label each: no model can be right on both.",
        )
    ]


def near_duplicates(view: View) -> list[Finding]:
    """Texts that share much with another text: inside splits, and across."""
    if view.news.near is None:
        title = "Near-duplicates were not looked for"
        advice = "Set data.near_duplicates to have them looked for."
        return [view.finding("near-across", 0, title, figures={}, advice=advice, least="note")]
    pairs = view.text[view.news.near.pairs].reshape(-1, 2)
    reprinted = np.isin(view.text, pairs) & view.used
    rows, share = int(reprinted.sum()), float(reprinted.sum() / max(view.used.sum(), 1))
    inside = view.finding(
        "near-inside",
        share,
        f"{rows:,} rows ({percent(share)}) share much of their text with another row: "
        f"{count(len(pairs), 'pair')} of texts",
        calm="No two texts share much",
        figures={"pairs": len(pairs), "rows": rows, "share": share},
        advice="Reprints weigh more than other texts. Clusters keep them in one drawn split.",
    )
    return [inside, _near_across(view, np.concatenate([pairs, pairs[:, ::-1]]))]


def _near_across(view: View, pairs: Rows) -> Finding:
    told, figures, examples = [], {}, []
    for held, learned in _CROSSINGS:
        known = np.unique(view.text[view.at(learned)])
        twins = pairs[np.isin(pairs[:, 1], known), 0]
        all_ = view.at(held)
        rows = all_[np.isin(view.text[all_], twins) & ~np.isin(view.text[all_], known)]
        figures[f"{held}_near_{learned}"] = len(rows)
        if len(rows):
            size = count(len(all_), f"{held} row")
            told.append(f"{len(rows):,} of {size} share much of their text with {learned}")
            examples += view.examples(rows)
    share = figures["test_near_train"] / max(len(view.at("test")), 1)
    return view.finding(
        "near-across",
        share,
        "; ".join(told),
        calm="No near-duplicates across splits",
        figures={**figures, "share": share},
        examples=examples[:SHOWN],
        advice="Drawn splits keep near-duplicates together; in given ones, drop the train rows.",
        least="note" if told else "ok",
    )


def groups(view: View) -> list[Finding]:
    """Groups (stories) on both sides of a split, and groups that hold the same text."""
    named = np.array([bool(name) for name in view.column("group")], dtype=np.bool_)
    if not named.any():
        return []
    group = np.where(named, numbered(view.column("group")), -1 - np.arange(view.size))
    rows = _crossing(group, view.split, "test", "train", "validation")
    kinds, share = len(np.unique(group[rows])), len(rows) / max(len(view.at("test")), 1)
    across = view.finding(
        "groups-across",
        share,
        f"{count(kinds, 'group')} of the test rows also stand in train or validation "
        f"({count(len(rows), 'test row')})",
        calm="No group is on both sides of a split",
        figures={"groups": kinds, "rows": len(rows), "share": share},
        examples=view.examples(rows),
        advice="Drawn splits keep each group together: see data.split.ignore_given.",
    )
    return [across, _groups_alike(view, group, named)]


def _groups_alike(view: View, group: Rows, named: Bools) -> Finding:
    texts = numbered([f"{fact.title}{fact.body}" for fact in view.facts])
    told, figures, rows = [], {}, []
    for split in SPLITS:
        at = np.flatnonzero(named & (view.given == split))
        pairs, first = np.unique(np.stack([texts[at], group[at]]), axis=1, return_index=True)
        again = _again(pairs[0])
        figures[split] = int(again.sum())
        if again.any():
            groups_there = count(len(np.unique(group[at])), "group")
            told.append(f"{again.sum():,} of {groups_there} in {split}")
            rows += at[first[again]].tolist()
    return view.finding(
        "groups-alike",
        len(rows),
        f"Groups that repeat the text of another: {'; '.join(told)}",
        calm="No two groups share a text",
        figures=figures,
        examples=view.examples(rows),
        advice="In drawn splits, groups that share a text stay together.",
    )


def pair_halves(view: View) -> list[Finding]:
    """Stance: texts and targets of held-out pairs that also stand where the model learns."""
    if view.task != "stance":
        return []
    kinds = {"text": view.text, "target": view.target}
    return [_halves(view, noun, keys) for noun, keys in kinds.items()]


def _halves(view: View, noun: str, keys: Rows) -> Finding:
    figures: dict[str, float | int | str] = {}
    told, examples, share = [], [], 0.0
    for held, learned, places, rows in _crossings(view, keys):
        shared, all_ = len(np.unique(keys[rows])), len(np.unique(keys[places == held]))
        figures |= {f"{held}_in_{learned}": shared, f"{held}_in_{learned}_rows": len(rows)}
        if shared:
            kinds, size = count(all_, f"{held} {noun}"), count(len(rows), "row")
            told.append(f"{shared:,} of {kinds} also stand in {learned} ({size})")
            examples += view.examples(rows[~_again(keys[rows])])
            share = max(share, shared / all_) if held == "test" else share
    # Targets that recur on purpose are many; a few that recur are an accident.
    meant = noun == "target" and (not share or share >= _ON_PURPOSE)
    return view.finding(
        f"{noun}s-across",
        0.0 if meant else share,
        "; ".join(told),
        calm=f"No {noun} of validation or test also stands in another split",
        figures=figures,
        examples=examples[:SHOWN],
        advice=f"Report pairs with a known {noun} apart, or keep each {noun} in one split "
        f"(data.split: {{strategy: grouped, by: [{noun}]}}).",
        least="ok" if not told else "note" if noun == "target" else "warning",
    )


def _again(keys: Rows) -> Bools:
    """Of each key, whether an equal one stands before it."""
    again = np.ones(len(keys), dtype=np.bool_)
    again[np.unique(keys, return_index=True)[1]] = False
    return again


def _crossings(view: View, keys: Rows) -> Iterator[tuple[str, str, Places, Rows]]:
    """Held-out rows that are known from elsewhere, as the files give the splits, or as drawn."""
    for held, learned in _CROSSINGS:
        places = view.given if np.any(view.given == held) else view.split
        yield held, learned, places, _crossing(keys, places, held, learned)


def _crossing(keys: Rows, places: Places, held: str, *learned: str) -> Rows:
    """The rows of a held-out split whose key also stands where the model learns."""
    rows = np.flatnonzero(places == held)
    return rows[np.isin(keys[rows], keys[np.isin(places, learned)])]
