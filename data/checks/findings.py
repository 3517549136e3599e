"""The result of a check of labelled news, and the view of the data that the checks share.

A check compares one number with its `Limit`, so the reported number, its threshold and the table
of all limits in the report agree.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from newsstand.data.checks.text_flaws import TextFacts, digest, text_facts
from newsstand.data.readers.sources import SPLITS, UNUSED
from newsstand.types import Bools, Ints

if TYPE_CHECKING:
    from newsstand.data.load import NewsData

Verdict = Literal["ok", "note", "warning", "error"]
VERDICTS: tuple[Verdict, ...] = ("ok", "note", "warning", "error")

ANY = 1e-12  # a limit that a single case exceeds
SHOWN = 10  # examples of a finding
_EXAMPLE_CHARACTERS = 110
_BREAK = "\n\n"  # between title and paragraphs
_BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """The subject of a check, and the values from which it is a note, a warning or an error.

    Args:
        name: Heading in the report.
        why: Why it matters, for readers who train no models.
        measure: The value that is measured.
        unit: `share` (shown in percent), `points` (percentage points) or `count`.
        note: Lowest value that is worth knowing; None for never, as in the next two.
        warning: Lowest value at which results are probably too good, or hard to interpret.
        error: Lowest value at which test results are meaningless, or rows cannot be used.
    """

    name: str
    why: str
    measure: str
    unit: Literal["share", "points", "count"] = "share"
    note: float | None = None
    warning: float | None = None
    error: float | None = None

    def verdict(self, value: float) -> Verdict:
        """Returns the verdict on a value.

        >>> Limit(name="Copies", why="", measure="share of rows", warning=0.05).verdict(0.2)
        'warning'
        """
        for kind in reversed(VERDICTS[1:]):
            bound = getattr(self, kind)
            if bound is not None and value >= bound:
                return kind
        return "ok"

    def bounds(self) -> dict[Verdict, str]:
        """Returns the verdicts that a value can get, each with its lowest value as text."""
        given = {kind: getattr(self, kind) for kind in VERDICTS[1:]}
        return {kind: self._shown(bound) for kind, bound in given.items() if bound is not None}

    def __str__(self) -> str:
        bounds = ", ".join(f"{kind} from {bound}" for kind, bound in self.bounds().items())
        return f"{self.measure}: {bounds}"

    def _shown(self, bound: float) -> str:
        if bound == ANY or (self.unit == "count" and bound == 1):
            return "the first"
        if self.unit == "count":
            return f"{bound:,g}"
        return f"{100 * bound:g}{' points' if self.unit == 'points' else '%'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of one check.

    Args:
        check: A stable key, such as `outlet-label`.
        verdict: Severity.
        title: Summary in one line, with the measured value.
        statistics: Further values by name.
        threshold: The measure and its limits, in one line.
        examples: At most 10 rows (20 for `label-noise`), with id, split, label and shortened text.
        advice: What to do; empty when the verdict is `ok`.
        chart: Names and shares (0 to 1) of a bar chart.
    """

    check: str
    verdict: Verdict
    title: str
    statistics: dict[str, float | int | str]
    threshold: str
    examples: list[str]
    advice: str
    chart: tuple[tuple[str, float], ...] = ()


class View:
    """The data in the form that checks need: small columns in memory, texts read in batches.

    Args:
        news: The rows and their splits.
        task: `topic` or `stance`.
        seed: Seed of the samples.
        limits: The limit of each check.
    """

    def __init__(
        self, news: "NewsData", *, task: str, seed: int, limits: Mapping[str, Limit]
    ) -> None:
        self.news, self.task, self.seed, self.limits = news, task, seed, limits
        self.size = len(news.rows)
        keys = news.rows.features["label"].names
        self.label_names = [str(news.labels.names.get(key, key)) for key in keys]
        self.label: Ints = np.array(self.column("label"), dtype=np.int64)
        # `split` is as used, `given` as in the files: copies that were left out are in no split,
        # and a drawn validation split is part of the training file.
        self.split = np.array(news.split, dtype="U10")
        own = self.column("split")
        self.member: Bools = np.array([x != UNUSED for x in own], dtype=np.bool_)
        given = [x if x in SPLITS else "" for x in own]
        self.given = np.where(np.array(given, dtype="U10") == "", self.split, given)
        self.used: Bools = self.split != ""
        self.text = numbered(self.column("text_key"))
        self.targets = self.column("target")
        self.target = numbered(self.targets)
        stance = task == "stance"
        self.item = self.text * (self.target.max(initial=0) + 1) + self.target * stance

    def finding(
        self,
        check: str,
        value: float,
        title: str,
        *,
        ok_title: str = "",
        statistics: Mapping[str, float | int | str],
        examples: Sequence[str] = (),
        advice: str = "",
        chart: Sequence[tuple[str, float]] = (),
        at_least: Verdict = "ok",
    ) -> Finding:
        """Returns a finding with the limit's verdict on the value, or `at_least` if that is worse.

        `ok_title` is the title when the value is 0 and `at_least` is `ok`.
        """
        limit = self.limits[check]
        verdict = max(limit.verdict(value), at_least, key=VERDICTS.index)
        return Finding(
            check=check,
            verdict=verdict,
            title=title if value or not ok_title or at_least != "ok" else ok_title,
            statistics={k: v if isinstance(v, str) else _plain(v) for k, v in statistics.items()},
            threshold=str(limit),
            examples=list(examples),
            advice="" if verdict == "ok" else advice,
            chart=tuple((name, float(share)) for name, share in chart),
        )

    def column(self, name: str) -> list[Any]:
        """Returns the values of a column in row order."""
        return self.news.column(name)

    def at(self, *splits: str) -> Ints:
        """Returns the numbers of the rows in these splits, ascending."""
        return np.flatnonzero(np.isin(self.split, splits))

    @cached_property
    def facts(self) -> list[TextFacts]:
        """Facts about the text of each row; equal texts are examined once."""
        columns = ["title", "body", "prepared_title", "prepared_body"]
        known: dict[int, TextFacts] = {}  # stance data repeats an article for each target
        facts = []
        rows = self.news.rows.select_columns(columns).with_format("arrow")
        for batch in rows.iter(batch_size=_BATCH):
            for values in zip(*(batch[name].to_pylist() for name in columns), strict=True):
                key = hash(values)
                if key not in known:
                    known[key] = text_facts(*(value or "" for value in values))
                facts.append(known[key])
        return facts

    def texts(self, rows: Iterable[int], most: int) -> list[str]:
        """Returns the prepared texts of some rows, their bodies cut to `most` characters."""
        columns = self.news.rows.select_columns(["prepared_title", "prepared_body"])
        texts: list[str] = []
        for batch in columns.select(list(rows)).iter(batch_size=_BATCH):
            for title, body in zip(batch["prepared_title"], batch["prepared_body"], strict=True):
                texts.append(f"{title}\n\n{body[:most]}" if title else body[:most])
        return texts

    def sample(self, rows: Ints, most: int) -> tuple[Ints, str]:
        """Returns at most `most` of the rows, drawn by content, and a remark if it is a sample."""
        if len(rows) <= most:
            return rows, ""
        keys = self.news.rows.select_columns(["text_key", "target"])[rows.tolist()]
        drawn = [
            digest(f"{self.seed}\0{key}\0{target}")
            for key, target in zip(keys["text_key"], keys["target"], strict=True)
        ]
        kept = np.sort(np.argsort(np.array(drawn), kind="stable")[:most])
        return rows[kept], f" (a sample of {most:,} of {len(rows):,} rows)"

    def examples(self, rows: Sequence[int] | Ints, most: int = SHOWN) -> list[str]:
        """Describes the first `most` rows: id, split, label, text."""
        rows = [int(row) for row in rows[:most]]
        ids = self.news.rows.select_columns(["id"])[rows]["id"] if rows else []
        texts = self.texts(rows, 2 * _EXAMPLE_CHARACTERS)
        return [
            f"{shortened(name)} [{', '.join(filter(None, (self.given[row], self._label(row))))}]"
            f"{self._toward(row)}: {shortened(text.replace(_BREAK, ' / '))}"
            for name, row, text in zip(ids, rows, texts, strict=True)
        ]

    def distinct(self, rows: Ints) -> Ints:
        """Returns the first row of each text, in the given order."""
        return rows[np.sort(np.unique(self.text[rows], return_index=True)[1])]

    def _label(self, row: int) -> str:
        return self.label_names[int(self.label[row])]

    def _toward(self, row: int) -> str:
        return f" toward '{shortened(self.targets[row], 60)}'" if self.task == "stance" else ""


def numbered(values: Sequence[str | None]) -> Ints:
    """Returns a number for each value, from 0 in sorted order; equal values get equal numbers."""
    texts = np.array([value or "" for value in values], dtype=object)
    return np.unique(texts, return_inverse=True)[1].astype(np.int64)


def shortened(text: str | None, most: int = _EXAMPLE_CHARACTERS) -> str:
    """Returns a text on one line of at most `most` characters."""
    line = " ".join((text or "").split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def count(number: int, noun: str) -> str:
    """Formats a number with its noun.

    >>> count(1, "row"), count(2000, "row")
    ('1 row', '2,000 rows')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def percent(share: float) -> str:
    """Formats a share in percent; only exact values give 100% and 0%.

    >>> percent(0.5), percent(0.9999), percent(0.0001), percent(1)
    ('50.0%', '> 99.9%', '< 0.1%', '100%')
    """
    if share in (0, 1):
        return f"{share:.0%}"
    if share > 0.9995:
        return "> 99.9%"
    return "< 0.1%" if share < 0.0005 else f"{share:.1%}"


def _plain(value: float | int) -> float | int:
    """Converts a NumPy number to a rounded Python number, for JSON."""
    return int(value) if isinstance(value, int | np.integer) else round(float(value), 4)
