"""Checks that count rows: unusable, rare, unusual, damaged or out of date."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2_contingency

from newsstand.data.checks.findings import (
    SHOWN,
    Finding,
    View,
    count,
    percent,
    shortened,
)
from newsstand.data.checks.text_flaws import FLAWS, NO_VALUES, canonical, languages
from newsstand.data.readers.sources import SPLITS
from newsstand.types import Bools, Ints

FEW = 10  # rows of a label in a split; with fewer, its metrics are unreliable
_REASONS = {
    "conflict": "with conflicting labels",
    "repeat": "repeats",
    "unused": "left out by the data's own lists",
    "gap": "in the gap between train and test",
    "undated": "undated",
    "crosses-splits": "of groups that would cross splits",
    "later": "newer than the test fold",
    "copied": "copies of another source's validation or test rows",
}
_DAMAGE = {
    "encoding": (
        ("mojibake", "replacement"),
        "Read the source again as UTF-8; letters lost to � cannot be recovered.",
    ),
    "markup": (("html",), "Extract the text from the page's article element before labelling."),
    "no-values": (("no-value",), "Leave the field empty, or remove the row."),
    "no-text": (("no-text",), "Remove rows without prose."),
}
_LANGUAGE_ROWS, _READ = 8_000, 400  # rows, characters of each
_JOINS = ("|", ";", ",", "/", "+", "&", "\t")
_SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")
Days = NDArray[np.datetime64]
_FIRST_NEWSPAPER = np.datetime64("1605-01-01")
_MAIN = 0.8  # least share of the texts in the main language of the data
_SIGNIFICANT = 1e-3  # largest p-value of a difference that counts


def unusable_rows(view: View) -> list[Finding]:
    """Counts records that validation refused, and annotators' ties."""
    problems, ties = view.news.problems, view.news.ties
    notes = view.news.notes
    tied = f"; {count(ties, 'record')} with tied annotators' votes dropped" if ties else ""
    tied += "".join(f"; {note.what}" for note in notes)
    return [
        view.finding(
            "unusable-rows",
            len(problems),
            f"{count(len(problems), 'record')} cannot be used{tied}"
            if problems
            else f"All records are usable{tied}",
            statistics={"problems": len(problems), "ties": ties, "rows": view.size},
            examples=[shortened(x, 300) for x in (*problems, *map(str, notes))][:SHOWN],
            advice="Fix or remove them: nothing is trained while there are any."
            if problems
            else "Check that this is intended.",
            at_least="note" if notes else "ok",
        )
    ]


def duplicate_ids(view: View) -> list[Finding]:
    """Finds ids that several rows share."""
    ids = view.column("id")
    if view.news.origins:  # each source has ids of its own
        ids = [f"{view.news.origins.name(row)}: {name}" for row, name in enumerate(ids)]
    times = Counter(ids)
    several = [name for name, number in times.items() if number > 1]
    rows = sum(times[name] for name in several)
    return [
        view.finding(
            "duplicate-ids",
            rows,
            f"{count(rows, 'row')} share {count(len(several), 'id')}",
            ok_title="Each row has an id of its own",
            statistics={"ids": len(several), "rows": rows},
            examples=[f"{shortened(name)}: {times[name]} rows" for name in several[:SHOWN]],
            advice="Give each row its own id, so that predictions can be distinguished.",
        )
    ]


def left_out(view: View) -> list[Finding]:
    """Counts the rows that are in no split, by reason."""
    reasons = view.news.left_out
    rows = int(np.count_nonzero(~view.used))
    listed = ", ".join(f"{reasons[name]:,} {_REASONS.get(name, name)}" for name in sorted(reasons))
    return [
        view.finding(
            "left-out",
            rows / max(view.size, 1),
            f"{rows:,} of {count(view.size, 'row')} are in no split"
            + (f": {listed}" if listed else ""),
            ok_title="All rows are in a split",
            statistics={"rows": rows, **reasons},
            advice="Check that this is intended (data.repeats, data.split, the split lists).",
        )
    ]


def rare_labels(view: View) -> list[Finding]:
    """Finds labels with too few rows in a split for training or evaluation."""
    kinds = np.unique(view.label[view.used])
    names = [view.label_names[kind] for kind in kinds]
    table = {
        x: np.bincount(view.label[view.at(x)], minlength=len(view.label_names))[kinds]
        for x in SPLITS
    }
    rare = {
        split: [f"{names[i]}: {counts[i]} in {split}" for i in np.flatnonzero(counts < FEW)]
        for split, counts in table.items()
        if counts.any()
    }
    least = [
        f"{counts.min():,} in {split} ('{names[counts.argmin()]}')"
        for split, counts in table.items()
        if counts.any()
    ]
    numbers = {split: len(labels) for split, labels in rare.items()}
    rarest = ", ".join(least)
    listed = ", ".join(f"{number} in {split}" for split, number in numbers.items() if number)
    missing = [names[i] for i in np.flatnonzero((table["test"] > 0) & (table["train"] == 0))]
    return [
        view.finding(
            "rare-labels",
            numbers.get("train", 0),
            f"Labels with fewer than {FEW} rows: {listed}; rows of the rarest: {rarest}",
            ok_title=f"Rows of the rarest label: {rarest}",
            statistics=numbers,
            examples=[line for labels in rare.values() for line in labels][:SHOWN],
            advice="Find more examples of them, or merge them into a broader label.",
            at_least="note" if any(numbers.values()) else "ok",
        ),
        view.finding(
            "untrained-labels",
            len(missing),
            f"In test but not in train: {', '.join(missing)}",
            ok_title="Each label of the test is in train",
            statistics={"labels": len(missing)},
            advice="No model predicts a label it never saw: move rows, or leave the label out.",
        ),
    ]


def joined_labels(view: View) -> list[Finding]:
    """Finds labels that join other labels with a separator: several labels of one row."""
    names = [view.label_names[kind] for kind in np.unique(view.label[view.used])]
    known = {name.casefold(): name for name in names}
    joined = {
        name: (sign, parts)
        for name in names
        for sign in _JOINS
        if len(parts := [x.strip().casefold() for x in name.split(sign)]) > 1
        and all(part in known for part in parts)
    }
    held = np.isin(view.label, [n for n, x in enumerate(view.label_names) if x in joined])
    rows = int(np.count_nonzero(held & view.used))
    messages = [
        f"{shortened(name, 60)!r} joins {', '.join(repr(known[part]) for part in parts)}"
        for name, (_, parts) in joined.items()
    ]
    sign = next(iter(joined.values()))[0] if joined else ""
    return [
        view.finding(
            "joined-labels",
            len(joined),
            f"{count(len(joined), 'label')} of {count(rows, 'row')}: "
            f"{'; '.join(messages[:3])}{'; …' * (len(messages) > 3)}",
            ok_title="No label joins others",
            statistics={"labels": len(joined), "rows": rows},
            examples=messages[:SHOWN],
            advice="A model learns each as a separate label. Map each to one label in data.labels; "
            f'if several annotators voted, set data.label_separator: "{sign}".',
        )
    ]


def label_shares(view: View) -> list[Finding]:
    """Compares the label shares of the held-out splits with those of train."""
    statistics: dict[str, float | int | str] = {}
    worst, messages = 0.0, []
    train = np.bincount(view.label[view.at("train")], minlength=len(view.label_names))
    for split in SPLITS[1:]:
        other = np.bincount(view.label[view.at(split)], minlength=len(view.label_names))
        seen = (train + other) > 0
        if not train.any() or not other.any() or seen.sum() < 2:
            continue
        apart = np.abs(train / train.sum() - other / other.sum())
        statistics[split] = float(apart.sum() / 2)
        if chi2_contingency(np.stack([train, other])[:, seen]).pvalue < _SIGNIFICANT:
            worst = max(worst, float(statistics[split]))
            name = int(apart.argmax())
            shares = [percent(float(x[name] / x.sum())) for x in (train, other)]
            messages.append(
                f"'{view.label_names[name]}' is {shares[0]} of train, {shares[1]} of {split}"
            )
    title = "; ".join(messages) or "No significant difference in label shares between splits"
    return [
        view.finding(
            "label-shares",
            worst,
            title,
            statistics=statistics,
            advice="Use macro-F1 rather than accuracy; a stratified split keeps the shares.",
        )
    ]


def lengths(view: View) -> list[Finding]:
    """Finds rows that are very short or very long, relative to the median length."""
    letters = np.array([fact.letters for fact in view.facts])
    median = float(np.median(letters[view.used])) if view.used.any() else 0.0
    low, high = max(20.0, median / 20), max(20 * median, 5000.0)
    order = np.argsort(letters, kind="stable")
    short = order[((letters < low) & view.used)[order]]
    long = order[((letters > high) & view.used)[order]][::-1]
    return [
        _unusual_length(view, "short-texts", short, f"fewer than {low:,.0f} letters", median),
        _unusual_length(view, "long-texts", long, f"more than {high:,.0f} letters", median),
    ]


def _unusual_length(view: View, check: str, rows: Ints, length: str, median: float) -> Finding:
    share = len(rows) / max(int(view.used.sum()), 1)
    return view.finding(
        check,
        share,
        f"{count(len(rows), 'row')} with {length} (median: {median:,.0f})",
        ok_title=f"No row has {length}",
        statistics={"rows": len(rows), "share": share, "median_letters": median},
        examples=view.examples(view.distinct(rows)),
        advice="Check that the article is complete, and is a single article.",
    )


def damage(view: View) -> list[Finding]:
    """Finds damaged encoding, left-over markup, missing values as text, and rows without prose."""
    hits = {
        flaw: np.array([flaw in fact.flaws for fact in view.facts], dtype=np.bool_)
        for flaw in FLAWS
    }
    # 'none' is a label of stance data.
    empty = np.array([name.casefold() in NO_VALUES - {"none"} for name in view.label_names])
    hits["no-value"] |= empty[view.label]
    hits["no-value"] |= [(name or "").strip().casefold() in NO_VALUES for name in view.targets]
    return [
        _damaged(view, check, flaws, advice, hits) for check, (flaws, advice) in _DAMAGE.items()
    ]


def _damaged(
    view: View, check: str, flaws: Sequence[str], advice: str, hits: Mapping[str, Bools]
) -> Finding:
    rows = {flaw: np.flatnonzero(hits[flaw] & view.used) for flaw in flaws}
    every = np.unique(np.concatenate(list(rows.values())))
    total = max(int(view.used.sum()), 1)
    title = "; ".join(
        f"{count(len(x), 'row')} with {FLAWS[flaw]}" for flaw, x in rows.items() if len(x)
    )
    return view.finding(
        check,
        len(every) / total,
        title,
        ok_title=f"No row with {', or '.join(FLAWS[flaw] for flaw in flaws)}",
        statistics={"rows": len(every), "share": len(every) / total},
        examples=view.examples(view.distinct(every)),
        advice=advice,
    )


def wrong_language(view: View) -> list[Finding]:
    """Finds rows in another language than their `language`, or than most of the data."""
    rows = np.flatnonzero(view.used)
    rows, drawn = view.sample(view.distinct(rows), _LANGUAGE_ROWS)
    identified = [
        (int(row), language)
        for row, language in zip(rows, languages(view.texts(rows.tolist(), _READ)), strict=True)
        if language
    ]
    kinds = Counter(language for _, language in identified)
    main, number = kinds.most_common(1)[0] if kinds else ("", 0)
    usual = main if number >= _MAIN * len(identified) else ""
    own = view.column("language")
    wrong = [
        row for row, language in identified if canonical(own[row] or usual) not in ("", language)
    ]
    mix = ", ".join(f"{name} {number:,}" for name, number in kinds.most_common(6))
    return [
        view.finding(
            "language",
            len(wrong) / max(len(identified), 1),
            f"{count(len(wrong), 'text')} of {len(identified):,} in another language than "
            f"expected: {mix}{drawn}",
            ok_title=f"All {len(identified):,} texts with an identified language are in the "
            f"expected one{': ' * bool(mix)}{mix}{drawn}",
            statistics={
                "wrong": len(wrong),
                "identified": len(identified),
                **{f"in_{k}": v for k, v in kinds.items()},
            },
            examples=view.examples(wrong),
            advice="Remove them, or give each row its language.",
        )
    ]


def dates(view: View) -> list[Finding]:
    """Counts missing dates, and checks whether test rows are newer than training rows."""
    days = np.array([_day(x) for x in view.column("published")], dtype="datetime64[D]")
    missing = np.isnat(days)
    if missing.all():
        return [view.finding("dates", 0, "No row has a date", statistics={"missing": view.size})]
    counts = [f"{count(int(missing.sum()), 'row')} of {view.size:,} without a date"]
    by_split = {x: float(missing[view.at(x)].mean()) for x in SPLITS if len(view.at(x))}
    counts += [f"{percent(share)} of {name}" for name, share in by_split.items()]
    wrong = (days > np.datetime64(datetime.now(UTC).date())) | (days < _FIRST_NEWSPAPER)
    if wrong.any():
        dated = count(int(wrong.sum()), "date")
        counts.append(f"{dated} before {_FIRST_NEWSPAPER} or in the future")
    finding = view.finding(
        "dates",
        float((missing | wrong).mean()),
        ", ".join(counts),
        ok_title="Each row has a date",
        statistics={"missing": int(missing.sum()), "wrong": int(wrong.sum()), **by_split},
        examples=view.examples(np.flatnonzero(wrong)),
        advice="A split by time leaves out rows without a date.",
    )
    usable = ~(missing | wrong)
    train, test = (
        np.sort(days[rows][usable[rows]]) for rows in (view.at("train"), view.at("test"))
    )
    return [finding, _time_leak(view, train, test)] if len(train) and len(test) else [finding]


def _time_leak(view: View, train: Days, test: Days) -> Finding:
    before, until = (np.searchsorted(train, test, side).mean() for side in _SIDES)
    older = 1 - float(before + until) / 2 / len(train)  # share of pairs; ties count half
    overlap = float((test <= train[-1]).mean())
    overlapping = (
        f"{percent(overlap)} of the test rows are not newer than the newest training row: "
        if overlap
        else ""
    )
    return view.finding(
        "time-leak",
        older,
        f"{overlapping}train is from {train[0]} to {train[-1]}, test from {test[0]} to {test[-1]}",
        statistics={
            "overlap": overlap,
            "older": older,
            "last": str(train[-1]),
            "first": str(test[0]),
        },
        advice="This does not measure accuracy on later news; data.split.strategy: time does.",
        at_least="note" if overlap else "ok",
    )


def _day(value: str | None) -> str:
    try:
        return str(np.datetime64((value or "NaT")[:10], "D"))
    except ValueError:
        return "NaT"
