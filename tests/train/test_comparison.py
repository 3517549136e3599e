"""Comparisons of saved predictions: which runs, which rows, what is found and what is refused."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from comparing import LABELS, drawn, predictions
from given import Cli, Trained
from newsstand.errors import NewsstandError
from newsstand.train.comparison.comparison import Comparison, compare
from newsstand.train.comparison.matching import match
from newsstand.train.comparison.page import html
from newsstand.train.comparison.runs import Found, SavedRun, find_runs
from newsstand.train.comparison.wording import limits, p_value, signed
from newsstand.train.evaluation.rows import FILE, EvaluatedRows

TRUTH = [0, 1, 2, 0, 1, 2]
MINUS = "\N{MINUS SIGN}"


def saved(folder: Path, name: str, rows: EvaluatedRows) -> str:
    (folder / name).mkdir()
    rows.save(folder / name)
    return str(folder / name)


def run(name: str, rows: EvaluatedRows, **more: Any) -> SavedRun:
    return SavedRun(name=name, rows=rows, **more)


def compared(
    *runs: SavedRun, metric: str = "accuracy", common: bool = False, top: int | None = None
) -> Comparison:
    matched = match(Found(runs, [], []), metric=metric, common=common, top=top)
    return compare(matched, metric=metric, common=common, resamples=200)


def test_files_and_folders_are_runs_without_mlflow(folder: Path, cli: Cli) -> None:
    first = predictions(TRUTH, TRUTH, title=["Goal", *[None] * 5], id=["g1", *[None] * 5])
    second = predictions(TRUTH, [1, 1, 2, 0, 1, 2], certainty=0.9)
    a, b = saved(folder, "a", first), saved(folder, "b", second)
    done = cli("compare", a, f"{b}/{FILE}", "--json", "--html", "page.html")
    assert (done.code, done.err) == (0, "")
    found = json.loads(done.out)
    assert [each["name"] for each in found["runs"]] == [a, f"{b}/{FILE}"]
    [pair] = found["pairs"]
    assert pair["test"]["difference"] == pytest.approx(
        found["runs"][1]["value"]["value"] - found["runs"][0]["value"]["value"]
    )
    assert pair["only_second"] == []
    [row] = pair["only_first"]
    assert (row["id"], row["title"], row["label"]) == ("g1", "Goal", "sport")
    assert (row["first"], row["second"]) == ("sport", "economy")
    assert row["second_probability"] == pytest.approx(0.9)
    assert pair["confusions"] == [
        {"label": "sport", "predicted": "economy", "first": 0, "second": 1}
    ]
    assert "run" not in found  # not logged
    assert not (folder / "mlflow.db").exists()
    assert "A right, B wrong: 1 article<" in (folder / "page.html").read_text(encoding="utf-8")


def test_the_tables_show_runs_difference_and_articles(folder: Path, cli: Cli) -> None:
    names = [f"Article {number} [b]" for number in range(6)]
    a = saved(folder, "a", predictions(TRUTH, TRUTH, title=names))
    b = saved(folder, "b", predictions(TRUTH, [1, 2, 0, 1, 2, 0], title=names))
    done = cli("compare", "a", "b", "--metric", "accuracy")
    assert (done.code, done.err) == (0, ""), (a, b)
    text = " ".join(done.out.split())
    assert "topic: 6 test rows, each resampled by itself" in text
    assert "│ A │ a │ 1.000 │" in text
    assert f"│ B {MINUS} A │ {MINUS}1.000 │" in text
    assert "A is better" in text
    assert "A right, B wrong: 6 articles; the 5 of which B is most certain" in text
    assert "Article 0 [b] Sport Economy" in text
    assert "Article 5" not in text
    assert "B right, A wrong: 0 articles" in text


def test_rows_are_matched_by_content_not_by_place() -> None:
    first = predictions(TRUTH, [0, 1, 2, 0, 1, 1])
    turned = first.select(np.array([5, 4, 3, 2, 1, 0]))
    found = compared(run("a", first), run("b", turned))
    assert found.pairs[0].only_first == found.pairs[0].only_second == []
    # The labels in another order, too.
    order = [2, 0, 1]
    names = list(LABELS)
    moved = replace(
        first,
        labels={names[place]: LABELS[names[place]] for place in order},
        truth=np.argsort(order)[first.truth],
        probabilities=first.probabilities[:, order],
    )
    found = compared(run("a", first), run("b", moved), metric="macro_f1")
    assert found.pairs[0].test.difference == 0
    assert found.pairs[0].only_first == []


def test_other_test_rows_are_refused_or_matched() -> None:
    # Equal rows count as often as both runs have them.
    first = predictions([0, 0, 0, 1], [0, 1, 1, 1], key=["x", "x", "y", "z"], digest="a" * 32)
    second = predictions([0, 1, 1], [0, 0, 1], key=["x", "z", "new"], digest="b" * 32)
    with pytest.raises(NewsstandError) as refused:
        compared(run("a", first), run("b", second, run_id="1234567890"))
    assert str(refused.value) == (
        "different test rows: a has 4 rows (digest aaaaaaaa), b (12345678) has 3 (digest "
        "bbbbbbbb), and they share 2; newsstand compare … --common compares the shared rows"
    )
    found = compared(run("a", first), run("b", second), common=True)
    assert (found.rows, [each.left_out for each in found.runs]) == (2, [2, 1])
    assert [row.second for row in found.pairs[0].only_first] == ["sport"]
    assert limits(found) == [
        "Only the 2 test rows that all runs share are compared; left out: 2 of A, 1 of B."
    ]
    alone = predictions([0], [0], key=["other"], digest="c")
    with pytest.raises(NewsstandError, match="share no test row"):
        compared(run("a", first), run("b", alone), common=True)


def test_other_tasks_and_labels_are_refused() -> None:
    first = run("a", predictions(TRUTH, TRUTH))
    stance = run("b", predictions(TRUTH, TRUTH, task="stance"))
    with pytest.raises(NewsstandError, match="b is a stance model and a a topic model"):
        compared(first, stance, common=True)
    labels = {**LABELS, "crime": "Crime"}
    more = run("b", predictions(TRUTH, TRUTH, labels=labels))
    with pytest.raises(NewsstandError, match=r"different labels: only b has 'crime'$"):
        compared(first, more, common=True)


def test_several_runs_are_sorted_and_corrected() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 300)
    named = {}
    for name, share in (("low", 0.5), ("high", 0.8), ("other", 0.79), ("mid", 0.65)):
        right = rng.random(300) < share
        named[name] = run(name, predictions(truth.tolist(), np.where(right, truth, 0).tolist()))
    found = compared(*named.values())
    assert [each.name for each in found.runs][2:] == ["mid", "low"]
    values = [each.value.value for each in found.runs]
    assert values == sorted(values, reverse=True)
    assert len(found.pairs) == 6
    assert [pair.first for pair in found.main_pairs()] == ["A"] * 3
    assert found.permutations == 6 * 200
    for pair in found.pairs:
        assert pair.p >= pair.test.p_bootstrap
        assert pair.p_mcnemar >= pair.test.p_mcnemar
    last = next(pair for pair in found.pairs if (pair.first, pair.second) == ("A", "D"))
    assert (last.better, last.verdict) == ("A", "A is better")
    assert "A is better than" in html(found)
    assert "<span>← A is better</span><span>the other run is better →</span>" in html(found)
    with pytest.raises(NewsstandError, match="13 runs: at most 12"):
        compared(*[run(str(number), named["low"].rows) for number in range(13)])


def test_the_best_of_an_experiment_on_the_test_rows_of_its_last_run() -> None:
    last = run("last", predictions(TRUTH, [1, 1, 2, 0, 1, 1]))
    good = run("good", predictions(TRUTH, TRUTH))
    fair = run("fair", predictions(TRUTH, [0, 1, 2, 0, 1, 1]))
    other = run("other", predictions(TRUTH, TRUTH, digest="f"))
    found = Found([], [last, other, good, fair], [])
    matched = match(found, metric="accuracy", common=False, top=2)
    assert [each.name for each in matched.runs] == ["good", "fair"]
    assert matched.notes == [
        "1 of 4 runs of the experiment left out, whose test rows are not those of last; --common "
        "compares the rows that all runs share"
    ]
    matched = match(found, metric="accuracy", common=True, top=None)
    assert {each.name for each in matched.runs} == {"last", "other", "good", "fair"}
    # Runs that are named are always taken; of losses, the least is the best.
    both = Found([last], [good, fair], [])
    assert len(match(both, metric="log_loss", common=False, top=1).runs) == 2
    least = match(Found([], [last, good, fair], []), metric="log_loss", common=False, top=2)
    assert [each.name for each in least.runs] == ["good", "fair"]
    with pytest.raises(NewsstandError, match="--top chooses among the runs of experiment:NAME"):
        match(Found([last, good], [], []), metric="accuracy", common=False, top=2)
    with pytest.raises(NewsstandError, match="expected at least two different runs, got one; 1 of"):
        match(Found([], [last, other], []), metric="accuracy", common=False, top=None)


def test_few_groups_are_told() -> None:
    targets = ["tax", "tram", "tax", "tram", "tax", "tram"]
    rows = predictions(TRUTH, TRUTH, task="stance", target=targets)
    found = compared(run("a", rows), run("b", rows))
    assert found.few_groups == ("target", 2)
    assert "only 2 targets, too few to resample" in limits(found)[0]
    assert limits(found)[0] in html(found)


def test_settings_that_differ_are_shown() -> None:
    rows = predictions(TRUTH, TRUTH)
    one = run("x", rows, run_id="1" * 32, params={"C": "1", "seed": "2", "tracking.alias": "a"})
    two = run("x", rows, run_id="2" * 32, params={"C": "3", "seed": "2", "new": "<b>"})
    found = compared(one, two)
    assert [each.settings for each in found.runs] == [{"C": "1"}, {"C": "3", "new": "<b>"}]
    assert "<td>&lt;b&gt;</td>" in html(found)


def test_the_page_has_all_articles_and_runs_nothing_of_them() -> None:
    rng = np.random.default_rng(0)
    first, second = drawn(rng, 200, groups=30)
    titles = [f"<script>alert({number})</script>\x1b" for number in range(200)]
    text = predictions(first.truth.tolist(), first.predicted.tolist(), title=titles).columns
    columns = {**first.columns, "title": text["title"]}
    found = compared(
        run("a", replace(first, columns=columns)),
        run("b", replace(second, columns=columns)),
        metric="macro_f1",
    )
    page = html(found)
    assert "<script" not in page
    assert "\x1b" not in page
    listed = len(found.pairs[0].only_first) + len(found.pairs[0].only_second)
    assert len(re.findall(r"alert\(\d+\)", page)) == listed > 5
    assert "resampled by group (30 groups)" in page
    assert not re.search(r'(?:src|href)="', page)  # self-contained
    places = [float(x) for x in re.findall(r'[xc]\d?="(-?[\d.]+)%"', page)]
    assert places
    assert all(0 <= place <= 100 for place in places)


@pytest.mark.parametrize("metric", ["ece", "log_loss"])
def test_losses_are_better_when_lower(metric: str) -> None:
    first = predictions(TRUTH * 20, TRUTH * 20, certainty=0.5)
    second = predictions(TRUTH * 20, TRUTH * 20, certainty=0.9)
    first, second = (
        replace(each, columns={**each.columns, "key": each.columns["key"]})
        for each in (first, second)
    )
    found = compared(run("a", first), run("b", second), metric=metric)
    assert found.pairs[0].test.difference < 0
    assert found.pairs[0].verdict == "B is better"
    assert "<span>← B is better</span><span>A is better →</span>" in html(found)


def test_what_is_no_run_is_refused(folder: Path, cli: Cli) -> None:
    a = saved(folder, "a", predictions(TRUTH, TRUTH))
    (folder / "empty").mkdir()
    (folder / "bad").mkdir()
    (folder / "bad" / FILE).write_bytes(b"PAR1 no")
    for other, message in (
        ("nowhere", "nowhere: no such file or folder; expected a run id"),
        ("empty", f"empty: no {FILE} in this folder"),
        ("bad", f"bad/{FILE}: damaged, not a Parquet file"),
        ("experiment:", "experiment:: no such file or folder; expected a run id"),
        (a, "expected at least two different runs, got one"),
    ):
        done = cli("compare", a, other)
        assert (done.code, done.out) == (2, ""), other
        assert message in done.err
        assert len(done.err.splitlines()) == 1
    done = cli("compare", a, a, "--html", "no/page.html")
    assert done.err == "newsstand: --html: no: no such folder\n"
    b = saved(folder, "b", predictions(TRUTH, TRUTH))
    done = cli("compare", a, b, "--metric", "f1")
    assert (done.code, "metric 'f1' is not known" in done.err) == (2, True)


def test_numbers_are_written_short() -> None:
    assert [p_value(p) for p in (0.0, 0.001, 0.0496, 0.2, 0.996)] == [
        "< .001",
        ".001",
        "< .050",
        ".20",
        "1",
    ]
    assert [signed(x, "macro_f1") for x in (0.0004, -0.0004, 0.01, -0.2)] == [
        "0.000",
        "0.000",
        "+0.010",
        f"{MINUS}0.200",
    ]
    assert signed(-1.25, "fnc_score") == f"{MINUS}1.2"


def test_files_are_read_once(folder: Path) -> None:
    a = saved(folder, "a", predictions(TRUTH, TRUTH))
    assert len(find_runs([a, f"{a}/", f"{a}/{FILE}"]).named) == 1


def test_a_registered_model_is_its_run(trained: Trained, cli: Cli) -> None:
    found = find_runs(["models:/topic@champion", trained.topic.run_id, "models:/topic/1"])
    assert [each.run_id for each in found.named] == [trained.topic.run_id]
    done = cli("compare", "models:/topic@champion", trained.stance.run_id[:12])
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith("they cannot be compared\n")
