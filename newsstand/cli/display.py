"""What the command line shows: progress on stderr, tables on stdout."""

import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from newsstand.cli.terminal import ReaderGone, complain, put, visible

if TYPE_CHECKING:
    from newsstand.serve.score import Score
    from newsstand.train.run import Result

_QUIET = 30.0  # seconds after which a stage says how far it is, where there is no bar
_WIDTH = 100  # of tables that go to a file or a pipe
_LISTED = 10  # outlets, and months before they are summed up by year
_BESIDE = 60  # cells of a table of scores beside the article's name
_BESIDE_ID = 12  # and of a sample beside its id: a path that is wrapped cannot be copied
_SHOWN = 400  # characters of a sample's text
_CONTROLS = (
    *("text_only_macro_f1", "target_only_macro_f1", "target_changes_answer"),
    *("flip_accuracy", "side_change"),
)


def stderr() -> Console:
    """The console for progress."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


class _Answer(Console):
    """Rich ends the program with status 1 where nobody reads on."""

    def on_broken_pipe(self) -> NoReturn:
        raise ReaderGone


def stdout() -> Console:
    """The console for tables."""
    return _Answer(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)


class StageProgress:
    """A line a stage on stderr; while it lasts a bar, or, not on a terminal, a line now and then.

    Args:
        console: Where to.
        quiet: Seconds between these lines.
    """

    def __init__(self, console: Console, quiet: float = _QUIET) -> None:
        self._console = console
        self._quiet = quiet
        self._ended: threading.Event | None = None
        self._said = ""
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn())
        counts = TextColumn("{task.fields[counts]}")
        self._bar = Progress(
            *columns, counts, TimeRemainingColumn(), console=console, transient=True
        )
        self._task = self._bar.add_task("", total=None, counts="")

    def begin(self, stage: str) -> None:
        """A stage begins."""
        self._hush()
        self._bar.reset(self._task, description=stage, total=None, counts="")
        if self._console.is_terminal:
            self._bar.start()
        else:
            self._said, self._ended = "", threading.Event()
            told = (stage, time.monotonic(), self._ended)
            threading.Thread(target=self._tell, args=told, daemon=True).start()

    def progress(self, stage: str, done: int, total: int | None) -> None:
        """So many rows are done, of how many if that is known."""
        counts = f"{done:,}" + (f" of {total:,}" if total else "")
        self._said = f"{stage}: {counts}" if done or total else stage
        self._bar.update(self._task, description=stage, completed=done, total=total, counts=counts)

    def stop(self) -> None:
        """Ends the bar, which else leaves the terminal without a cursor, and the lines."""
        self._hush()
        if self._bar.live.is_started:
            self._bar.stop()

    def _hush(self) -> None:
        if self._ended is not None:
            self._ended.set()

    def _tell(self, stage: str, begun: float, ended: threading.Event) -> None:
        while not ended.wait(self._quiet):
            minutes = (time.monotonic() - begun) / 60
            self._console.print(
                f"{stage:<10}{minutes:6.1f} min  {visible(self._said)}", markup=False
            )

    def end(self, stage: str, detail: str, seconds: float) -> None:
        """A stage is done: what came of it, and the seconds it took."""
        self.stop()
        self._console.print(f"{stage:<10}{seconds:6.1f} s  {visible(detail)}", markup=False)


@contextmanager
def progress(stage: str) -> Iterator[StageProgress]:
    """Progress on stderr, begun with a stage, that gives the terminal back however it ends."""
    shown = StageProgress(stderr())
    shown.begin(stage)
    try:
        yield shown
    finally:
        shown.stop()


def show_lines(lines: Mapping[str, str]) -> None:
    """Names and what they say, one a line, the names in a column."""
    width = max(map(len, lines)) + 2
    for name, text in lines.items():
        put(f"{name:<{width}}{visible(text)}")


def show_result(result: "Result") -> None:
    """The figures of a training run."""
    table = Table(title=f"{result.task}: test rows", title_justify="left")
    table.add_column("label", no_wrap=True)
    for name in ("precision", "recall", "F1", "rows"):
        table.add_column(name, justify="right")
    for report in result.labels:
        shares = (f"{value:.3f}" for value in (report.precision, report.recall, report.f1))
        table.add_row(plain(result.names[report.label]), *shares, f"{report.support:,}")
    stdout().print(table)
    named = ("accuracy", "macro_f1", "ece", "f_avg", "fnc_score", "mae")
    figures = {name: result.metrics.get(f"test/{name}") for name in named}
    lines = {"test": "  ".join(f"{k} {v:.4f}" for k, v in figures.items() if v is not None)}
    told = [
        f"{name} {mean:.4f} ± {result.metrics[f'test/{name}_std']:.4f}"
        for name in named
        if (mean := result.metrics.get(f"test/{name}_mean")) is not None
    ]
    if told:
        lines["seeds"] = "  ".join(told)
    controls = {name: result.metrics.get(f"test/{name}") for name in _CONTROLS}
    if any(value is not None for value in controls.values()):
        shown = (f"{name} {value:.4f}" for name, value in controls.items() if value is not None)
        lines["controls"] = "  ".join(shown)
    if result.warning:
        lines["warning"] = result.warning
    show_lines(
        lines
        | {
            "run": result.run_id,
            "page": result.url,
            "model": result.model,
            "bundle": result.bundle,
        }
    )


def show_data(found: Mapping[str, Any], names: Mapping[str, str]) -> None:
    """What a config loads, as `newsstand.data.describe` counts it.

    Args:
        found: What `describe` returns.
        names: Label to readable name.
    """
    lines = {"rows": ", ".join(f"{count:,} {split}" for split, count in found["rows"].items())}
    if found["left_out"]:
        lines["left out"] = ", ".join(f"{n:,} {why}" for why, n in found["left_out"].items())
    if found["ties"]:
        lines["ties"] = f"{found['ties']:,} rows dropped, as their annotators' votes are tied"
    for number, note in enumerate(found["notes"], start=1):
        lines[f"note {number}"] = note
    near = found["near_duplicates"]
    if near and near["texts"]:
        lines["copies"] = (
            f"{near['texts']:,} texts are near-duplicates: {near['stories']:,} stories told again"
        )
    if "dropped" in found:
        shares = (f"{choice} {share:.1%}" for choice, share in found["dropped"].items())
        lines["not read"] = f"{', '.join(shares)} of the text (model.long_text)"
    show_lines(lines | {"splits": found["note"], "digest": found["digest"]})
    labels = {names[label]: counts for label, counts in found["labels"].items()}
    outlets, months = found["outlets"], found["months"]
    _show_counts("label", labels)
    if "sources" in found:
        _show_counts("source", found["sources"])
    if set(outlets) - {""}:
        _show_counts("outlet", _named(outlets), most=_LISTED)
    if set(months) - {""}:
        _show_counts("published", _by_year(_named(months)))
    _show_words(found["words"])
    for sample in found["samples"]:
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
    """A table of articles, each with its score or None, and what spoke for it if asked for."""
    console = stdout()
    stance = any(score and score.target is not None for _, score in scores)
    table = Table()
    # An article's name may be a path, to be copied: the table grows past the width instead.
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
    """Why an article got its label, and what was left out of it."""
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
    """Text that rich shows as it is, square brackets included, without control characters."""
    return escape(visible(text))
