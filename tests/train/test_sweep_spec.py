"""The file of a sweep: what it may hold, and what is refused before anything runs."""

from pathlib import Path
from typing import Any

import pytest
from optuna.pruners import NopPruner

from newsstand.errors import ConfigError, NewsstandError
from newsstand.train.sweep.space import Choice, Floats, Integers
from newsstand.train.sweep.spec import load_sweep
from newsstand.train.sweep.studies import Studies
from sweeping import write_sweep

ROOT = Path(__file__).parents[2]
SWEEPS = sorted((ROOT / "configs/sweeps").glob("*.yaml"))


def refused(text: str, **options: Any) -> list[str]:
    write_sweep(text)
    with pytest.raises(ConfigError) as error:
        load_sweep("s.yaml", **options)
    return error.value.problems


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_every_shipped_sweep_loads(path: Path) -> None:
    assert load_sweep(path).parameters


def test_values_are_drawn_as_the_setting_takes_them(folder: Path) -> None:
    write_sweep(
        "config: quick.yaml\nsearch:\n  model.C: {low: 1, high: 100}\n"
        "  model.bits: {low: 10, high: 14}\n  model.min_df: {low: 1, high: 6, step: 2}\n"
        "  model.words: [null, [1, 2]]\n"
    )
    with pytest.raises(ConfigError):  # null words leave no features
        load_sweep("s.yaml")
    write_sweep(Path("s.yaml").read_text() + "overrides: {model.chars: [2, 3]}\n")
    sweep = load_sweep("s.yaml")
    assert sweep.parameters == {
        "model.C": Floats("model.C", 1.0, 100.0, log=False, step=None),
        "model.bits": Integers("model.bits", 10, 14, log=False, step=1),
        "model.min_df": Integers("model.min_df", 1, 6, log=False, step=2),
        "model.words": Choice("model.words", (None, [1, 2])),
    }
    assert (sweep.name, sweep.storage) == ("s", "sqlite:///sweeps/s.db")
    assert (sweep.spec.trials, sweep.minimizes) == (40, False)


def test_all_problems_of_the_file_are_reported_at_once(folder: Path) -> None:
    assert refused(
        "config: quick.yaml\nmetric: macrof1\ntrials: 0\nsearch:\n  model.C: {lo: 1, high: 2}\n"
        "  model.bits: {low: 20, high: 16}\n  model.words: [[1, 1]]\n  model.idf: [true, true]\n"
        "  model.min_df: {low: 0, high: 3, log: true}\n  model.chars: {low: x, high: 3}\nsede: 3\n"
    ) == [
        "s.yaml:2: metric: unknown metric 'macrof1'; did you mean 'macro_f1'?",
        "s.yaml:3: trials: expected greater than or equal to 1, got 0",
        "s.yaml:5: search.model.C: unknown key 'lo'; did you mean 'low'?",
        "s.yaml:6: search.model.bits: expected 'low' below 'high'",
        "s.yaml:7: search.model.words: expected a list of two or more values, or 'low' and "
        "'high', got [[1, 1]]",
        "s.yaml:8: search.model.idf: expected different values, got [True, True]",
        "s.yaml:9: search.model.min_df: expected 'low' above 0, as 'log' is set",
        "s.yaml:10: search.model.chars.low: expected a number, got 'x'",
        "s.yaml:11: sede: unknown key; did you mean 'seeds'?",
    ]


def test_settings_and_their_values_are_checked_against_the_config(folder: Path) -> None:
    assert refused(
        "config: quick.yaml\nmetric: mae\nsearch:\n  model.Cc: [1, 2]\n"
        "  model.bits: {low: 2, high: 99}\n  model.words: [[1, 1], [2, 1]]\n"
        "  data.path: [a, b]\n  seed: [1, 2]\n  model.classifier: [svc, smv]\n"
    ) == [
        "s.yaml:2: metric: 'mae' is computed only if evaluation.mae is set",
        "s.yaml:4: search.model.Cc: not a setting of the config; did you mean 'C'?",
        "s.yaml:5: search.model.bits.low: expected greater than or equal to 10, got 2",
        "s.yaml:5: search.model.bits.high: expected less than or equal to 24, got 99",
        "s.yaml:6: search.model.words.1: expected 1 <= shortest <= longest <= 8, got [2, 1]",
        "s.yaml:7: search.data.path: would change which rows are compared or how; set it in the "
        "config",
        "s.yaml:8: search.seed: would change which rows are compared or how; set it in the config",
        "s.yaml:9: search.model.classifier.1: expected 'svc', 'logistic' or 'sgd', got 'smv'; did "
        "you mean 'svc'?",
    ]


def test_the_config_and_overrides_are_checked(folder: Path) -> None:
    search = "search: {model.C: [1, 2]}\n"
    assert refused(f"config: no.yaml\n{search}") == ["s.yaml:1: config: no.yaml: no such file"]
    assert refused(f"config: quick.yaml\noverrides: {{model.Cc: 1}}\n{search}") == [
        "s.yaml:2: overrides: model.Cc: unknown key; did you mean 'C'?"
    ]
    write_sweep(f"config: quick.yaml\n{search}", config="task: topics\n")
    with pytest.raises(ConfigError, match=r"quick.yaml:1: task: expected 'topic' or 'stance'"):
        load_sweep("s.yaml")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("x", "expected the URL of a database, such as sqlite:///trials.db"),
        ("sqlite://", "sqlite:// is not kept; name a file"),
        ("postgresql://me:secret@host/x", r"storage postgresql://host/x: install its driver \(No"),
        ("sqlite:////proc/none/x.db", "storage|No such file"),
    ],
)
def test_a_storage_that_cannot_be_used_is_refused(url: str, reason: str) -> None:
    with pytest.raises((NewsstandError, OSError), match=reason) as error:
        Studies(url, minimizes=False, pruner=NopPruner(), seed=0)
    assert "secret" not in str(error.value)


def test_a_file_that_is_no_database_is_refused(folder: Path) -> None:
    Path("x.db").write_text("this is text, and long enough to be read as a header " * 20)
    with pytest.raises(NewsstandError, match=r"storage sqlite:///x\.db: .*not a database"):
        Studies("sqlite:///x.db", minimizes=False, pruner=NopPruner(), seed=0)
