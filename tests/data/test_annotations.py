"""Labels of several annotators: the majority is used, and ties are left out."""

from collections.abc import Mapping
from typing import Any

import pytest

from checking import OTHERS, STANCES, check, found, problems
from newsstand.config.data_specs import ReadSpec
from newsstand.data.validate import Validator

VOTES: list[tuple[list[object], str | None, list[str] | None]] = [
    (["favor", "against", "favor"], "favor", ["favor", "against", "favor"]),
    (["Favour ", None, "favor", ""], "favor", ["favor", "favor"]),
    (["against"], "against", ["against"]),
    (["favor", "against"], None, None),
    (["favor", "against", "neutral", "favor", "against"], None, None),
]


@pytest.mark.parametrize(("votes", "label", "kept"), VOTES)
@pytest.mark.parametrize("how", ["list", "columns", "separator"])
def test_the_majority_of_votes_is_the_label(
    how: str, votes: list[object], label: str | None, kept: list[str] | None
) -> None:
    names = [f"ann{number}" for number in range(len(votes))]
    values: Mapping[str, object] = {
        "list": {"label": votes},
        "columns": dict(zip(names, votes, strict=True)),
        "separator": {"label": "|".join(str(vote or "") for vote in votes)},
    }[how]
    validator = Validator(
        task="topic",
        scheme=STANCES,
        read=ReadSpec(
            columns={"label": tuple(names)} if how == "columns" else {},
            separator="|" if how == "separator" else None,
        ),
    )
    rows = list(validator.rows(found([{"body": "x", **values}])))
    assert validator.ties == (label is None)
    assert [(row.label, row.votes) for row in rows] == ([(label, kept)] if label else [])
    if label is None:
        assert validator.problems() == ["the data: no rows without a tie (1 tied)"]


def test_single_label_has_no_votes() -> None:
    assert [row.votes for row in check(found(OTHERS))[0]] == [None, None]


def test_invalid_and_missing_votes_are_reported() -> None:
    rows: list[dict[str, Any]] = [
        {"body": "x", "a": "favor", "b": "agianst"},
        {"body": "x", "a": "", "b": None},
        {"body": "x", "a": ["favor"], "b": 1},
        {"body": "x", "a": "favor"},
    ]
    assert problems(found(rows), scheme=STANCES, columns={"label": ("a", "b")}) == [
        "d/w.csv:5: field 'b': missing",
        "d/w.csv:2: field 'b': unknown label 'agianst'; did you mean 'against'?",
        "d/w.csv:3: field 'a': empty; expected a label",
        "d/w.csv:4: field 'a': expected text, got list ['favor']",
        "d/w.csv:4: field 'b': integer 1 without a name; give each a name in data.labels",
    ]
    assert problems(found(rows[:1]), scheme=STANCES, columns={"label": ("a", "c")})[0] == (
        "d/w.csv: no column 'c' (columns here: body, a, b)"
    )


def test_rows_with_unknown_labels_may_be_left_out_and_counted() -> None:
    values = ["favor", "pro", "pro", 7, ["favor", "con", "favor"], "  ", None]
    validator = Validator(
        task="topic", scheme=STANCES, read=ReadSpec(unknown_labels="drop"), one_of_several=True
    )
    rows = list(validator.rows(found([{"body": "x", "label": value} for value in values])))
    assert [row.label for row in rows] == ["favor"]
    assert [note.what for note in validator.notes] == [
        "2 rows with the unknown label 'pro'",
        "1 row with the unknown label '7'",
        "1 row with the unknown label 'con'",
    ]
    assert validator.problems() == [  # a missing label is not an unknown one
        "d/w.csv:7: field 'label': empty; expected a label",
        "d/w.csv:8: field 'label': missing",
    ]
