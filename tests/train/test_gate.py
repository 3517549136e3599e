"""When an alias moves to a new version, and the reason if it stays."""

import csv
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

import newsstand
from newsstand.config.loader import load_config
from newsstand.errors import NewsstandError
from newsstand.models.controls import FAILURES, Controls
from newsstand.train.registry import gate, promote
from newsstand.train.registry.pairing import matches, paired, with_labels
from newsstand.train.registry.standing import Standing
from newsstand.train.registry.version import RegisteredVersion
from newsstand.train.result import Result
from newsstand.train.run import train
from quick_run import CONFIG, WORDS, write_rows

STANDING = Standing.of(["sport", "economy"], test_rows=40, test_digest="d", macro_f1=0.75)


def test_tags_keep_a_standing_and_the_order_of_labels_does_not_matter() -> None:
    assert Standing.of_tags(STANDING.tags()) == STANDING
    turned = Standing.of(["economy", "sport"], test_rows=40, test_digest="d", macro_f1=0.75)
    assert turned == STANDING
    assert Standing.of_tags({}) is None
    for change in ({"test_rows": "many"}, {"test_digest": ""}, {"labels_digest": ""}):
        tags = {f"newsstand.{key}": value for key, value in change.items()}
        assert Standing.of_tags(STANDING.tags() | tags) is None


class Version:
    """What the checks read of a version."""

    def __init__(self, number: str = "1", standing: Standing | None = STANDING) -> None:
        self.number = number
        self.standing = standing


def candidate(new: Version, champion: Version | None = None) -> Any:
    made: Any = gate.Candidate
    return made(new, champion)


@pytest.mark.parametrize(
    ("labels", "rows", "why"),
    [
        (2, 8, "tested on 8 rows, expected at least 30"),
        (2, 30, None),
        (20, 39, "tested on 39 rows, expected at least 40"),
        (20, 40, None),
    ],
)
def test_few_test_rows_are_not_enough(labels: int, rows: int, why: str | None) -> None:
    standing = replace(STANDING, labels=labels, test_rows=rows)
    assert gate.enough_test_rows(candidate(Version(standing=standing))) == why


def test_versions_without_a_standing_cannot_be_compared() -> None:
    unknown, known = Version("2", None), Version()
    assert gate.enough_test_rows(candidate(unknown)) == (
        "its labels and test rows are not recorded, as it is of an earlier newsstand"
    )
    assert gate.same_labels(candidate(known, unknown)) == (
        "the labels and test rows of version 2 are not recorded, so the two cannot be compared"
    )


@pytest.mark.parametrize(
    ("second", "p", "why"),
    [
        (0.9, 0.001, None),  # better
        (0.7, 0.05, None),  # not significantly
        (0.7, 0.049, "significantly worse on 40 test rows: macro-F1 0.700 instead of 0.800 (p = "),
    ],
)
def test_only_a_significant_loss_counts(second: float, p: float, why: str | None) -> None:
    made = candidate(Version("2"), Version())
    made.__dict__["difference"] = gate.Difference(
        metric="macro_f1",
        first=0.8,
        second=second,
        difference=second - 0.8,
        low=0,
        high=0,
        p_bootstrap=p,
        p_mcnemar=1,
        rows=40,
        groups=40,
    )
    found = gate.not_worse(made)
    assert found is why is None or (found or "").startswith(why or "-")


BOTH = {"text_only_macro_f1": 0.5, "target_only_macro_f1": 0.3}


@pytest.mark.parametrize(
    ("metrics", "why"),
    [
        (BOTH, None),
        (
            BOTH | {"text_only_macro_f1": 0.74},
            "macro-F1 0.750, expected 0.02 more than the 0.740 of a model that reads the text "
            "alone",
        ),
        (
            BOTH | {"target_only_macro_f1": 0.8},
            "macro-F1 0.750, expected 0.02 more than the 0.800 of a model that reads the target "
            "alone",
        ),
        (BOTH | {"target_changes_answer": 0.0}, FAILURES["target_changes_answer"]),
        ({"text_only_macro_f1": 0.5}, "its bundle has no control target_only_macro_f1"),
        (None, "its bundle has no control text_only_macro_f1"),
    ],
)
def test_a_stance_model_must_pass_its_controls(
    metrics: dict[str, float] | None, why: str | None, small_stance: Any, tmp_path: Path
) -> None:
    controls = None if metrics is None else Controls.evaluate(metrics, 0.75)
    replace(small_stance, controls=controls).save(tmp_path / "bundle")
    version: Any = Version()
    version.bundle = tmp_path / "bundle"
    assert gate.beats_controls(candidate(version)) == why


def test_a_topic_model_needs_no_controls(small: Any, tmp_path: Path) -> None:
    small.save(tmp_path / "bundle")
    version: Any = Version()
    version.bundle = tmp_path / "bundle"
    assert gate.beats_controls(candidate(version)) is None
    assert gate.bundle_reproduces(candidate(version)) == "its bundle has no golden rows"


def test_rows_are_matched_by_key_in_any_order() -> None:
    found = matches(["b", "a", "b"], ["c", "a", "b", "b"])
    assert found is not None
    assert found.tolist() == [2, 1, 2]
    assert matches(["a", "d"], ["a", "b"]) is None


# Whole runs, each with its reason.


def champion(name: str) -> int:
    return int(MlflowClient().get_model_version_by_alias(name, "champion").version)


def names(name: str) -> dict[str, str]:
    return {"tracking__experiment": name, "tracking__register_as": name}


def registered_again(result: Result, name: str) -> str:
    """Another version of the same model."""
    client = MlflowClient()
    [first] = client.search_model_versions(f"run_id = '{result.run_id}' and version_number = 1")
    return str(
        client.create_model_version(name, first.source, first.run_id, tags=first.tags).version
    )


def note(reporter: Any) -> str:
    """The last note without the number of the version and the command at its end."""
    text: str = reporter.notes[-1].partition("; ")[2]
    return text.partition("; to move it: ")[0]


def rewrite(path: Path, change: Callable[[dict[str, str]], Any]) -> None:
    """Changes each row of a table in place."""
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        change(row)
    with path.open("w", encoding="utf-8", newline="") as stream:
        table = csv.DictWriter(stream, rows[0])
        table.writeheader()
        table.writerows(rows)


def test_a_run_of_eight_test_rows_is_not_a_champion(
    quick: Callable[..., Result], reporter: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(write_rows.__globals__["ROWS"], "test", 4)
    write_rows(Path("rows.csv"), WORDS)
    result = quick(**names("eight"))
    assert result.metrics["test/accuracy"] == 1.0
    assert result.model == "models:/eight/1"
    assert reporter.notes[-1] == (
        "eight version 1; eight@champion is not set: tested on 8 rows, expected at least 30; to "
        f"move it: newsstand promote {result.run_id} --force 'REASON'"
    )
    assert MlflowClient().get_registered_model("eight").aliases == {}


def test_an_alias_moves_to_versions_that_are_no_worse(
    quick: Callable[..., Result], reporter: Any
) -> None:
    first = quick(**names("gate"))
    assert (first.model, champion("gate")) == ("models:/gate@champion", 1)
    assert reporter.notes[-1] == "gate version 1; gate@champion set to version 1"

    # Other ids and another order are the same test.
    write_rows(Path("rows.csv"), dict(reversed(WORDS.items())))
    rewrite(Path("rows.csv"), lambda row: row.update(id=f"row-{row['id']}"))
    assert quick(**names("gate")).model == "models:/gate@champion"
    assert note(reporter).startswith(
        "gate@champion moves from version 1 to 2 (macro-F1 1.000, 1.000 before, on 30 test rows, "
    )

    write_rows(Path("rows.csv"), WORDS | {"weather": "rain"})
    other = quick(**names("gate"))
    assert (other.model, champion("gate")) == ("models:/gate/3", 2)
    assert note(reporter) == ("gate@champion stays at version 2: different labels (3 instead of 2)")
    assert reporter.notes[-1].endswith(
        f"; to move it: newsstand promote {other.run_id} --force 'REASON'"
    )
    assert newsstand.load(other.model).score("rain rain").label == "weather"

    # Learns the wrong labels, and is tested on the same rows.
    write_rows(Path("rows.csv"), WORDS)
    turned = {"sport": "economy", "economy": "sport"}
    rewrite(
        Path("rows.csv"),
        lambda row: row["split"] == "test" or row.update(label=turned[row["label"]]),
    )
    assert quick(**names("gate")).model == "models:/gate/4"
    assert note(reporter).startswith(
        "gate@champion stays at version 2: significantly worse on 30 test rows: macro-F1 0.000 "
        "instead of 1.000 (p = "
    )

    forced = promote.move_alias("gate", "4", "champion", force="a demonstration")
    assert forced.note.startswith(
        "gate@champion moves from version 2 to 4, forced (a demonstration) although: "
        "significantly worse on 30 test rows"
    )
    assert champion("gate") == 4
    tag = MlflowClient().get_model_version("gate", "4").tags["newsstand.alias.champion"]
    assert "forced: a demonstration (although: significantly worse" in tag


def test_a_champion_without_what_is_compared_stays(quick: Callable[..., Result]) -> None:
    first = quick(**names("old"))
    new = registered_again(first, "old")
    file = Path(first.bundle.partition("/models/")[0], first.run_id, "artifacts")
    (file / "predictions.parquet").rename(file / "moved.parquet")
    assert promote.move_alias("old", new, "champion").note == (
        f"old@champion stays at version 1: run {first.run_id} has logged no predictions.parquet "
        f"({file / 'predictions.parquet'}); to move it: newsstand promote {first.run_id} --force "
        "'REASON'"
    )
    file.rename(file.parent / "elsewhere")
    assert promote.move_alias("old", new, "champion").note.startswith(
        f"old@champion stays at version 1: run {first.run_id}: its artifacts {file} do not exist; "
        "if the folder was moved"
    )
    MlflowClient().delete_model_version_tag("old", "1", "newsstand.test_digest")
    assert promote.move_alias("old", new, "champion").note.startswith(
        "old@champion stays at version 1: the labels and test rows of version 1 are not recorded"
    )


STANCE = """
task: stance
labels: [favor, against]
data: {format: table, path: rows.csv, near_duplicates: null, split: {strategy: given}}
model: {kind: linear, words: [1, 1], bits: 12, C: 10.0}
tracking: {experiment: blind, register_as: blind, alias: champion}
"""


def test_a_stance_model_that_does_not_read_the_target_is_not_a_champion(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reporter: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    with Path("rows.csv").open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["body", "target", "label", "split"])
        for split, count in (("train", 12), ("validation", 6), ("test", 16)):
            for number in range(count):
                for label, word in (("favor", "welcome"), ("against", "harmful")):
                    body = f"it is {word} {split} {number}"
                    table.writerow([body, f"the plan {number % 4}", label, split])
    Path("blind.yaml").write_text(STANCE, encoding="utf-8")
    result = train(load_config("blind.yaml"), name="blind", reporter=reporter)
    assert (result.metrics["test/accuracy"], result.model) == (1.0, "models:/blind/1")
    assert note(reporter) == (
        "blind@champion is not set: this model's answers don't depend on the target"
    )


def test_a_damaged_bundle_is_not_a_champion(
    quick: Callable[..., Result], reporter: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    register = promote.move_alias

    def damaged(name: str, version: str, alias: str, **options: Any) -> promote.Verdict:
        with ExitStack() as stack:
            weights = RegisteredVersion(name, version, stack).bundle / "linear.safetensors"
            content = bytearray(weights.read_bytes())
            content[-1] ^= 1
            weights.write_bytes(content)
        return register(name, version, alias, **options)

    monkeypatch.setattr(promote, "move_alias", damaged)
    result = quick(**names("damaged"))
    assert result.model == "models:/damaged/1"
    weights = Path(result.bundle) / "linear.safetensors"
    assert note(reporter) == (
        f"damaged@champion is not set: {weights}: damaged, its SHA-256 is not the one that "
        "bundle.json names; copy the bundle again"
    )


def test_another_test_set_counts_if_both_can_be_scored_on_the_champions(
    quick: Callable[..., Result], reporter: Any
) -> None:
    quick(**names("sets"))
    old = Path("rows.csv").read_text(encoding="utf-8")
    # A test set that has all rows of the champion's.
    more = "".join(f"more-{i},the goal goal again {i},sport,test\n" for i in range(3))
    Path("rows.csv").write_text(old + more, encoding="utf-8")
    assert quick(**names("sets")).model == "models:/sets@champion"
    assert "from version 1 to 2 (macro-F1 1.000, 1.000 before, on 30 test rows" in note(reporter)

    # Other rows: those of the champion are read again by its config.
    other = old.replace("the goal", "a goal").replace("the shares", "some shares")
    Path("other.csv").write_text(other, encoding="utf-8")
    assert quick(**names("sets"), data__path="other.csv").model == "models:/sets@champion"
    assert "from version 2 to 3 (macro-F1 1.000, 1.000 before, on 33 test rows" in note(reporter)

    # They must not be training rows of the new model.
    Path("leak.csv").write_text(
        old + other.partition("\n")[2].replace(",test\n", ",train\n"), encoding="utf-8"
    )
    quick(**names("sets"), data__path="leak.csv")
    assert note(reporter) == (
        "sets@champion stays at version 3: different test rows (30 instead of 30), and 30 of those "
        "of version 3 are among the training or validation rows of version 4"
    )

    # The champion's data has changed, or is gone.
    Path("other.csv").write_text(other.replace("test 7", "test seven"), encoding="utf-8")
    assert promote.move_alias("sets", "2", "champion").failed == (
        "different test rows (33 instead of 30), and the config of version 3 no longer loads its "
        "own: the data has changed"
    )
    Path("other.csv").unlink()
    assert (promote.move_alias("sets", "2", "champion").failed or "").startswith(
        "different test rows (33 instead of 30), and those of version 3 cannot be loaded again: "
        "other.csv"
    )
    assert champion("sets") == 3


def test_labels_in_another_order_are_compared(quick: Callable[..., Result]) -> None:
    quick(**names("order"), labels="[sport, economy]")
    quick(**names("order"), labels="[economy, sport]")
    with ExitStack() as stack:
        first, second = (RegisteredVersion("order", x, stack) for x in ("1", "2"))
        rows = paired(second, first)
        assert list(second.rows.labels) == ["economy", "sport"]
        assert list(rows.new.labels) == list(rows.champion.labels) == ["sport", "economy"]
        assert (rows.new.truth == rows.champion.truth).all()
        assert (rows.new.predicted == rows.new.truth).all()
        with pytest.raises(NewsstandError, match=r"^different labels \(2 instead of 1\)$"):
            with_labels(second.rows, ["sport"])


def test_a_version_is_compared_with_the_one_that_has_the_alias_at_the_end(
    quick: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = quick(**names("race"))
    assert [registered_again(first, "race") for _ in range(2)] == ["2", "3"]
    compared: list[str | None] = []

    def meanwhile(made: gate.Candidate) -> None:
        champion = made.champion
        compared.append(champion and champion.number)
        if len(compared) == 1:  # another run ends while the checks run
            MlflowClient().set_registered_model_alias("race", "champion", "2")

    monkeypatch.setattr(promote, "why_not", meanwhile)
    verdict = promote.move_alias("race", "3", "champion")
    assert compared == ["1", "2"]
    assert (verdict.before, verdict.moved, champion("race")) == ("2", True, 3)


def test_the_reason_of_a_forced_move_is_a_text(tmp_path: Path) -> None:
    path = tmp_path / "quick.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    for value in ("true", "' '", "x" * 501):
        with pytest.raises(NewsstandError) as caught:
            load_config(path, [f"tracking.alias_force={value}"])
        assert str(caught.value).startswith(
            "command line: tracking.alias_force: expected the reason why the alias moves"
        )
    # Configs of runs of former versions have it as false.
    assert load_config(path, ["tracking.alias_force=false"]).tracking.alias_force is None
