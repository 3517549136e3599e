"""The counting checks: each reports a flaw with its statistics, and is OK for sound data."""

import random
from collections.abc import Callable

import pytest

from audits import GERMAN, Make, Rows, counted
from newsstand.data.checks.audit import CHECKS, LIMITS, audit, lines


@pytest.mark.parametrize("task", ["topic", "stance"])
def test_sound_data_have_at_most_notes(make_rows: Make, make_news: Make, task: str) -> None:
    rows = make_rows()
    for number, row in enumerate(rows):
        row["target"] = f"the plan of town {number}" if task == "stance" else None
        row["outlet"] = f"Paper {random.Random(number).randrange(6)}"
    found = audit(make_news(rows), task=task)
    # The probe does not need targets here, which is a note.
    verdicts = {x.check: x.verdict for x in found if x.verdict != "ok"}
    assert verdicts == ({"text-alone": "note"} if task == "stance" else {})
    assert {x.check for x in found} <= set(LIMITS)
    assert all(not x.advice for x in found if x.verdict == "ok")


def test_unusable_records_are_an_error(make_rows: Make, make_news: Make) -> None:
    problems = [f"news.csv:{n}: field 'body': missing" for n in range(12)]
    found = counted(make_news(make_rows(), problems=problems), "unusable-rows")
    assert (found.verdict, found.statistics["problems"]) == ("error", 12)
    assert found.examples == problems[:10]


def _rename(rows: Rows) -> None:
    rows[3]["id"] = rows[4]["id"] = rows[5]["id"]


def _leave_out(rows: Rows) -> None:
    rows[0] |= {"split": "", "given": "unused"}


def _repeat(rows: Rows) -> None:
    rows[1] |= {"body": rows[0]["body"], "label": rows[0]["label"]}  # both train
    rows[3] |= {"body": rows[0]["body"].upper(), "label": rows[0]["label"]}


def _repeat_mostly(rows: Rows) -> None:
    train = [row for row in rows if row["split"] == "train"]
    for row in train[:20]:
        row |= {"body": train[0]["body"], "label": train[0]["label"]}


def _same_body(rows: Rows) -> None:
    rows[0]["title"], rows[1]["title"] = "Council votes", "Vote on bridge"
    rows[1]["body"] = rows[0]["body"]


def _copy_to_test(rows: Rows) -> None:
    test = next(row for row in rows if row["split"] == "test")
    test |= {"body": rows[0]["body"], "label": rows[0]["label"]}


def _copy_much_to_test(rows: Rows) -> None:
    for number, row in enumerate([row for row in rows if row["split"] == "test"][:6]):
        row |= {"body": rows[number]["body"], "label": rows[number]["label"]}


def _copied_and_dropped(rows: Rows) -> None:
    _copy_to_test(rows)
    rows[0] |= {"split": "", "given": "train"}


def _conflict(rows: Rows) -> None:
    rows[0]["body"] = rows[1]["body"]


def _conflict_often(rows: Rows) -> None:
    for number in range(0, 8, 2):
        rows[number]["body"] = rows[number + 1]["body"]


def _groups_across(rows: Rows) -> None:
    for number, row in enumerate(rows):
        row["group"] = f"story {0 if number in (8, 9) else number}"  # these two are test rows


def _groups_alike(rows: Rows) -> None:
    for number, row in enumerate(rows):
        row["group"] = f"story {number}"
    rows[1] |= {"body": rows[0]["body"], "label": rows[0]["label"]}


def _rare(rows: Rows) -> None:
    for number in (0, 2, 4):
        rows[number]["label"] = "weather"


def _untrained(rows: Rows) -> None:
    next(row for row in rows if row["split"] == "test")["label"] = "weather"


def _other_shares(rows: Rows) -> None:
    for row in [row for row in rows if row["split"] == "test"]:
        row["label"] = "sport"


def _short(rows: Rows) -> None:
    rows[7]["body"] = "More soon."


def _long(rows: Rows) -> None:
    rows[7]["body"] = " ".join(row["body"] for row in rows[:60])


def _mojibake(rows: Rows) -> None:
    rows[2]["body"] += " It wasnâ€™t at the cafÃ©."
    rows[3]["body"] += " The na�ve idea."


def _markup(rows: Rows) -> None:
    rows[2]["body"] += " <widget-box id='3'> &nbspx; .share {color: red; }"


def _no_value(rows: Rows) -> None:
    rows[2]["body"], rows[3]["body"] = "NaN", "None"


def _no_text(rows: Rows) -> None:
    rows[2]["body"] = "12.5 33.1 | 44 % | 17-3 +++ 9/11 88:20 " * 5
    rows[3]["body"] += " " + "fgh/" * 50


def _german(rows: Rows) -> None:
    rows[2]["body"] = GERMAN


@pytest.mark.parametrize(
    ("check", "change", "verdict", "statistics"),
    [
        ("duplicate-ids", _rename, "warning", {"ids": 1, "rows": 3}),
        ("left-out", _leave_out, "note", {"rows": 1}),
        ("repeats-inside", _repeat, "note", {"train_exact": 1, "train_prepared": 2}),
        ("repeats-inside", _repeat_mostly, "warning", {"train_exact": 19}),
        ("repeated-bodies", _same_body, "note", {"bodies": 1}),
        ("repeats-across", _copy_to_test, "warning", {"test_in_train": 1, "share_in_use": 0.025}),
        ("repeats-across", _copy_much_to_test, "error", {"test_in_train": 6}),
        ("repeats-across", _copied_and_dropped, "note", {"test_in_train": 1, "share_in_use": 0.0}),
        ("conflicting-labels", _conflict, "warning", {"cases": 1, "rows": 2}),
        ("conflicting-labels", _conflict_often, "warning", {"cases": 4, "rows": 8}),
        ("groups-across", _groups_across, "warning", {"groups": 1, "rows": 2}),
        ("groups-alike", _groups_alike, "note", {"train": 1, "test": 0}),
        ("rare-labels", _rare, "warning", {"train": 1}),
        ("untrained-labels", _untrained, "error", {"labels": 1}),
        ("label-shares", _other_shares, "warning", {"test": 0.5}),
        ("short-texts", _short, "note", {"rows": 1}),
        ("long-texts", _long, "note", {"rows": 1}),
        ("encoding", _mojibake, "warning", {"rows": 2, "share": 0.01}),
        ("markup", _markup, "note", {"rows": 1}),
        ("no-values", _no_value, "warning", {"rows": 2}),
        ("no-text", _no_text, "warning", {"rows": 2}),
        ("language", _german, "note", {"wrong": 1, "in_de": 1, "in_en": 199}),
    ],
)
def test_each_check_reports_the_flaw_with_its_statistics(
    make_rows: Make,
    make_news: Make,
    check: str,
    change: Callable[[Rows], None],
    verdict: str,
    statistics: dict[str, float],
) -> None:
    calm = make_rows()
    for number, row in enumerate(calm if check.startswith("groups") else ()):
        row["group"] = f"story {number}"
    assert counted(make_news(calm), check).verdict == "ok"
    rows = make_rows()
    change(rows)
    found = counted(make_news(rows), check)
    assert found.verdict == verdict
    assert {name: found.statistics[name] for name in statistics} == statistics
    assert found.advice
    assert len(found.examples) <= 10


def test_left_out_copy_counts_in_its_given_split(make_rows: Make, make_news: Make) -> None:
    rows = make_rows()
    _copied_and_dropped(rows)
    found = counted(make_news(rows), "repeats-across")
    assert found.title == "1 of 40 test rows also occur in train; the copies are not used"


def test_near_duplicates_within_and_across_splits(make_rows: Make, make_news: Make) -> None:
    rows = make_rows()  # 0 to 5 train, 6 and 7 validation, 8 and 9 test
    news = make_news(rows, near=[(0, 8), (0, 9), (1, 2), (3, 6)])
    across = counted(news, "near-across")
    assert (across.verdict, across.statistics["test_near_train"]) == ("warning", 2)
    assert across.statistics["validation_near_train"] == 1
    assert across.examples[0].startswith("r8 [test, sport]: ")
    inside = counted(news, "near-inside")
    assert (inside.statistics["pairs"], inside.statistics["rows"]) == (4, 7)
    assert counted(make_news(rows), "near-across").verdict == "ok"
    unknown = counted(make_news(rows, near=None), "near-across")
    assert (unknown.verdict, "not searched" in unknown.title) == ("note", True)


def test_near_duplicates_of_dropped_copies_are_counted(make_rows: Make, make_news: Make) -> None:
    rows = make_rows()
    rows[10] |= {"body": rows[0]["body"], "label": rows[0]["label"]}  # both train
    rows[0] |= {"split": "", "given": "train"}
    found = counted(make_news(rows, near=[(0, 8)]), "near-across")
    assert found.statistics["test_near_train"] == 1


def _pairs(make_rows: Make, targets: int) -> Rows:
    rows: Rows = make_rows()
    for number, row in enumerate(rows):
        row["target"] = f"plan {number % targets}"
    return rows


def test_same_text_toward_another_target_is_a_leak_and_not_a_repeat(
    make_rows: Make, make_news: Make
) -> None:
    rows = _pairs(make_rows, 200)
    _copy_to_test(rows)  # the target is another one
    news = make_news(rows)
    assert counted(news, "repeats-across", task="stance").verdict == "ok"
    assert counted(news, "conflicting-labels", task="stance").verdict == "ok"
    found = counted(news, "texts-across", task="stance")
    assert (found.verdict, found.statistics["test_in_train"]) == ("warning", 1)
    assert counted(make_news(_pairs(make_rows, 200)), "texts-across", task="stance").verdict == "ok"


def test_few_known_targets_are_reported_and_many_are_not(make_rows: Make, make_news: Make) -> None:
    rows = _pairs(make_rows, 200)
    assert counted(make_news(rows), "targets-across", task="stance").verdict == "ok"
    next(row for row in rows if row["split"] == "test")["target"] = rows[0]["target"]
    found = counted(make_news(rows), "targets-across", task="stance")
    assert (found.verdict, found.statistics["test_in_train_rows"]) == ("warning", 1)
    found = counted(make_news(_pairs(make_rows, 7)), "targets-across", task="stance")
    assert (found.verdict, found.statistics["test_in_train"]) == ("note", 7)


def test_drawn_validation_split_is_checked_as_drawn(make_rows: Make, make_news: Make) -> None:
    rows = _pairs(make_rows, 200)
    for row in rows:
        row["given"] = "train" if row["split"] == "validation" else row["split"]
    rows[6]["body"] = rows[0]["body"]
    found = counted(make_news(rows), "texts-across", task="stance")
    assert (found.verdict, found.statistics["validation_in_train"]) == ("warning", 1)


def test_rows_in_no_split_count_only_for_the_whole_data(
    make_rows: Make, make_news: Make, unused: str
) -> None:
    rows = make_rows()
    _same_body(rows)
    rows[1] |= {"split": "", "given": unused}
    news = make_news(rows, left_out={"unused": 1})
    assert counted(news, "repeated-bodies").statistics["bodies"] == 1
    assert counted(news, "left-out").title == (
        "1 of 200 rows are in no split: 1 left out by the data's own lists"
    )


def test_missing_overlapping_and_ordered_dates(make_rows: Make, make_news: Make) -> None:
    rows = make_rows()
    years = {"train": 2018, "validation": 2019, "test": 2020}
    for number, row in enumerate(rows):
        row["published"] = f"{years[row['split']]}-{number % 12 + 1:02}-11T10:00:00Z"
    assert counted(make_news(rows), "dates").verdict == "ok"
    right = counted(make_news(rows), "time-leak")
    assert (right.verdict, right.statistics["overlap"], right.statistics["older"]) == ("ok", 0, 0)
    for row in rows:
        row["published"] = row["published"].replace("2020", "2017")
    wrong = counted(make_news(rows), "time-leak")
    assert (wrong.verdict, wrong.statistics["overlap"], wrong.statistics["older"]) == (
        "warning",
        1,
        1,
    )
    rows[0]["published"], rows[1]["published"] = "2999-01-01", "0001-01-01"
    odd = counted(make_news(rows), "dates")
    assert (odd.verdict, odd.statistics["wrong"], len(odd.examples)) == ("note", 2, 2)
    for number, row in enumerate(rows):
        row["published"] = None if number < 5 else f"{2010 + number % 7}-05-01"
    mixed = counted(make_news(rows), "time-leak")
    assert mixed.verdict == "note"
    assert mixed.statistics["older"] == pytest.approx(0.5, abs=0.1)
    missing = counted(make_news(rows), "dates")
    assert (missing.verdict, missing.statistics["missing"]) == ("note", 5)
    assert missing.title.startswith("5 rows of 200 without a date")


def test_findings_do_not_depend_on_the_order_of_rows(make_rows: Make, make_news: Make) -> None:
    rows = make_rows()
    for number, row in enumerate(rows):
        row |= {"outlet": f"Paper {number % 7}", "published": f"2019-05-{number % 28 + 1:02}"}
    _repeat(rows)
    _copy_to_test(rows)
    first = audit(make_news(rows), task="topic")
    assert audit(make_news(rows), task="topic") == first
    random.Random(1).shuffle(rows)
    second = audit(make_news(rows), task="topic")
    counts = [x for x in first if x.check not in ("label-noise", "outlet-in-text")]
    assert [x.statistics for x in second if x.check not in ("label-noise", "outlet-in-text")] == [
        x.statistics for x in counts
    ]


def test_progress_names_each_check(make_rows: Make, make_news: Make) -> None:
    heard: list[str] = []
    audit(make_news(make_rows(60)), task="topic", progress=heard.append)
    assert heard[1 : len(CHECKS) + 1] == list(CHECKS)
    assert heard[-1] == "label noise"


def test_lines_start_with_the_worst_and_include_advice(make_rows: Make, make_news: Make) -> None:
    rows = make_rows()
    _rename(rows)
    told = list(lines(audit(make_news(rows, problems=["a.csv:3: no label"]), task="topic")))
    assert told[:2] == [
        "error    1 record cannot be used",
        "         (records that cannot be used: error from the first)",
    ]
    assert told[2] == "         - a.csv:3: no label"
    assert told[3].startswith("         Fix or remove them")
    assert told[4] == "warning  3 rows share 1 id"
    assert told[-3].startswith("ok       ")
    assert told[-2] == ""
    assert told[-1] == "1 error, 1 warning, 21 of 23 checks OK"


def test_tiny_data_are_checked_without_probes(make_rows: Make, make_news: Make) -> None:
    found = {x.check: x for x in audit(make_news(make_rows(10)), task="stance")}
    assert found["label-noise"].verdict == "ok"
    assert found["label-noise"].title == "10 rows: too few to find wrong labels with a probe"
    assert "target-alone" not in found


@pytest.mark.parametrize("task", ["topic", "stance"])
@pytest.mark.parametrize("splits", [{"train"}, {"test"}, set()])
def test_data_unfit_for_training_are_checked(
    make_rows: Make, make_news: Make, task: str, splits: set[str]
) -> None:
    rows = make_rows(150)
    for number, row in enumerate(rows):
        row |= {"outlet": f"Paper {number % 3}", "published": f"2019-05-{number % 28 + 1:02}"}
        row["target"] = f"plan {number % 7}" if task == "stance" else None
        row["split"] = row["split"] if row["split"] in splits else ""
    news = make_news(rows, problems=["no test rows: name their file or set data.split"])
    found = {x.check: x for x in audit(news, task=task)}
    assert found["unusable-rows"].verdict == "error"
    assert found["left-out"].statistics["rows"] == sum(row["split"] == "" for row in rows)
