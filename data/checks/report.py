"""Renders the findings as one self-contained HTML page for readers without Python knowledge."""

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from newsstand.cli.terminal import visible
from newsstand.data.checks.audit import LIMITS, summary
from newsstand.data.checks.findings import VERDICTS, Finding, Verdict, count, percent
from newsstand.data.readers.sources import SPLITS

if TYPE_CHECKING:
    from newsstand.data.load import NewsData

_MOST = 40  # labels in a table
_OUTLETS = 8
_RARE_YEAR = 0.0005  # least share of the rows for a year's bar


def html(findings: Sequence[Finding], *, name: str, news: "NewsData") -> str:
    """Returns the page: each finding, what it means and what to do, and a summary of the data.

    Args:
        findings: Result of `audit`.
        name: Name of the data.
        news: The data.
    """
    worst: Verdict = max((x.verdict for x in findings), key=VERDICTS.index, default="ok")
    outlets = Counter(filter(None, news.column("outlet")))
    days = filter(None, news.column("published"))
    years = Counter(day[:4] for day in days if re.match(r"\d{4}-", day, re.ASCII))
    return _template().render(
        name=name,
        worst=worst,
        summary=summary(findings),
        facts=_facts(news, outlets, years),
        heads=(*SPLITS, "all", "share"),
        labels=_labels(news),
        most_labels=_MOST,
        years=_histogram(years) if len(years) > 1 else None,
        outlets=", ".join(f"{name} ({n:,})" for name, n in outlets.most_common(_OUTLETS)),
        by_verdict={kind: [x for x in findings if x.verdict == kind] for kind in VERDICTS},
        limits=LIMITS,
        digest=news.digest,
    )


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True,
        finalize=_shown,
        keep_trailing_newline=True,
        loader=FileSystemLoader(Path(__file__).parent),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {"count": count, "grouped": "{:,}".format, "percent": percent}
    return environment.get_template("report.html.jinja")


def _shown(value: object) -> Markup:
    """Escapes a value and spells out its control characters; leaves results of macros as is."""
    return value if isinstance(value, Markup) else escape(visible(str(value)))


def _facts(
    news: "NewsData", outlets: Counter[str], years: Counter[str]
) -> dict[str, tuple[str, str]]:
    """Returns statistics by name, each with a remark."""
    sizes = {name: news.split.count(name) for name in SPLITS}
    rows, used = len(news.split), sum(sizes.values())
    targets = set(filter(None, news.column("target")))
    facts = {
        "Rows": (f"{rows:,}", f"{used:,} in use" if used < rows else "all in use"),
        **{name.capitalize(): (f"{n:,}", percent(n / max(used, 1))) for name, n in sizes.items()},
        "Labels": (f"{len(news.labels)}", ""),
    }
    facts |= {"Outlets": (f"{len(outlets):,}", "")} if outlets else {}
    facts |= {"Targets": (f"{len(targets):,}", "")} if targets else {}
    if years:
        first, last = min(years), max(years)
        span = f"rows, all of {first}" if first == last else f"rows, {first} to {last}"
        facts["Dates"] = (f"{sum(years.values()):,}", span)
    return facts


class _Label(NamedTuple):
    """Rows of a label: by split and in total; share of all rows, and of the largest label's."""

    name: str
    rows: list[int]
    share: float
    length: float


def _labels(news: "NewsData") -> list[_Label]:
    """Returns the labels that have rows, the most frequent first."""
    keys = news.rows.features["label"].names
    label, split = np.array(news.column("label")), np.array(news.split)
    table = np.array([np.bincount(label[split == name], minlength=len(keys)) for name in SPLITS])
    times = table.sum(axis=0)
    return [
        _Label(
            str(news.labels.names.get(keys[i], keys[i])),
            [*table[:, i].tolist(), int(times[i])],
            float(times[i] / times.sum()),
            float(times[i] / times.max()),
        )
        for i in np.argsort(-times, kind="stable")
        if times[i]
    ]


class _Bar(NamedTuple):
    year: int
    rows: int
    x: float
    width: float
    height: float


class _Years(NamedTuple):
    """A histogram of height 100; `rest` counts the rows of years too rare for a bar."""

    bars: list[_Bar]
    first: int
    last: int
    busiest: int
    most: int
    rest: int
    end: float


def _histogram(years: Counter[str]) -> _Years:
    # A few wrong years would compress all others into one bar.
    total = sum(years.values())
    least = max(_RARE_YEAR * total, 1)
    shown = {int(year): n for year, n in sorted(years.items()) if n >= least}
    first, last, most = min(shown), max(shown), max(shown.values())
    width = min(640 / (last - first + 1), 60)
    return _Years(
        bars=[
            _Bar(year, n, (year - first) * width + 1, max(width - 2, 1), 90 * n / most)
            for year, n in shown.items()
        ],
        first=first,
        last=last,
        busiest=max(shown, key=lambda year: (shown[year], year)),
        most=most,
        rest=total - sum(shown.values()),
        end=(last - first + 1) * width,
    )
