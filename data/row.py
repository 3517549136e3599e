"""The canonical row of one labelled article."""

from dataclasses import dataclass, field, fields


@dataclass(slots=True, kw_only=True)
class Row:
    """One labelled row in the canonical columns; optional values are None if empty.

    Args:
        split: `train`, `validation`, `test` or `unused`; None if the files do not give one.
        published: ISO 8601.
        genre: The kind of text, such as `opinion`; only for metrics by genre.
        curriculum: The first training stage of the row, `1` to `9`.
        votes: The annotators' labels, if there are several, in the order of the data.
        mentions: Places [start, end] of the target in `body`, the main one first.
        place: Source of the row in messages; not part of its content.
        own_id: Whether the data gives the id; else it is derived from the row's place.
    """

    id: str
    title: str
    body: str
    label: str
    target: str | None = None
    outlet: str | None = None
    published: str | None = None
    url: str | None = None
    language: str | None = None
    author: str | None = None
    group: str | None = None
    genre: str | None = None
    split: str | None = None
    curriculum: str | None = None
    votes: list[str] | None = None
    mentions: list[list[int]] | None = None
    place: str = field(default="", compare=False)
    own_id: bool = field(default=True, compare=False)


COLUMNS = tuple(field.name for field in fields(Row) if field.compare)
