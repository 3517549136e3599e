"""Tables of texts, which commands print."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from newsstand.cli.display import plain, stdout
from newsstand.cli.terminal import put, visible


@dataclass(frozen=True, slots=True)
class TextTable:
    """A table to print.

    Args:
        title: A line above it.
        columns: Their heads; those in `right` are aligned to the right.
        rows: One text per column.
        right: Heads of the columns with numbers.
        whole: Heads of the columns whose texts are never wrapped.
        ratios: Widths of the columns, relative to each other; empty for those of the texts.
        lined: Whether it has lines.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: Sequence[str] = ()
    whole: Sequence[str] = ()
    ratios: Sequence[int] = ()
    lined: bool = True


def show_table(text: TextTable) -> None:
    """Prints a table; control characters are spelled out, but for line breaks."""
    put(visible(text.title))  # a title of the table itself would be wrapped at its width
    table = Table(pad_edge=text.lined)
    if not text.lined:
        table.box = None
    for place, name in enumerate(text.columns):
        table.add_column(
            plain(name),
            justify="right" if name in text.right else "left",
            no_wrap=name in text.whole,
            overflow="fold",
            ratio=text.ratios[place] if text.ratios else None,
        )
    for row in text.rows:
        table.add_row(*("\n".join(map(plain, cell.split("\n"))) for cell in row))
    stdout().print(table)
