"""The canonical row: what is known of one labelled article."""

from dataclasses import dataclass, field, fields


@dataclass(slots=True, kw_only=True)
class Row:
    """One labelled row in the canonical columns; an optional value that is empty is None.

    Args:
        split: `train`, `validation`, `test`, or `unused`; None where the files do not say.
        published: ISO 8601.
        curriculum: The stage from which on a fine-tuned network learns the row: `1` to `9`.
        votes: The annotators' labels, where a row has several, in the order of the data.
        mentions: Places [start, end] of the target in `body`, the main one first.
        place: Where the row comes from, for messages; no part of what the row says.
        own_id: Whether the data gives the id; else it is the row's place.
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
    split: str | None = None
    curriculum: str | None = None
    votes: list[str] | None = None
    mentions: list[list[int]] | None = None
    place: str = field(default="", compare=False)
    own_id: bool = field(default=True, compare=False)


COLUMNS = tuple(field.name for field in fields(Row) if field.compare)
