"""What a check of labelled news says, and the view of the data that the checks share.

A check compares one figure with its `Limit`; so what is reported, what would have been all right,
and the table of all limits in the report are the same numbers.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from newsstand.data.checks.text_flaws import TextFacts, digest, text_facts
from newsstand.data.readers.sources import SPLITS, UNUSED
from newsstand.types import Bools

if TYPE_CHECKING:
    from newsstand.data.load import NewsData

Verdict = Literal["ok", "note", "warning", "error"]
VERDICTS: tuple[Verdict, ...] = ("ok", "note", "warning", "error")
Rows = NDArray[np.int64]  # numbers of rows

ANY = 1e-12  # a limit that the first case exceeds
SHOWN = 10  # examples of a finding
_CUT = 110  # characters of an example's text
_BREAK = "\n\n"  # between title and paragraphs
_BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What a check looks at, why, and from which figure on it is a note, a warning or an error.

    Args:
        name: Its heading in the report.
        why: Why it matters, in words for readers who train no models.
        measure: What the figure is.
        unit: `share` (shown in per cent), `points` (percentage points) or `count`.
        note: At or above it, worth knowing; None for never, as in the next two.
        warning: At or above it, results are probably better than they should be, or hard to read.
        error: At or above it, test results mean nothing, or rows cannot be used.
    """

    name: str
    why: str
    measure: str
    unit: Literal["share", "points", "count"] = "share"
    note: float | None = None
    warning: float | None = None
    error: float | None = None

    def verdict(self, figure: float) -> Verdict:
        """The verdict on a figure.

        >>> Limit(name="Copies", why="", measure="share of rows", warning=0.05).verdict(0.2)
        'warning'
        """
        for kind in reversed(VERDICTS[1:]):
            bound = getattr(self, kind)
            if bound is not None and figure >= bound:
                return kind
        return "ok"

    def bounds(self) -> dict[Verdict, str]:
        """The verdicts that a figure can get, and from where on, in words."""
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
        return f"{100 * bound:g} {'points' if self.unit == 'points' else '%'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found.

    Args:
        check: A stable key, such as `outlet-leak`.
        verdict: How bad it is.
        title: One line that says it, with the figure.
        figures: The figures by name.
        threshold: One line: what would have been all right.
        examples: At most 10 rows (the label-noise check: 20), with places and shortened text.
        advice: What to do; empty when there is nothing to do.
        chart: What, and how much of it (shares, 0 to 1): for a small plot.
    """

    check: str
    verdict: Verdict
    title: str
    figures: dict[str, float | int | str]
    threshold: str
    examples: list[str]
    advice: str
    chart: tuple[tuple[str, float], ...] = ()


class View:
    """The data as the checks look at it: small columns in memory, texts read in batches.

    Args:
        news: The rows and their splits.
        task: `topic` or `stance`.
        seed: Which rows a sample holds.
        limits: The limit of each check.
    """

    def __init__(
        self, news: "NewsData", *, task: str, seed: int, limits: Mapping[str, Limit]
    ) -> None:
        self.news, self.task, self.seed, self.limits = news, task, seed, limits
        self.size = len(news.rows)
        keys = news.rows.features["label"].names
        self.label_names = [str(news.labels.names.get(key, key)) for key in keys]
        self.label: Rows = np.array(self.column("label"), dtype=np.int64)
        # As it is used, and as the files give it: copies that were left out are in no split, and
        # a validation split that was drawn comes out of the training file.
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
        figure: float,
        title: str,
        *,
        calm: str = "",
        figures: Mapping[str, float | int | str],
        examples: Sequence[str] = (),
        advice: str = "",
        chart: Sequence[tuple[str, float]] = (),
        least: Verdict = "ok",
    ) -> Finding:
        """A finding whose verdict is the limit's on the figure, and `least` at the least.

        `calm` is its title when there is nothing to tell: figure 0, nothing at the least.
        """
        limit = self.limits[check]
        verdict = max(limit.verdict(figure), least, key=VERDICTS.index)
        return Finding(
            check=check,
            verdict=verdict,
            title=title if figure or not calm or least != "ok" else calm,
            figures={k: v if isinstance(v, str) else _plain(v) for k, v in figures.items()},
            threshold=str(limit),
            examples=list(examples),
            advice="" if verdict == "ok" else advice,
            chart=tuple((name, float(share)) for name, share in chart),
        )

    def column(self, name: str) -> list[Any]:
        """The values of a column in row order."""
        return self.news.column(name)

    def at(self, *splits: str) -> Rows:
        """The rows in these splits, in order."""
        return np.flatnonzero(np.isin(self.split, splits))

    @cached_property
    def facts(self) -> list[TextFacts]:
        """What the text of each row is like; equal texts are looked at once."""
        columns = ["title", "body", "prepared_title", "prepared_body"]
        found: dict[int, TextFacts] = {}  # stance data repeats an article for each target
        facts = []
        rows = self.news.rows.select_columns(columns).with_format("arrow")
        for batch in rows.iter(batch_size=_BATCH):
            for values in zip(*(batch[name].to_pylist() for name in columns), strict=True):
                key = hash(values)
                if key not in found:
                    found[key] = text_facts(*(value or "" for value in values))
                facts.append(found[key])
        return facts

    def texts(self, rows: Iterable[int], most: int) -> list[str]:
        """The prepared texts of some rows, cut to so many characters."""
        picked = self.news.rows.select_columns(["prepared_title", "prepared_body"])
        found: list[str] = []
        for batch in picked.select(list(rows)).iter(batch_size=_BATCH):
            for title, body in zip(batch["prepared_title"], batch["prepared_body"], strict=True):
                found.append(f"{title}\n\n{body[:most]}" if title else body[:most])
        return found

    def sample(self, rows: Rows, most: int) -> tuple[Rows, str]:
        """At most so many of the rows, drawn by content; and the words that say so."""
        if len(rows) <= most:
            return rows, ""
        keys = self.news.rows.select_columns(["text_key", "target"])[rows.tolist()]
        drawn = [
            digest(f"{self.seed}\0{key}\0{target}")
            for key, target in zip(keys["text_key"], keys["target"], strict=True)
        ]
        kept = np.sort(np.argsort(np.array(drawn), kind="stable")[:most])
        return rows[kept], f" (a sample of {most:,} of {len(rows):,} rows)"

    def examples(self, rows: Sequence[int] | Rows, most: int = SHOWN) -> list[str]:
        """Some rows as a reader needs them to find them again: id, split, label, text."""
        rows = [int(row) for row in rows[:most]]
        ids = self.news.rows.select_columns(["id"])[rows]["id"] if rows else []
        texts = self.texts(rows, 2 * _CUT)
        return [
            f"{shortened(name)} [{', '.join(filter(None, (self.given[row], self._label(row))))}]"
            f"{self._toward(row)}: {shortened(text.replace(_BREAK, ' / '))}"
            for name, row, text in zip(ids, rows, texts, strict=True)
        ]

    def distinct(self, rows: Rows) -> Rows:
        """The first row of each text, in the order given."""
        return rows[np.sort(np.unique(self.text[rows], return_index=True)[1])]

    def _label(self, row: int) -> str:
        return self.label_names[int(self.label[row])]

    def _toward(self, row: int) -> str:
        return f" toward '{shortened(self.targets[row], 60)}'" if self.task == "stance" else ""


def numbered(values: Sequence[str | None]) -> Rows:
    """Equal values get equal numbers, from 0 in order of value."""
    texts = np.array([value or "" for value in values], dtype=object)
    return np.unique(texts, return_inverse=True)[1].astype(np.int64)


def shortened(text: str | None, most: int = _CUT) -> str:
    """A text on one line, cut where it is long."""
    line = " ".join((text or "").split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def count(number: int, noun: str) -> str:
    """A number with its noun.

    >>> count(1, "row"), count(2000, "row")
    ('1 row', '2,000 rows')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def percent(share: float) -> str:
    """A share in per cent; 100 % only when it is all, and 0 % only when it is nothing.

    >>> percent(0.5), percent(0.9999), percent(0.0001), percent(1)
    ('50.0 %', '> 99.9 %', '< 0.1 %', '100 %')
    """
    if share in (0, 1):
        return f"{share:.0%}".replace("%", " %")
    if share > 0.9995:
        return "> 99.9 %"
    return "< 0.1 %" if share < 0.0005 else f"{100 * share:.1f} %"


def _plain(figure: float | int) -> float | int:
    """A number of Python, rounded, and not one of NumPy, for JSON."""
    return int(figure) if isinstance(figure, int | np.integer) else round(float(figure), 4)
