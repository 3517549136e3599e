"""Checks that count rows: what is unusable, rare, odd, damaged or out of date."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2_contingency

from newsstand.data.checks.findings import SHOWN, Finding, Rows, View, count, percent, shortened
from newsstand.data.checks.text_flaws import FLAWS, NO_VALUES, canonical, languages
from newsstand.data.readers.sources import SPLITS
from newsstand.types import Bools

FEW = 10  # rows of a label in a split; with fewer, its figures are anecdotes
_REASONS = {
    "conflict": "with conflicting labels",
    "repeat": "repeats",
    "unused": "left out by the data's own lists",
    "gap": "in the gap between train and test",
    "undated": "undated",
    "astride": "on both sides of a split",
    "later": "newer than the fold that is tested",
    "copied": "copies of another source's validation or test rows",
}
_DAMAGE = {
    "encoding": (
        ("mojibake", "replacement"),
        "Read the source again as UTF-8; letters lost to � cannot be brought back.",
    ),
    "markup": (("html",), "Take the text out of the page's article element before labelling."),
    "no-values": (("no-value",), "Leave the field empty, or the row out."),
    "no-text": (("no-text",), "Take rows out that hold no prose."),
}
_LANGUAGE_ROWS, _READ = 8_000, 400  # rows, characters of each
_JOINS = ("|", ";", ",", "/", "+", "&", "\t")
_SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")
Days = NDArray[np.datetime64]
_FIRST_NEWSPAPER = np.datetime64("1605-01-01")
_MAIN = 0.8  # share of the texts that makes a language that of the data
_LEAST_FOR_CHANCE = 1e-3  # differences that chance makes more often than this are none


def unusable_rows(view: View) -> list[Finding]:
    """Records that validation refused, and annotators' ties."""
    problems, ties = view.news.problems, view.news.ties
    notes = view.news.notes
    tied = f"; {count(ties, 'record')} dropped, as its annotators' votes are tied" if ties else ""
    tied += "".join(f"; {note.what}" for note in notes)
    return [
        view.finding(
            "unusable-rows",
            len(problems),
            f"{count(len(problems), 'record')} cannot be used{tied}"
            if problems
            else f"All records are usable{tied}",
            figures={"problems": len(problems), "ties": ties, "rows": view.size},
            examples=[shortened(x, 300) for x in (*problems, *map(str, notes))][:SHOWN],
            advice="Mend them or take them out: while there are any, nothing is trained."
            if problems
            else "See that this is what you meant.",
            least="note" if notes else "ok",
        )
    ]


def duplicate_ids(view: View) -> list[Finding]:
    """Ids that several rows have."""
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
            calm="Each row has an id of its own",
            figures={"ids": len(several), "rows": rows},
            examples=[f"{shortened(name)}: {times[name]} rows" for name in several[:SHOWN]],
            advice="Give each row its own id, so that predictions can be told apart.",
        )
    ]


def left_out(view: View) -> list[Finding]:
    """Rows that are in no split, and why."""
    reasons = view.news.left_out
    rows = int(np.count_nonzero(~view.used))
    told = ", ".join(f"{reasons[name]:,} {_REASONS.get(name, name)}" for name in sorted(reasons))
    return [
        view.finding(
            "left-out",
            rows / max(view.size, 1),
            f"{rows:,} of {count(view.size, 'row')} are in no split"
            + (f": {told}" if told else ""),
            calm="All rows are in a split",
            figures={"rows": rows, **reasons},
            advice="See that this is what you meant (data.repeats, data.split, the split lists).",
        )
    ]


def rare_labels(view: View) -> list[Finding]:
    """Labels with too few rows in a split to learn or to measure."""
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
    found = {split: len(told) for split, told in rare.items()}
    few = found.get("train", 0)
    rarest = ", ".join(least)
    told = ", ".join(f"{number} in {split}" for split, number in found.items() if number)
    missing = [names[i] for i in np.flatnonzero((table["test"] > 0) & (table["train"] == 0))]
    return [
        view.finding(
            "rare-labels",
            few,
            f"Labels with fewer than {FEW} rows: {told}; rows of the rarest: {rarest}",
            calm=f"Rows of the rarest label: {rarest}",
            figures=found,
            examples=[line for told in rare.values() for line in told][:SHOWN],
            advice="Find more examples of them, or merge them into a broader label.",
            least="note" if any(found.values()) else "ok",
        ),
        view.finding(
            "untrained-labels",
            len(missing),
            f"Tested but never in train: {', '.join(missing)}",
            calm="Each tested label is in train",
            figures={"labels": len(missing)},
            advice="No model finds a label that it never saw: move rows, or leave the label out.",
        ),
    ]


def joined_labels(view: View) -> list[Finding]:
    """Labels that are several others with a sign between them: several labels of one row."""
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
    told = [
        f"{shortened(name, 60)!r} joins {', '.join(repr(known[part]) for part in parts)}"
        for name, (_, parts) in joined.items()
    ]
    sign = next(iter(joined.values()))[0] if joined else ""
    return [
        view.finding(
            "joined-labels",
            len(joined),
            f"{count(len(joined), 'label')} of {count(rows, 'row')}: "
            f"{'; '.join(told[:3])}{'; …' * (len(told) > 3)}",
            calm="No label is several others in one",
            figures={"labels": len(joined), "rows": rows},
            examples=told[:SHOWN],
            advice="A model takes them for a label of its own. Give each row one in data.labels; "
            f'if several annotators voted, set data.label_separator: "{sign}".',
        )
    ]


def label_shares(view: View) -> list[Finding]:
    """Whether labels are as frequent in the held-out splits as in train."""
    figures: dict[str, float | int | str] = {}
    worst, told = 0.0, []
    train = np.bincount(view.label[view.at("train")], minlength=len(view.label_names))
    for split in SPLITS[1:]:
        other = np.bincount(view.label[view.at(split)], minlength=len(view.label_names))
        seen = (train + other) > 0
        if not train.any() or not other.any() or seen.sum() < 2:
            continue
        apart = np.abs(train / train.sum() - other / other.sum())
        figures[split] = float(apart.sum() / 2)
        if chi2_contingency(np.stack([train, other])[:, seen]).pvalue < _LEAST_FOR_CHANCE:
            worst = max(worst, float(figures[split]))
            name = int(apart.argmax())
            shares = [percent(float(x[name] / x.sum())) for x in (train, other)]
            told.append(
                f"'{view.label_names[name]}' is {shares[0]} of train, {shares[1]} of {split}"
            )
    title = "; ".join(told) or "Labels are as frequent in all splits, as far as chance allows"
    return [
        view.finding(
            "label-shares",
            worst,
            title,
            figures=figures,
            advice="Read macro-F1 rather than accuracy; a stratified split keeps the shares.",
        )
    ]


def lengths(view: View) -> list[Finding]:
    """Very short and very long rows, against what is usual in these data."""
    letters = np.array([fact.letters for fact in view.facts])
    middle = float(np.median(letters[view.used])) if view.used.any() else 0.0
    low, high = max(20.0, middle / 20), max(20 * middle, 5000.0)
    order = np.argsort(letters, kind="stable")
    short, long_ = (letters < low) & view.used, (letters > high) & view.used
    return [
        _odd(view, "short-texts", order[short[order]], f"fewer than {low:,.0f} letters", middle),
        _odd(
            view, "long-texts", order[long_[order]][::-1], f"more than {high:,.0f} letters", middle
        ),
    ]


def _odd(view: View, check: str, rows: Rows, words: str, middle: float) -> Finding:
    share = len(rows) / max(int(view.used.sum()), 1)
    return view.finding(
        check,
        share,
        f"{count(len(rows), 'row')} with {words}, where half have {middle:,.0f} or more",
        calm=f"No row has {words}",
        figures={"rows": len(rows), "share": share, "median_letters": middle},
        examples=view.examples(view.distinct(rows)),
        advice="See whether the article is all there, and is one article.",
    )


def damage(view: View) -> list[Finding]:
    """Damaged encoding, left-over markup, missing values written as text, and what is no text."""
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
    what = "; ".join(
        f"{count(len(x), 'row')} with {FLAWS[flaw]}" for flaw, x in rows.items() if len(x)
    )
    return view.finding(
        check,
        len(every) / total,
        what,
        calm=f"No row with {', or '.join(FLAWS[flaw] for flaw in flaws)}",
        figures={"rows": len(every), "share": len(every) / total},
        examples=view.examples(view.distinct(every)),
        advice=advice,
    )


def wrong_language(view: View) -> list[Finding]:
    """Rows in another language than they say, or than the data are in."""
    rows = np.flatnonzero(view.used)
    rows, drawn = view.sample(view.distinct(rows), _LANGUAGE_ROWS)
    told = [
        (int(row), language)
        for row, language in zip(rows, languages(view.texts(rows.tolist(), _READ)), strict=True)
        if language
    ]
    kinds = Counter(language for _, language in told)
    main, number = kinds.most_common(1)[0] if kinds else ("", 0)
    usual = main if number >= _MAIN * len(told) else ""
    own = view.column("language")
    wrong = [row for row, language in told if canonical(own[row] or usual) not in ("", language)]
    mix = ", ".join(f"{name} {number:,}" for name, number in kinds.most_common(6))
    return [
        view.finding(
            "language",
            len(wrong) / max(len(told), 1),
            f"{count(len(wrong), 'text')} of {len(told):,} in another language than expected: "
            f"{mix}{drawn}",
            calm=f"All {len(told):,} texts long enough to tell are in the language expected"
            f"{': ' * bool(mix)}{mix}{drawn}",
            figures={
                "wrong": len(wrong),
                "told": len(told),
                **{f"in_{k}": v for k, v in kinds.items()},
            },
            examples=view.examples(wrong),
            advice="Take them out, or give each row its language.",
        )
    ]


def dates(view: View) -> list[Finding]:
    """Missing dates, and whether the test rows are newer than what the model learns from."""
    days = np.array([_day(x) for x in view.column("published")], dtype="datetime64[D]")
    missing = np.isnat(days)
    if missing.all():
        return [view.finding("dates", 0, "No row has a date", figures={"missing": view.size})]
    told = [f"{count(int(missing.sum()), 'row')} of {view.size:,} without a date"]
    by_split = {x: float(missing[view.at(x)].mean()) for x in SPLITS if len(view.at(x))}
    told += [f"{percent(share)} of {name}" for name, share in by_split.items()]
    odd = (days > np.datetime64(datetime.now(UTC).date())) | (days < _FIRST_NEWSPAPER)
    if odd.any():
        told.append(f"{count(int(odd.sum()), 'date')} before {_FIRST_NEWSPAPER} or in the future")
    first = view.finding(
        "dates",
        float((missing | odd).mean()),
        ", ".join(told),
        calm="Each row has a date",
        figures={"missing": int(missing.sum()), "odd": int(odd.sum()), **by_split},
        examples=view.examples(np.flatnonzero(odd)),
        advice="A split by time leaves rows without a date out.",
    )
    train, test = (
        np.sort(days[rows][~(missing | odd)[rows]]) for rows in (view.at("train"), view.at("test"))
    )
    return [first, _time_leak(view, train, test)] if len(train) and len(test) else [first]


def _time_leak(view: View, train: Days, test: Days) -> Finding:
    before, until = (np.searchsorted(train, test, side).mean() for side in _SIDES)
    older = 1 - float(before + until) / 2 / len(train)  # share of pairs; ties count half
    overlap = float((test <= train[-1]).mean())
    told = (
        f"{percent(overlap)} of the test rows are no newer than the newest training row: "
        if overlap
        else ""
    )
    return view.finding(
        "time-leak",
        older,
        f"{told}train is from {train[0]} to {train[-1]}, test from {test[0]} to {test[-1]}",
        figures={"overlap": overlap, "older": older, "last": str(train[-1]), "first": str(test[0])},
        advice="This does not show how a model does on later news; data.split.strategy: time does.",
        least="note" if overlap else "ok",
    )


def _day(value: str | None) -> str:
    try:
        return str(np.datetime64((value or "NaT")[:10], "D"))
    except ValueError:
        return "NaT"
