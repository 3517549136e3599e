"""A comparison as tables and lines for the terminal."""

from collections.abc import Mapping, Sequence

from newsstand.cli.text_table import TextTable
from newsstand.train.comparison.comparison import Comparison, Disagreement, Pair
from newsstand.train.comparison.wording import (
    drawn,
    figure,
    metric_name,
    p_value,
    signed,
    subtraction,
)

_SHOWN = 5  # articles of a list
_SETTINGS = 4  # settings of a run
_LONGEST = 40  # characters of a setting's value
_ARTICLE = 90  # characters of an article's title or first words
_INTERVAL = "95% interval"


def runs_table(comparison: Comparison) -> TextTable:
    """The runs, each with its metric, interval, and settings that differ."""
    metric = comparison.metric
    settings = any(run.settings for run in comparison.runs)
    name = metric_name(metric)
    rows = []
    for run in comparison.runs:
        value = run.value
        interval = f"{figure(value.low or 0, metric)} to {figure(value.high or 0, metric)}"
        cells = [run.letter, run.title, figure(value.value, metric), interval]
        rows.append([*cells, *([_settings(run.settings)] if settings else [])])
    return TextTable(
        f"{comparison.task}: {comparison.rows:,} test rows, {drawn(comparison)}",
        ["", "run", name, _INTERVAL, *(["settings that differ"] if settings else [])],
        rows,
        right=[name],
        whole=[name, _INTERVAL],
    )


def _settings(settings: Mapping[str, str]) -> str:
    shown = [f"{key}={_short(_line(value), _LONGEST)}" for key, value in settings.items()]
    more = len(shown) - _SETTINGS
    return "\n".join(shown[:_SETTINGS] + ([f"… and {more} more"] if more > 0 else []))


def pairs_table(comparison: Comparison) -> TextTable:
    """The differences to read first."""
    metric, every = comparison.metric, len(comparison.pairs)
    title = f"difference in {metric_name(metric)}"
    if every > 1:
        title += f"; p-values corrected for all {every} pairs (Holm)"
    rows = [
        (
            subtraction(pair),
            signed(pair.test.difference, metric),
            f"{signed(pair.test.low, metric)} to {signed(pair.test.high, metric)}",
            p_value(pair.p),
            p_value(pair.p_mcnemar),
            pair.verdict,
        )
        for pair in comparison.main_pairs()
    ]
    columns = ["pair", "difference", _INTERVAL, "p", "McNemar p", "result"]
    right = ["difference", "p", "McNemar p"]
    return TextTable(title, columns, rows, right=right, whole=columns[:-1])


def counts_table(comparison: Comparison) -> TextTable:
    """How many articles only one of two runs gets right."""
    rows = [
        (f"{pair.first}, {pair.second}", f"{len(pair.only_first):,}", f"{len(pair.only_second):,}")
        for pair in comparison.main_pairs()
    ]
    columns = ["first, second", "only the first", "only the second"]
    title = "articles that only one of two runs gets right"
    return TextTable(title, columns, rows, right=columns[1:])


def articles_tables(comparison: Comparison, pair: Pair) -> list[TextTable]:
    """Articles that only one of the runs gets right, for each of both."""
    first, second = pair.first, pair.second
    return [
        _articles(comparison, pair.only_first, right=first, wrong=second, other="second"),
        _articles(comparison, pair.only_second, right=second, wrong=first, other="first"),
    ]


def _articles(
    comparison: Comparison, rows: Sequence[Disagreement], *, right: str, wrong: str, other: str
) -> TextTable:
    count = len(rows)
    title = f"{right} right, {wrong} wrong: {count:,} article{'' if count == 1 else 's'}"
    if count > _SHOWN:
        title += f"; the {_SHOWN} of which {wrong} is most certain"
    cells = [
        (_article(row), *(comparison.labels[x] for x in (row.label, getattr(row, other))))
        for row in rows[:_SHOWN]
    ]
    columns = ["article", f"true label, as {right} says", f"{wrong} says"]
    return TextTable(title, columns, cells, ratios=(5, 3, 3), lined=False)


def _article(row: Disagreement) -> str:
    text = _short(_line(row.title or row.first_words or row.id or "(no text)"), _ARTICLE)
    return f"{text} [{row.target}]" if row.target else text


def _line(text: str) -> str:
    return " ".join(text.split())


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"
