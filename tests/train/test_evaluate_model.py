"""`newsstand evaluate`: a bundle on the rows of a config, and on tables of any make."""

import csv
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from given import Cli
from newsstand.train.evaluation.rows import EvaluatedRows
from quick_run import CONFIG, WORDS, write_rows

if TYPE_CHECKING:
    from newsstand.io.bundle import Bundle


def write_table(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    rows = list(rows)
    with path.open("w", encoding="utf-8", newline="") as stream:
        table = csv.DictWriter(stream, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


# As the rows of the fixture `small`: what it learned.
SMALL = {
    "sport": (
        "The striker scored twice and the goalkeeper saved a penalty.",
        "The champion won the final match of the tournament.",
        "The coach praised his team after the match.",
    ),
    "economy": (
        "Shares fell as the central bank raised interest rates.",
        "The firm reported higher profits and paid a dividend.",
        "Investors sold bonds and shares on the market.",
    ),
    "weather": (
        "Rain and strong winds are forecast for the coast.",
        "Snow fell overnight and temperatures dropped.",
        "A storm brought heavy rain to the hills.",
    ),
}


def topics() -> list[dict[str, str]]:
    return [{"label": label, "body": body} for label, bodies in SMALL.items() for body in bodies]


@pytest.fixture
def model(small: "Bundle", folder: Path) -> str:
    """The folder of a topic model, in an empty working directory."""
    small.save(folder / "bundle")
    return "bundle"


def found(cli: Cli, *arguments: str) -> dict[str, Any]:
    done = cli("evaluate", *arguments, "--json")
    assert done.code == 0, done.err
    result: dict[str, Any] = json.loads(done.out)
    return result


def test_a_table_is_evaluated(model: str, cli: Cli) -> None:
    write_table(Path("a.csv"), topics())
    result = found(cli, model, "a.csv")
    evaluation = result["evaluation"]
    assert (evaluation["rows"], result["data"], result["split"]) == (9, "a.csv", "all")
    assert evaluation["metrics"]["accuracy"]["value"] == 1.0  # it was fitted on these rows
    assert evaluation["metrics"]["accuracy"]["low"] < 1.0
    assert evaluation["uncalibrated"]["ece"]["value"] >= 0
    assert "does not list the rows that it was trained on" in result["notes"][0]


def test_what_is_printed_has_intervals(model: str, cli: Cli) -> None:
    write_table(Path("a.csv"), topics())
    done = cli("evaluate", model, "a.csv", "--out", "report")
    assert done.code == 0, done.err
    assert "a.csv: all rows" in done.out
    assert "accuracy" in done.out
    assert "\u20131.000)" in done.out
    assert "report/report.html" in done.out
    assert sorted(path.name for path in Path("report").iterdir()) == [
        *("MODEL_CARD.md", "confusion_matrix.png", "evaluation.json", "label_f1.png"),
        *("predictions.csv", "predictions.parquet", "reliability.png", "report.html"),
        "risk_coverage.png",
    ]
    rows = EvaluatedRows.load(Path("report/predictions.parquet"))
    assert len(rows) == 9
    assert rows.columns["outlet_seen"].null_count == 9  # not known of a table
    again = cli("evaluate", model, "a.csv", "--out", "report")
    assert again.code == 0  # an earlier evaluation is replaced


def test_columns_and_labels_may_have_other_names(model: str, cli: Cli) -> None:
    names = {"sport": "Sports", "economy": "Money", "weather": "3"}
    rows = [{"Section": names[x["label"]], "Text": x["body"]} for x in topics()]
    write_table(Path("a.csv"), rows)
    maps = ("--map", "Sports=sport", "--map", "Money=economy", "--map", "3=weather")
    columns = ("--column", "label=Section", "--column", "body=Text")
    result = found(cli, model, "a.csv", *columns, *maps)
    assert result["evaluation"]["metrics"]["accuracy"]["value"] == 1.0
    # The same in the words of a config.
    also = found(cli, model, "a.csv", "data.columns={label: Section, body: Text}", *maps)
    assert also["digest"] == result["digest"]


def test_unknown_labels_are_named_and_counted(model: str, cli: Cli) -> None:
    rows = [*topics(), *({"label": "wether", "body": f"Rain {n}."} for n in range(3))]
    rows += [{"label": "7", "body": "Seven."}]
    write_table(Path("a.csv"), rows)
    done = cli("evaluate", model, "a.csv")
    assert (done.code, done.out) == (2, "")
    first, second = done.err.splitlines()[-2:]
    assert "a.csv: 3 rows with the unknown label 'wether' (first a.csv: row 10" in first
    assert "did you mean 'weather'? (--map OLD=NEW" in first
    assert "1 row with the unknown label '7'" in second
    assert "its labels: sport, economy, weather" in second
    result = found(cli, model, "a.csv", "--ignore-unknown")
    assert result["evaluation"]["rows"] == 9
    assert result["left_out"] == [
        "3 rows with the unknown label 'wether'",
        "1 row with the unknown label '7'",
    ]


def test_a_table_without_any_known_label(model: str, cli: Cli) -> None:
    write_table(Path("a.csv"), [{"label": "7", "body": "Seven."}, {"label": "8", "body": "Eight."}])
    done = cli("evaluate", model, "a.csv")
    assert done.code == 2
    assert "1 row with the unknown label '7'" in done.err
    done = cli("evaluate", model, "a.csv", "--ignore-unknown")
    assert done.code == 2
    assert "no rows; 1 row with the unknown label '7'" in done.err


def test_rows_without_text_are_counted(model: str, cli: Cli) -> None:
    write_table(Path("a.csv"), [*topics(), {"label": "sport", "body": " "}])
    result = found(cli, model, "a.csv")
    assert result["evaluation"]["rows"] == 9
    assert result["left_out"] == ["1 row left out with an empty body"]
    assert any("Left out: 1 row" in note for note in result["notes"])


def test_a_table_may_have_one_label_and_splits(model: str, cli: Cli) -> None:
    splits = ["train", "test", "test"]
    rows = [
        {"label": "sport", "body": body, "split": split}
        for body, split in zip(SMALL["sport"], splits, strict=False)
    ]
    write_table(Path("a.csv"), rows)
    assert found(cli, model, "a.csv")["evaluation"]["rows"] == 3
    assert found(cli, model, "a.csv", "--split", "test")["evaluation"]["rows"] == 2
    done = cli("evaluate", model, "a.csv", "--split", "validation")
    assert (done.code, done.err) == (2, "newsstand: a.csv: no validation rows to evaluate\n")


def test_stance_needs_targets(small_stance: "Bundle", folder: Path, cli: Cli) -> None:
    small_stance.save(folder / "bundle")
    row = {"label": "favor", "body": "It is cheap."}
    write_table(Path("a.csv"), [row | {"target": "the levy"}, row | {"target": "the port"}])
    result = found(cli, "bundle", "a.csv")
    assert result["evaluation"]["metrics"]["accuracy"]["value"] == 0.5
    write_table(Path("b.csv"), [row])
    done = cli("evaluate", "bundle", "b.csv")
    assert done.code == 2
    assert "target" in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.csv", "--map", "sport"], "--map: expected OLD=NEW, got 'sport'"),
        (["a.csv", "--map", "x=sprt"], "the model has no label 'sprt'; did you mean 'sport'?"),
        (["a.csv", "--map", "x=sport"], "'x' matches no label of the data"),
        (["a.csv", "--column", "label=Section"], "Section"),
        (["a.csv", "--column", "a=b", "--column", "a=c"], "--column: 'a' is given twice"),
        (["a.csv", "model.C=1"], "'model.C=1': expected data.KEY=VALUE"),
        (["a.csv", "data.csv.delimiters=;"], "data.csv.delimiters"),
        (["none.csv"], "none.csv"),
        (["q.yaml", "--column", "label=x"], "--column: for tables"),
        (["a.csv", "--out", "no/where"], "--out: no: no such folder"),
        (["a.csv", "--out", "full"], "full: exists, and is not an earlier evaluation"),
    ],
)
def test_mistakes_get_one_line(
    arguments: Sequence[str], message: str, model: str, cli: Cli
) -> None:
    write_table(Path("a.csv"), topics())
    Path("q.yaml").write_text(CONFIG, encoding="utf-8")
    Path("full").mkdir()
    Path("full/file").touch()
    done = cli("evaluate", model, *arguments)
    assert done.code == 2
    assert message in done.err
    assert done.out == ""
    assert "Traceback" not in done.err


@pytest.fixture
def trained_here(folder: Path, cli: Cli, reporter: Any) -> str:
    """A model of `q.yaml` and `rows.csv`, in the working directory."""
    from newsstand.config.loader import load_config
    from newsstand.train.run import train

    write_rows(Path("rows.csv"), WORDS)
    Path("q.yaml").write_text(CONFIG, encoding="utf-8")
    train(load_config("q.yaml"), name="q", reporter=reporter, track=False, save_to=Path("bundle"))
    return "bundle"


def test_the_test_rows_of_a_config_are_those_of_its_run(trained_here: str, cli: Cli) -> None:
    result = found(cli, trained_here, "q.yaml")
    assert result["split"] == "test"
    assert result["evaluation"]["rows"] == 30
    assert result["notes"] == ["They are the test rows of the data that the model was trained on."]
    every = found(cli, trained_here, "q.yaml", "--split", "all")
    assert every["evaluation"]["rows"] == 42
    assert every["notes"][0].startswith("Warning:")
    validation = found(cli, trained_here, "q.yaml", "--split", "validation")
    assert validation["digest"] not in (result["digest"], every["digest"])


def test_a_config_of_other_rows_and_another_preparation(trained_here: str, cli: Cli) -> None:
    text = Path("rows.csv").read_text(encoding="utf-8")
    Path("rows.csv").write_text(text.replace("test 0", "test zero"), encoding="utf-8")
    result = found(cli, trained_here, "q.yaml", "text.strip=[]")
    assert "does not list the rows" in result["notes"][0]
    assert result["evaluation"]["rows"] == 30


def test_labels_of_a_config_must_be_those_of_the_model(trained_here: str, cli: Cli) -> None:
    text = Path("rows.csv").read_text(encoding="utf-8")
    Path("rows.csv").write_text(text.replace(",economy,", ",money,"), encoding="utf-8")
    done = cli("evaluate", trained_here, "q.yaml")
    assert done.code == 2
    assert "q.yaml: 15 rows with the unknown label 'money'" in done.err
    assert found(cli, trained_here, "q.yaml", "--map", "money=economy")["evaluation"]["rows"] == 30
    assert found(cli, trained_here, "q.yaml", "--ignore-unknown")["evaluation"]["rows"] == 15
    done = cli("evaluate", trained_here, "q.yaml", "--map", "monney=economy")
    assert "--map: no row has the label 'monney'; did you mean 'money'?" in done.err


def test_a_config_of_another_task(small_stance: "Bundle", folder: Path, cli: Cli) -> None:
    small_stance.save(folder / "bundle")
    Path("q.yaml").write_text(CONFIG, encoding="utf-8")
    done = cli("evaluate", "bundle", "q.yaml")
    assert done.err == "newsstand: q.yaml: the task is topic, that of the model is stance\n"


def test_a_damaged_bundle_is_refused(model: str, cli: Cli) -> None:
    write_table(Path("a.csv"), topics())
    shutil.move("bundle/linear.safetensors", "elsewhere")
    done = cli("evaluate", model, "a.csv", "--out", "report")
    assert done.code == 2
    assert "missing" in done.err
    assert not Path("report").exists()
