"""Prints shares of labels and signs of drift."""

from typing import TYPE_CHECKING

from rich.table import Table

from newsstand.cli.display import plain, show_lines, stdout
from newsstand.cli.terminal import put, visible

if TYPE_CHECKING:
    from newsstand.train.monitor.drift import Drift
    from newsstand.train.monitor.prevalence import Prevalence

_MOST_CELLS = 40  # shown
_MOST_SHARES = 5  # of a cell with many labels
_LEAST_LABELS = 8  # fewer are all shown


def show_prevalence(found: "Prevalence") -> None:
    """Prints a table of cells with the shares of their labels, and what they assume."""
    table = Table(title=f"share of articles by label, {found.confidence:.0%} interval")
    table.title_justify = "left"
    for name in found.by:
        table.add_column(plain(name), overflow="fold")
    table.add_column("rows", justify="right", no_wrap=True)
    table.add_column("label", overflow="fold")
    for name in ("share", "interval", "counted"):
        table.add_column(name, justify="right", no_wrap=True)
    hidden = 0
    for cell in found.cells[:_MOST_CELLS]:
        shares = list(cell.shares)
        if len(shares) >= _LEAST_LABELS:
            shares = sorted(shares, key=lambda x: -x.share)[:_MOST_SHARES]
            hidden = len(cell.shares) - len(shares)
        for number, x in enumerate(shares):
            first = not number
            table.add_row(
                *(plain(value) if first else "" for value in cell.values.values()),
                f"{cell.rows:,}{' *' if cell.few_rows else ''}" if first else "",
                plain(x.name),
                f"{x.share:.3f}",
                f"{x.low:.3f} to {x.high:.3f}",
                f"{x.counted:.3f}",
                end_section=number == len(shares) - 1,
            )
    stdout().print(table)
    more = len(found.cells) - _MOST_CELLS
    if more > 0:
        put(f"… and {more:,} more; -o FILE.csv writes all")
    if hidden:
        put(f"the {_MOST_SHARES} largest shares; -o FILE.csv writes the other {hidden} labels too")
    again = ", calibrated again" if found.recalibrated else ""
    grouped = f" in {found.groups:,} groups" if found.groups < found.held_out else ""
    show_lines(
        {
            "method": f"{found.method}, from {found.held_out:,} held-out rows{grouped}{again}; "
            f"{found.resamples:,} resamples",
            "model": f"{found.model} ({found.digest[:12]}…)",
            "assumes": found.assumption,
        }
    )
    for note in found.notes:
        put(visible(f"note: {note}"))


def show_drift(found: "Drift") -> None:
    """Prints a verdict, the tests behind it, and what has moved most."""
    moved = [sign.name for sign in found.signs if sign.moved]
    verdict = f"moved: {', '.join(moved)}" if moved else "no drift found"
    put(f"{verdict} (level {found.alpha:.0%}, corrected for {len(found.signs)} tests)")
    table = Table()
    table.add_column("compared", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("p, corrected", justify="right", no_wrap=True)
    table.add_column("value is", overflow="fold")
    for sign in found.signs:
        p = "<0.001" if sign.p_corrected < 0.001 else f"{sign.p_corrected:.3f}"
        about = f"{sign.measure}; {sign.detail}" if sign.detail else sign.measure
        table.add_row(f"{sign.name}{' *' if sign.moved else ''}", f"{sign.value:.3f}", p, about)
    stdout().print(table)
    reasons = list(dict.fromkeys(found.skipped.values()))
    for reason in reasons:
        names = [name for name, other in found.skipped.items() if other == reason]
        put(visible(f"not compared: {', '.join(names)}; {reason}"))
    _show_changes(found)
    show_lines(
        {
            "new": f"{found.rows:,} scored rows, texts of {found.texts:,} of them",
            "held-out": f"{found.held_out:,} rows, texts of {found.held_out_texts:,} of them",
            "model": f"{found.model} ({found.digest[:12]}…)",
        }
    )


def _show_changes(found: "Drift") -> None:
    if not found.changes:
        return
    table = Table(title="moved most: share of texts or rows", title_justify="left", box=None)
    table.add_column("")
    table.add_column("name", overflow="fold")
    table.add_column("held-out", justify="right")
    table.add_column("new", justify="right")
    last = ""
    for change in found.changes:
        what = "" if change.what == last else change.what
        last = change.what
        table.add_row(what, plain(change.name), f"{change.before:.1%}", f"{change.now:.1%}")
    stdout().print(table)
