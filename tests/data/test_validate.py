"""Validation: every bad row is one line with its place and field, and none gets through."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pytest

from newsstand.data.formats import Found
from newsstand.data.validate import Row, validate
from newsstand.errors import DataError
from newsstand.labels import FROM_DATA, LabelSet
from newsstand.records import Problem, Record

STANCES = "favor-against-neutral"
OTHERS = [
    {"label": "acq", "body": "Wheat fell."},
    {"label": "earn", "body": "Corn rose."},
]


def found(rows: Sequence[Mapping[str, Any]], split: str | None = None) -> list[Found]:
    return [
        (split, Record(dict(values), "d/w.csv", f"d/w.csv:{line}"))
        for line, values in enumerate(rows, start=2)
    ]


def check(
    items: list[Found],
    *,
    task: str = "topic",
    scheme: str | tuple[str, ...] = FROM_DATA,
    columns: Mapping[str, str] | None = None,
    label_names: Mapping[str, str] | None = None,
) -> tuple[list[Row], LabelSet]:
    return validate(
        items, task=task, scheme=scheme, columns=columns or {}, label_names=label_names or {}
    )


def problems(items: list[Found], **settings: Any) -> list[str]:
    with pytest.raises(DataError) as caught:
        check(items, **settings)
    return caught.value.problems


def test_rows_in_canonical_columns() -> None:
    rows, labels = check(
        found(
            [
                {
                    "id": 7,
                    "label": " earn\t",
                    "body": "a",
                    "group": 3,
                    "published": date(2024, 1, 2),
                },
                {
                    "label": "acq",
                    "body": "",
                    "title": "T",
                    "target": "x",
                    "outlet": None,
                    "desk": [1],
                },
            ]
        )
    )
    assert rows == [
        Row(id="7", title="", body="a", label="earn", group="3", published="2024-01-02"),
        Row(id="w.csv:3", title="T", body="", label="acq"),
    ]
    assert labels == LabelSet(FROM_DATA, {"acq": "acq", "earn": "earn"})


def test_texts_that_look_like_nothing_stay_texts() -> None:
    texts = ["NA", "None", "null", "nan", "0", "false"]
    rows, _ = check(found([{"label": "a", "body": text} for text in texts] + OTHERS))
    assert [row.body for row in rows[:6]] == texts


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"label": "acq", "body": ""}, "field 'body': empty; expected the article's text"),
        (
            {"label": "acq", "body": " \n", "title": "\t"},
            "field 'body': empty; expected the article's text",
        ),
        ({"label": "acq", "body": None}, "field 'body': missing"),
        ({"label": "acq"}, "field 'body': missing"),
        ({"body": "x"}, "field 'label': missing"),
        ({"label": "", "body": "x"}, "field 'label': empty; expected a label"),
        ({"label": " ", "body": "x"}, "field 'label': empty; expected a label"),
        (
            {"label": 1, "body": "x"},
            "field 'label': integer 1 without a name; give each a name in data.label_names",
        ),
        (
            {"label": "1", "body": "x"},
            "field 'label': integer 1 without a name; give each a name in data.label_names",
        ),
        (
            {"label": -1, "body": "x"},
            "field 'label': integer -1 without a name; give each a name in data.label_names",
        ),
        ({"label": 1.0, "body": "x"}, "field 'label': expected text, got float 1.0"),
        ({"label": True, "body": "x"}, "field 'label': expected text, got bool True"),
        ({"label": ["acq"], "body": "x"}, "field 'label': expected text, got list ['acq']"),
        ({"label": "acq", "body": 5}, "field 'body': expected text, got int 5"),
        ({"label": "acq", "body": {"p": "x"}}, "field 'body': expected text, got dict {'p': 'x'}"),
        (
            {"label": "acq", "body": "x", "title": 1.5},
            "field 'title': expected text, got float 1.5",
        ),
        ({"label": "acq", "body": "x", "id": True}, "field 'id': expected text, got bool True"),
        (
            {"label": "acq", "body": "x", "outlet": ["A"]},
            "field 'outlet': expected text, got list ['A']",
        ),
        (
            {"label": "acq", "body": "x \ud83d y"},
            "field 'body': '\\ud83d' at character 2 is half a character (a lone surrogate)",
        ),
        (
            {"label": "acq", "body": "x", "split": "holdout"},
            "field 'split': expected train, validation or test, got 'holdout'",
        ),
    ],
)
def test_a_bad_field_is_one_line(row: dict[str, Any], problem: str) -> None:
    assert problems(found([*OTHERS, row])) == [f"d/w.csv:4: {problem}"]


def test_a_column_missing_everywhere_is_one_problem_of_the_file() -> None:
    rows = [{"lable": "acq", "body": "x", "n": "1"}] * 30
    assert problems(found(rows)) == [
        "d/w.csv: no column 'label' (columns here: lable, body, n); "
        "did you mean 'lable'? (data.columns)"
    ]
    mapped = found([{"klass": "acq", "text": "x"}, {"klass": "earn", "text": "y"}])
    assert [row.body for row in check(mapped, columns={"label": "klass", "body": "text"})[0]] == [
        "x",
        "y",
    ]
    assert problems(mapped, columns={"label": "class", "body": "txt"}) == [
        "d/w.csv: no column 'class' (columns here: klass, text); did you mean 'klass'? "
        "(data.columns)",
        "d/w.csv: no column 'txt' (columns here: klass, text); did you mean 'text'? (data.columns)",
    ]


def test_a_column_that_the_config_names_must_exist() -> None:
    # Without this a typing error in the group's column would leak stories across splits.
    rows = found([{**row, "story_id": "1"} for row in OTHERS])
    assert problems(rows, columns={"group": "storyid"}) == [
        "d/w.csv: no column 'storyid' (columns here: label, body, story_id); "
        "did you mean 'story_id'? (data.columns)"
    ]
    some = found([{**OTHERS[0], "story_id": "1"}, OTHERS[1]])
    assert [row.group for row in check(some, columns={"group": "story_id"})[0]] == ["1", None]
    assert problems(rows, columns={"boddy": "x", "klass": "y"}) == [
        f"data.columns: unknown column '{name}' (known: id, title, body, label, target, outlet, "
        "published, url, language, author, group, split)"
        for name in ("boddy", "klass")
    ]


@pytest.mark.parametrize(
    ("scheme", "label", "hint"),
    [
        ("iptc-media-topics", "sprot", "did you mean 'sport'?"),
        ("iptc-media-topics", "Politic", "did you mean 'politics'?"),
        (("left", "right"), "centre", "(labels: left, right)"),
        (tuple("abcdefghij"), "zzz", "(labels: a, b, c, d, e, f, g, h, …)"),
    ],
)
def test_an_unknown_label_names_the_nearest(
    scheme: str | tuple[str, ...], label: str, hint: str
) -> None:
    separator = " " if hint.startswith("(") else "; "
    assert problems(found([{"label": label, "body": "x"}]), scheme=scheme) == [
        f"d/w.csv:2: field 'label': unknown label '{label}'{separator}{hint}"
    ]


def test_labels_of_a_scheme_by_id_name_old_name_and_address() -> None:
    values = [
        "medtop:15000000",
        "Sport",
        "labor",
        "11000000",
        "https://cv.iptc.org/newscodes/mediatopic/17000000 ",
    ]
    rows, labels = check(
        found([{"label": value, "body": "x"} for value in values]), scheme="iptc-media-topics"
    )
    assert [row.label for row in rows] == [
        "15000000",
        "15000000",
        "09000000",
        "11000000",
        "17000000",
    ]
    assert labels.labels == ("09000000", "11000000", "15000000", "17000000")
    assert labels.names["09000000"] == "labour"


def test_coded_labels_need_names() -> None:
    coded = found([{"label": 0, "body": "x"}, {"label": "2", "body": "y"}])
    names = {"0": "left", "2": "Right"}
    assert [row.label for row in check(coded, label_names=names)[0]] == ["left", "Right"]
    rows, _ = check(coded, scheme=("left", "centre", "right"), label_names=names)
    assert [row.label for row in rows] == ["left", "right"]
    assert problems(coded, scheme=("left", "right"), label_names={"0": "left"}) == [
        "d/w.csv:3: field 'label': integer 2 without a name; give each a name in data.label_names"
    ]
    # A listed label may look like a number, as text.
    rows, _ = check(
        found([{"label": "0", "body": "x"}, {"label": "2", "body": "y"}]), scheme=("0", "2")
    )
    assert [row.label for row in rows] == ["0", "2"]


def test_a_stance_needs_its_target() -> None:
    rows = [
        {"label": "favor", "body": "x", "target": " the levy "},
        {"label": "against", "body": "x", "target": " "},
        {"label": "neutral", "body": "x", "target": None},
        {"label": "neutral", "body": "x", "target": 5},
    ]
    assert problems(found(rows), task="stance", scheme=STANCES) == [
        "d/w.csv:4: field 'target': missing",
        "d/w.csv:3: field 'target': empty; a stance needs its target",
        "d/w.csv:5: field 'target': expected text, got int 5",
    ]
    good, _ = check(
        found([rows[0], {**rows[0], "label": "Against"}]), task="stance", scheme=STANCES
    )
    assert [(row.target, row.label) for row in good] == [
        ("the levy", "favor"),
        ("the levy", "against"),
    ]
    assert check(found(OTHERS))[0][0].target is None


def test_splits_by_row_and_by_file() -> None:
    names = ["train", "Training", "valid", "val", "DEV ", "validation", "test", "", None]
    rows, _ = check(found([{**OTHERS[n % 2], "split": name} for n, name in enumerate(names)]))
    expected = ["train"] * 2 + ["validation"] * 4 + ["test", None, None]
    assert [row.split for row in rows] == expected
    # A file given as test whose rows say otherwise.
    rows_of_file = [
        {**row, "split": name} for row, name in zip(OTHERS, ["test", "train"], strict=True)
    ]
    assert problems(found(rows_of_file, "test")) == [
        "d/w.csv:3: field 'split': 'train', but its file is given as test"
    ]
    assert {row.split for row in check(found(OTHERS, "train"))[0]} == {"train"}


def test_all_problems_at_once_then_a_count() -> None:
    items = found([{"label": "acq", "body": ""}] * 30)
    items.insert(3, (None, Problem("d/w.csv:9: expected 2 cells as in the header, got 1")))
    with pytest.raises(DataError) as caught:
        check(items)
    assert len(caught.value.problems) == 31
    lines = str(caught.value).splitlines()
    assert lines[3] == "d/w.csv:9: expected 2 cells as in the header, got 1"
    assert lines[20:] == ["… and 11 more problems"]


def test_no_rows_and_a_single_label() -> None:
    assert problems([]) == ["the data: no rows"]
    assert problems(found([OTHERS[0]] * 3)) == [
        "the data: expected at least two labels, all 3 rows have 'acq'"
    ]
