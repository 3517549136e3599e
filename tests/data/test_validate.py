"""Validation: each invalid row is reported in one line with its place and field."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import pytest

from checking import OTHERS, STANCES, check, found, problems
from newsstand.config.data_specs import ReadSpec
from newsstand.data.readers.sources import UNUSED, SplitRecord
from newsstand.data.validate import Row, Validator
from newsstand.errors import DataError
from newsstand.io.records import Problem
from newsstand.labels import FROM_DATA, LabelSet


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
                    "body": "b",
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
        Row(id="w.csv:3", title="T", body="b", label="acq"),
    ]
    assert [row.own_id for row in rows] == [True, False]
    assert labels == LabelSet(FROM_DATA, {"acq": "acq", "earn": "earn"})


def test_texts_like_null_stay_texts() -> None:
    texts = ["NA", "None", "null", "nan", "0", "false"]
    rows, _ = check(found([{"label": "a", "body": text} for text in texts] + OTHERS))
    assert [row.body for row in rows[:6]] == texts


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"label": "acq"}, "field 'body': missing"),
        ({"body": "x"}, "field 'label': missing"),
        ({"label": "", "body": "x"}, "field 'label': empty; expected a label"),
        ({"label": " ", "body": "x"}, "field 'label': empty; expected a label"),
        (
            {"label": 1, "body": "x"},
            "field 'label': integer 1 without a name; give each a name in data.labels",
        ),
        (
            {"label": "1", "body": "x"},
            "field 'label': integer 1 without a name; give each a name in data.labels",
        ),
        (
            {"label": -1, "body": "x"},
            "field 'label': integer -1 without a name; give each a name in data.labels",
        ),
        *(
            (
                {"label": label, "body": "x"},
                "field 'label': integer 1 without a name; give each a name in data.labels",
            )
            for label in (1.0, "1.0", "1.")
        ),
        (
            {"label": True, "body": "x"},
            "field 'label': truth value true without a name; give each a name in data.labels",
        ),
        ({"label": 1.5, "body": "x"}, "field 'label': expected text, got float 1.5"),
        ({"label": float("inf"), "body": "x"}, "field 'label': expected text, got float inf"),
        ({"label": float("nan"), "body": "x"}, "field 'label': missing"),
        ({"label": {"acq": 1}, "body": "x"}, "field 'label': expected text, got dict {'acq': 1}"),
        ({"label": "a\nb", "body": "x"}, "field 'label': expected text of one line, got 'a\\nb'"),
        (
            {"label": "acq", "body": ["x" * 100] * 100},
            "field 'body': expected text, got list "
            "['xxxxxxxxxxxx...xxxxxxxxxxxxx', 'xxxxxxxxxxxx...xxxxxxxx…",
        ),
        ({"label": "acq", "body": 5}, "field 'body': expected text, got int 5"),
        ({"label": "acq", "body": {"p": "x"}}, "field 'body': expected text, got dict {'p': 'x'}"),
        (
            {"label": "acq", "body": "x", "title": 1.5},
            "field 'title': expected text, got float 1.5",
        ),
        (
            {"label": "acq", "body": "x", "group": ["A"]},
            "field 'group': expected text, got list ['A']",
        ),
        (
            {"label": "acq", "body": "x", "split": "holdout"},
            "field 'split': expected train, validation or test, got 'holdout'",
        ),
    ],
)
def test_invalid_field_is_one_line(row: dict[str, Any], problem: str) -> None:
    assert problems(found([*OTHERS, row])) == [f"d/w.csv:4: {problem}"]


def test_column_missing_from_a_file_is_one_problem() -> None:
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


def test_configured_column_must_exist() -> None:
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
        "published, url, language, author, group, genre, split, curriculum, mentions)"
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
def test_unknown_label_suggests_the_nearest(
    scheme: str | tuple[str, ...], label: str, hint: str
) -> None:
    separator = " " if hint.startswith("(") else "; "
    assert problems(found([{"label": label, "body": "x"}]), scheme=scheme) == [
        f"d/w.csv:2: field 'label': unknown label '{label}'{separator}{hint}"
    ]


def test_scheme_labels_by_id_name_old_name_and_url() -> None:
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
    assert [row.label for row in check(coded, labels=names)[0]] == ["left", "Right"]
    rows, _ = check(coded, scheme=("left", "centre", "right"), labels=names)
    assert [row.label for row in rows] == ["left", "right"]
    assert problems(coded, scheme=("left", "right"), labels={"0": "left"}) == [
        "d/w.csv:3: field 'label': integer 2 without a name; give each a name in data.labels"
    ]
    # A listed label may look like a number, as text.
    rows, _ = check(
        found([{"label": "0", "body": "x"}, {"label": "2", "body": "y"}]), scheme=("0", "2")
    )
    assert [row.label for row in rows] == ["0", "2"]


def test_stance_needs_a_target() -> None:
    rows = [
        {"label": "favor", "body": "x", "target": " the levy "},
        {"label": "against", "body": "x", "target": " "},
        {"label": "neutral", "body": "x", "target": None},
        {"label": "neutral", "body": "x", "target": 5},
        {"label": "neutral", "body": "x", "target": "x" * 1_001},
    ]
    assert problems(found(rows), task="stance", scheme=STANCES) == [
        "d/w.csv:3: field 'target': empty; stance needs a target",
        "d/w.csv:4: field 'target': empty; stance needs a target",
        "d/w.csv:5: field 'target': expected text, got int 5",
        "d/w.csv:6: field 'target': 1,001 characters, expected at most 1,000",
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


def test_all_problems_are_reported_with_a_count() -> None:
    items = found([{"label": "", "body": "x"}] * 30)
    items.insert(3, (None, Problem("d/w.csv:9: expected 2 cells as in the header, got 1")))
    with pytest.raises(DataError) as caught:
        check(items)
    assert len(caught.value.problems) == 31
    lines = str(caught.value).splitlines()
    assert lines[3] == "d/w.csv:9: expected 2 cells as in the header, got 1"
    assert lines[20:] == ["… and 11 more problems"]


def test_no_rows_and_a_single_label_are_problems() -> None:
    assert problems([]) == ["the data: no rows"]
    assert problems(found([OTHERS[0]] * 3)) == [
        "the data: expected at least two labels, all 3 rows have 'acq'"
    ]


def test_rows_are_streamed_with_their_place() -> None:
    def endless() -> Iterator[SplitRecord]:
        while True:
            yield from found(OTHERS, "train")

    validator = Validator(task="topic", scheme=FROM_DATA, read=ReadSpec())
    rows = validator.rows(endless())
    assert [next(rows).place for _ in range(3)] == ["d/w.csv:2", "d/w.csv:3", "d/w.csv:2"]
    assert validator.labels().labels == ("acq", "earn")


def test_blank_optional_value_is_none() -> None:
    optional = ("outlet", "published", "url", "language", "author", "group", "split")
    for blank in ("", "  ", None):
        [row, *_] = check(found([{**OTHERS[0], **dict.fromkeys(optional, blank)}, *OTHERS]))[0]
        assert [getattr(row, name) for name in optional] == [None] * len(optional)
    [row, *_] = check(found([{**OTHERS[0], **dict.fromkeys(optional[3:6], " NA ")}, *OTHERS]))[0]
    assert [row.language, row.author, row.group] == ["NA", "NA", "NA"]


@pytest.mark.parametrize(
    ("value", "published"),
    [
        ("3 May 2019", "2019-05-03"),
        ("", None),
        (None, None),
        (1556877600, "2019-05-03T10:00:00+00:00"),
        (datetime(2019, 5, 3, 10), "2019-05-03T10:00:00"),
    ],
)
def test_published_becomes_iso_8601(value: object, published: str | None) -> None:
    [row, *_] = check(found([{**OTHERS[0], "published": value}, *OTHERS]))[0]
    assert row.published == published


def test_invalid_date_is_a_problem_if_strict() -> None:
    either = found([{**OTHERS[0], "day": "05/03/2019"}, {**OTHERS[1], "day": "soon"}])
    columns = {"published": "day"}
    assert problems(either, columns=columns, dates_strict=True) == [
        "d/w.csv:2: field 'day': '05/03/2019': day or month first? Set data.dates to day-first "
        "or month-first",
        "d/w.csv:3: field 'day': 'soon': expected a date, such as 2019-05-03, "
        "2019-05-03T10:00:00Z or 3 May 2019",
    ]
    rows, _ = check([either[0], *found(OTHERS)[1:]], dates="day-first", columns=columns)
    assert rows[0].published == "2019-03-05"
    nothing = found([{**OTHERS[n], "published": x} for n, x in enumerate((float("nan"), " "))])
    assert [row.published for row in check(nothing, dates_strict=True)[0]] == [None, None]


def test_labels_that_differ_only_in_case_are_reported() -> None:
    rows = [{"label": label, "body": "x"} for label in ("Sport", "sport", "Money  fx", "money fx")]
    assert problems(found(rows)) == [
        "the data: labels 'Money  fx' and 'money fx' differ only in case or spacing; "
        "set data.fold_case=true, or give them one name in data.labels",
        "the data: labels 'Sport' and 'sport' differ only in case or spacing; "
        "set data.fold_case=true, or give them one name in data.labels",
    ]
    names = {"Sport": "sport", "Money  fx": "money fx"}
    assert check(found(rows), labels=names)[1].labels == ("money fx", "sport")


def test_column_misspelt_in_one_record_is_reported() -> None:
    rows = [{**OTHERS[0], "outlet": "Wire"}, {**OTHERS[1], "outlte": "Wire"}]
    assert problems(found(rows)) == [
        "d/w.csv:3: field 'outlte': unknown, while other records have 'outlet'"
    ]
    # A column of the user's own, beside ours in another record.
    rows = [{**OTHERS[0], "published": "2019-05-03"}, {**OTHERS[1], "publisher": "Wire"}]
    assert len(problems(found(rows))) == 1
    rows.append({**OTHERS[0], "published": "2019-05-03", "publisher": "Wire"})
    assert len(check(found(rows))[0]) == 3


@pytest.mark.parametrize("name", ["outlte", "Outlet", "outle", "putlet"])
def test_misspelt_column_is_reported(name: str) -> None:
    rows = found([{**row, name: "Wire"} for row in OTHERS])
    assert problems(rows) == [
        f"the data: suggested settings: 'data.columns={{outlet: \"{name}\"}}'",
        f"d/w.csv: column '{name}': unknown; did you mean 'outlet'? (data.columns)",
    ]
    assert check(rows, columns={"outlet": name})[0][0].outlet == "Wire"
    for own in ("outlets", "publisher", "_id", "idx", "targets", "desk"):
        assert len(check(found([{**row, own: "Wire"} for row in OTHERS]))[0]) == 2


def test_header_of_one_cell_has_a_hint() -> None:
    rows = [{"label|body": "acq|Wheat fell."}]
    assert problems(found(rows)) == [
        f"d/w.csv: no column '{name}' (columns here: label|body); are its cells separated by "
        "commas, semicolons or tabs? (data.csv.delimiter)"
        for name in ("label", "body")
    ]


@pytest.mark.parametrize(
    "places", [[[0, 99]], [[3, 3]], [[0, 2.5]], [["0", 2]], [[0]], [0, 2], "[[0, 2]]", 3]
)
def test_invalid_target_places_are_reported(places: object) -> None:
    row = {"label": "favor", "body": "Lee said she would.", "target": "Lee"}
    good = found([{**row, "mentions": [[0, 3], [9, 12]]}, {**row, "label": "against"}])
    rows, _ = check(good, task="stance", scheme=STANCES)
    assert [row.mentions for row in rows] == [[[0, 3], [9, 12]], None]
    [problem] = problems(found([{**row, "mentions": places}]), task="stance", scheme=STANCES)
    assert problem.startswith("d/w.csv:2: field 'mentions': ")
    assert problem.endswith(": expected [[start, end], …], places of the target in the body")
    # A topic has no target: a column of that name is the user's own.
    assert check(found([{**OTHERS[0], "mentions": places}, OTHERS[1]]))[0][0].mentions is None


def test_unused_rows_are_left_out_by_the_data() -> None:
    rows, _ = check([*found(OTHERS, UNUSED), *found([{**OTHERS[0], "split": "Unused"}])])
    assert [row.split for row in rows] == [UNUSED] * 3
