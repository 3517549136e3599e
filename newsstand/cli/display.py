"""Prints the results of commands as tables and lines on stdout."""

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from newsstand.cli.terminal import ReaderGone, complain, put, visible

if TYPE_CHECKING:
    from newsstand.serve.score import Score
    from newsstand.train.evaluation.result import Evaluation
    from newsstand.train.result import Result

_WIDTH = 100  # of tables in a file or a pipe
_LISTED = 10  # outlets, and a third of the months that are listed before years are
_BESIDE = 60  # cells of a table of scores beside the article's name
_BESIDE_ID = 12  # and of a sample beside its id: a path that is wrapped cannot be copied
_SLICES = 3  # that are below the rest
_SHOWN = 400  # characters of a sample's text
# Metrics of the test rows: their key, their name and their format.
_METRICS = {
    "accuracy": ("accuracy", ".3f"),
    "macro_f1": ("macro-F1", ".3f"),
    "ece": ("ECE", ".3f"),
    "f_avg": ("F_avg", ".3f"),
    "fnc_score": ("FNC score", ".1f"),
    "mae": ("MAE", ".3f"),
}
_CONTROLS = {
    "text_only_macro_f1": ("text-only macro-F1", ".3f"),
    "target_only_macro_f1": ("target-only macro-F1", ".3f"),
    "target_changes_answer": ("target changes answer", ".3f"),
    "flip_accuracy": ("flip accuracy", ".3f"),
    "side_change": ("side change", ".3f"),
}


class _Answer(Console):
    """A console that raises `ReaderGone`, where Rich ends the program with status 1."""

    def on_broken_pipe(self) -> NoReturn:
        raise ReaderGone


def stdout() -> Console:
    """Returns a console for tables."""
    return _Answer(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)


def show_lines(lines: Mapping[str, str]) -> None:
    """Prints names and texts, one pair a line, the names in a column."""
    width = max(map(len, lines)) + 2
    for name, text in lines.items():
        put(f"{name:<{width}}{visible(text)}")


def show_result(result: "Result") -> None:
    """Prints the metrics of a training run, and where its model is."""
    table = Table(title=f"{result.task}: test rows", title_justify="left")
    table.add_column("label", no_wrap=True)
    for name in ("precision", "recall", "F1", "rows"):
        table.add_column(name, justify="right")
    for report in result.labels:
        shares = (f"{value:.3f}" for value in (report.precision, report.recall, report.f1))
        table.add_row(plain(result.names[report.label]), *shares, f"{report.support:,}")
    stdout().print(table)
    metrics = {
        name.removeprefix("test/"): value
        for name, value in result.metrics.items()
        if name.startswith("test/")
    }
    lines = {
        "test": _listed(metrics, _METRICS),
        "slices": _listed_slices(result.evaluation),
        "seeds": _listed_seeds(metrics),
        "controls": _listed(metrics, _CONTROLS),
        "warning": result.warning or "",
        "run": result.run_id,
        "page": result.url,
        "runs": result.runs_url,
        "model": result.model,
        "bundle": result.bundle,
    }
    optional = ("slices", "seeds", "controls", "warning", "runs")
    show_lines({name: text for name, text in lines.items() if text or name not in optional})


def _listed(metrics: Mapping[str, float], wanted: Mapping[str, tuple[str, str]]) -> str:
    """The metrics that a run has: `accuracy 0.688 (…), macro-F1 0.671 (…)`.

    In parentheses is the 95% interval, or for the calibration error its value before calibration.
    """
    parts = []
    for key, (name, form) in wanted.items():
        if key not in metrics:
            continue
        beside = ""
        if f"uncalibrated/{key}" in metrics:
            beside = f" ({metrics[f'uncalibrated/{key}']:{form}} uncalibrated)"
        elif f"{key}_low" in metrics:
            beside = f" ({metrics[f'{key}_low']:{form}}\u2013{metrics[f'{key}_high']:{form}})"
        parts.append(f"{name} {metrics[key]:{form}}{beside}")
    return ", ".join(parts)


def _listed_slices(evaluation: "Evaluation | None") -> str:
    """The slices that are significantly below the rest, the most frequent ones first."""
    slices = evaluation.slices if evaluation else ()
    below = sorted((x for x in slices if x.below), key=lambda x: -x.rows)
    shown = [
        f"{x.by} {x.value!r} {x.accuracy.value:.3f} in {x.rows:,} rows, {x.others:.3f} elsewhere"
        for x in below[:_SLICES]
    ]
    if len(below) > _SLICES:
        shown.append(f"and {len(below) - _SLICES} more")
    return f"accuracy below the rest: {'; '.join(shown)}" if shown else ""


def _listed_seeds(metrics: Mapping[str, float]) -> str:
    """Mean and standard deviation over several seeds."""
    return ", ".join(
        f"{name} {metrics[f'{key}_mean']:{form}} ± {metrics[f'{key}_std']:{form}}"
        for key, (name, form) in _METRICS.items()
        if f"{key}_mean" in metrics
    )


def show_data(summary: Mapping[str, Any], names: Mapping[str, str]) -> None:
    """Prints what a config loads.

    Args:
        summary: The result of `newsstand.data.describe`.
        names: Label to readable name.
    """
    lines = {"rows": ", ".join(f"{count:,} {split}" for split, count in summary["rows"].items())}
    if summary["left_out"]:
        lines["left out"] = ", ".join(f"{n:,} {why}" for why, n in summary["left_out"].items())
    if summary["ties"]:
        lines["ties"] = f"{summary['ties']:,} rows dropped, whose annotators' votes are tied"
    for number, note in enumerate(summary["notes"], start=1):
        lines[f"note {number}"] = note
    near = summary["near_duplicates"]
    if near and near["texts"]:
        lines["copies"] = (
            f"{near['texts']:,} texts have near-duplicates, in {near['stories']:,} groups"
        )
    if "dropped" in summary:
        shares = (f"{choice} {share:.1%}" for choice, share in summary["dropped"].items())
        lines["truncated"] = f"{', '.join(shares)} of the tokens, by model.long_text"
    show_lines(lines | {"splits": summary["note"], "digest": summary["digest"]})
    labels = {names[label]: counts for label, counts in summary["labels"].items()}
    outlets, months = summary["outlets"], summary["months"]
    _show_counts("label", labels)
    if "sources" in summary:
        _show_counts("source", summary["sources"])
    if set(outlets) - {""}:
        _show_counts("outlet", _named(outlets), most=_LISTED)
    if set(months) - {""}:
        _show_counts("published", _by_year(_named(months)))
    _show_words(summary["words"])
    for sample in summary["samples"]:
        _show_sample(sample, names)


def _named(counts: Mapping[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    return {name or "(not given)": count for name, count in counts.items()}


def _by_year(months: Mapping[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    if len(months) <= 3 * _LISTED:
        return dict(months)
    years: dict[str, dict[str, int]] = {}
    for month, counts in months.items():
        year = years.setdefault(month if month.startswith("(") else month[:4], {})
        for split, count in counts.items():
            year[split] = year.get(split, 0) + count
    return years


def _show_counts(
    title: str, counts: Mapping[str, Mapping[str, int]], most: int | None = None
) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column(title, overflow="fold")
    for split in next(iter(counts.values())):
        table.add_column(split, justify="right")
    for name, row in list(counts.items())[:most]:
        table.add_row(plain(name), *(f"{count:,}" for count in row.values()))
    if most and len(counts) > most:
        table.add_row(f"… and {len(counts) - most:,} more")
    _apart(table)


def _show_words(words: Mapping[str, Mapping[str, int]]) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("words")
    names = next(row for row in words.values() if row)
    for name in names:
        table.add_column(name, justify="right")
    for split, row in words.items():
        table.add_row(split, *(f"{count:,}" for count in row.values()))
    _apart(table)


def _show_sample(sample: Mapping[str, Any], names: Mapping[str, str]) -> None:
    label = names.get(sample["label"], sample["label"])
    more = (sample[name] for name in ("target", "outlet", "published"))
    facts = (sample["split"], label, *more)
    grid = Table(box=None, show_header=False, pad_edge=False)
    grid.add_row("row", plain(sample["id"]))
    grid.add_row("", plain(" · ".join(fact for fact in facts if fact)))
    if sample["title"]:
        grid.add_row("title", plain(sample["title"]))
    body = sample["body"]
    shown = visible(body[:_SHOWN], lines=True) + "…" * (len(body) > _SHOWN)
    grid.add_row("body", escape(shown))
    for number, span in enumerate(sample["removed"]):
        grid.add_row("" if number else "removed", plain(f"{span['rule']}: {_line(span['text'])}"))
    if sample["warning"]:
        grid.add_row("warning", plain(sample["warning"]))
    _apart(grid, least=_BESIDE_ID + cell_len(sample["id"]))


def _apart(table: Table, least: int = 0) -> None:
    console = stdout()
    console.width = max(console.width, least)
    console.print()
    console.print(table)


def show_scores(scores: Sequence[tuple[str, "Score | None"]]) -> None:
    """Prints a table of articles, each with its score or None, then their evidence."""
    console = stdout()
    stance = any(score and score.target is not None for _, score in scores)
    table = Table()
    # An article's name may be a path to copy: it is not wrapped, and the table may get wider.
    table.add_column("article", no_wrap=True)
    for title in ("label", "probability", *(["target"] if stance else [])):
        table.add_column(
            title, justify="right" if title == "probability" else "left", overflow="fold"
        )
    for name, score in scores:
        cells = (name, *["-"] * 3)
        if score:
            cells = (name, score.label_name, f"{score.probability:.3f}", score.target or "")
        table.add_row(*(plain(cell) for cell in cells[: 4 if stance else 3]))
    names = (cell_len(visible(name)) for name, _ in scores)
    console.width = max(console.width, _BESIDE + max(names, default=0))
    console.print(table)
    for name, score in scores:
        if score and score.evidence:
            console.print(_details(name, score))
        if score and score.warning:
            complain(f"{name}: {score.warning}")


def _details(name: str, item: "Score") -> Table:
    """The evidence for an article's label, and the boilerplate removed from the article."""
    grid = Table(
        title=plain(name), title_justify="left", box=None, show_header=False, pad_edge=False
    )
    first = "evidence"
    for passage in item.evidence:
        quoted = " (quoted)" if passage.quoted else ""
        grid.add_row(first, f"{passage.weight:+.3f}", plain(f"{_line(passage.text)}{quoted}"))
        first = ""
    first = "removed"
    for span in item.removed:
        grid.add_row(first, span.rule, plain(_line(span.text)))
        first = ""
    return grid


def _line(text: str) -> str:
    return " ".join(text.split())


def plain(text: str) -> str:
    """Text that rich prints unchanged, square brackets included, without control characters."""
    return escape(visible(text))
