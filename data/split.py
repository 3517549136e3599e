"""Shares rows out over train, validation and test, by content and never by row order."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from newsstand.data.validate import Row


def assign_splits(
    rows: Sequence[Row], *, validation: float, test: float, stratify: bool, seed: int
) -> list[str]:
    """The split of each row: the given one, else one drawn by content.

    Rows of the same `group`, and rows with the same text, stay together. What the data gives
    is kept: with given test rows no more are drawn, and the same for validation; validation
    rows are drawn from the training rows. A row without a split joins those it must stay with.

    Args:
        rows: All rows; `row.split` may be None.
        validation: Share of the training rows to hold out when no row is given as validation.
        test: Share of all rows to hold out when no row is given as a split at all.
        stratify: Draw each label's share apart.
        seed: Another seed, another draw.
    """
    units = _units(rows)
    given: dict[str, set[str]] = defaultdict(set)
    for unit, row in zip(units, rows, strict=True):
        if row.split:
            given[unit].add(row.split)
    splits = [
        row.split or min(given[unit], default=None) for unit, row in zip(units, rows, strict=True)
    ]
    if not any(splits):
        _draw(rows, units, splits, "test", test, stratify, seed)
    if "validation" not in splits:
        _draw(rows, units, splits, "validation", validation, stratify, seed)
    return [split or "train" for split in splits]


def _draw(
    rows: Sequence[Row],
    units: Sequence[str],
    splits: list[str | None],
    name: str,
    share: float,
    stratify: bool,
    seed: int,
) -> None:
    members: dict[str, list[int]] = defaultdict(list)
    for index, unit in enumerate(units):
        if splits[index] in (None, "train"):
            members[unit].append(index)
    strata: dict[str, list[str]] = defaultdict(list)
    for unit, indices in members.items():
        label = Counter(sorted(rows[i].label for i in indices)).most_common(1)[0][0]
        strata[label if stratify else ""].append(unit)
    for keys in strata.values():
        sizes = {key: len(members[key]) for key in keys}
        keys.sort(key=lambda key: hashlib.sha256(f"{seed}\0{name}\0{key}".encode()).digest())
        for key in _pick(keys, sizes, share):
            for index in members[key]:
                splits[index] = name


def _pick(keys: Sequence[str], sizes: Mapping[str, int], share: float) -> list[str]:
    """Keys in their order, until they hold the share of all rows as nearly as they can.

    One key always stays; of two keys or more, one is always picked when the share is not 0.
    """
    wanted = round(share * sum(sizes.values()))
    picked: list[str] = []
    drawn = 0
    for key in keys:
        # Passed over: what would exceed the share by more than it now lacks, such as a group
        # that holds most of the rows.
        if len(picked) < len(keys) - 1 and 2 * drawn + sizes[key] <= 2 * wanted:
            picked.append(key)
            drawn += sizes[key]
    if not picked and share and len(keys) > 1:
        picked.append(min(keys, key=sizes.__getitem__))
    return picked


def _units(rows: Sequence[Row]) -> list[str]:
    """For each row a key of all rows it must stay with: by group or by text, at any remove."""
    parents: dict[str, str] = {}

    def root(key: str) -> str:
        while parents.setdefault(key, key) != key:
            parents[key] = key = parents[parents[key]]
        return key

    texts = [f"text {content_key(row.title, row.body)}" for row in rows]
    for text, row in zip(texts, rows, strict=True):
        first, second = sorted((root(text), root(f"group {row.group}" if row.group else text)))
        parents[second] = first
    return [root(text) for text in texts]


def content_key(title: str, body: str) -> str:
    """A digest that is the same for texts that differ only in case and spacing."""
    text = " ".join(f"{title}\n{body}".casefold().split())
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
