"""Shared fixtures: both models, trained once a session on a part of the corpus; two small ones."""

import io
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from given import Cli, Done, RecordingReporter, Trained
from newsstand.cli.command import quiet_libraries

if TYPE_CHECKING:
    from newsstand.io.bundle import Bundle

# Before anything imports MLflow or datasets; of commands that run in this process, as they would.
quiet_libraries()
os.environ["HF_HUB_OFFLINE"] = "1"
# Of tiny networks, a second thread makes more work than it does.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# A cache of the test run's own: nothing found that another run has prepared.
_CACHE = tempfile.TemporaryDirectory(prefix="newsstand-tests-")
os.environ["HF_DATASETS_CACHE"] = _CACHE.name

ROOT = Path(__file__).parent.parent


# Files that take longest: last in line, one process would work on them while the other is done.
_LONG = ("test_readme.py", "test_processes.py", "test_fine_tune.py", "test_export_onnx.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first."""
    items.sort(key=lambda item: item.path.name not in _LONG)


@pytest.fixture(scope="session", autouse=True)
def part_of_corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What is read as the corpus in this process: a tenth of it, of each file and split."""
    from newsstand.data.readers import formats

    whole, folder = formats.CORPUS, tmp_path_factory.mktemp("corpus")
    for path in whole.glob("*.jsonl"):
        splits: dict[str, list[str]] = {}
        for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
            splits.setdefault(json.loads(line)["split"], []).append(line)
        kept = [line for lines in splits.values() for line in lines[::10]]
        (folder / path.name).write_text("".join(kept), encoding="utf-8")
    formats.CORPUS = folder
    yield folder
    formats.CORPUS = whole


@pytest.fixture
def reporter() -> RecordingReporter:
    """A reporter of this test's own."""
    return RecordingReporter()


@pytest.fixture(scope="session")
def trained(part_of_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    """Both linear configs of the corpus, trained into an MLflow store of the session."""
    from newsstand.config.loader import load_config
    from newsstand.train.run import train

    folder = tmp_path_factory.mktemp("trained")
    before = Path.cwd()
    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
    os.chdir(folder)
    try:
        # The linear stance model does not read the target, so that it has to be forced.
        forced = {"topic": [], "stance": ["tracking.alias_force=target-blind"]}
        results = {
            name: train(
                load_config(ROOT / "configs" / f"{name}-linear.yaml", forced[name]),
                name=f"{name}-linear",
                reporter=RecordingReporter(),
            )
            for name in ("topic", "stance")
        }
    finally:
        os.chdir(before)
    yield Trained(
        folder,
        results["topic"],
        results["stance"],
        Path(results["topic"].bundle),
        Path(results["stance"].bundle),
    )
    del os.environ["MLFLOW_TRACKING_URI"]


SMALL = {
    "sport": (
        "The striker scored twice and the goalkeeper saved a penalty.",
        "The champion won the final match of the tournament.",
        "The coach praised his team after the match.",
        "سجل المهاجم هدفين في المباراة وأنقذ الحارس ركلة جزاء.",
        "فاز الفريق في المباراة النهائية للبطولة.",
        "החלוץ כבש שני שערים במשחק והשוער הציל פנדל.",
    ),
    "economy": (
        "Shares fell as the central bank raised interest rates.",
        "The firm reported higher profits and paid a dividend.",
        "Investors sold bonds and shares on the market.",
        "ارتفعت أسعار الأسهم في البورصة بعد قرار البنك المركزي.",
        "تراجعت أرباح الشركة وانخفضت أسعار النفط.",
        "המניות ירדו בבורסה והבנק העלה את הריבית.",
    ),
    "weather": (
        "Rain and strong winds are forecast for the coast.",
        "Snow fell overnight and temperatures dropped.",
        "A storm brought heavy rain to the hills.",
        "تتوقع الأرصاد أمطارا غزيرة ورياحا قوية على الساحل.",
        "تساقطت الثلوج وانخفضت درجات الحرارة ليلا.",
        "החזאי צופה גשם כבד ורוחות חזקות בחוף.",
    ),
}


def _small(task: str, rows: list[tuple[str, str | None, str]]) -> "Bundle":
    import numpy as np

    from newsstand.features.weighting import FeatureSpec, count
    from newsstand.io.bundle import Bundle
    from newsstand.labels import LabelSet
    from newsstand.models.calibration import Calibration
    from newsstand.text.article import Article
    from newsstand.text.example import encode
    from newsstand.text.normalize import TextSpec
    from newsstand.train.families.linear_solver import fit_linear

    labels = LabelSet.of(dict.fromkeys(label for label, _, _ in rows))
    spec = FeatureSpec(words=(1, 2), chars=(3, 4), bits=14, cross_target=task == "stance")
    model = fit_linear(
        count(spec, [encode(Article(body=body), target, TextSpec()) for _, target, body in rows]),
        np.array([labels.labels.index(label) for label, _, _ in rows]),
        spec=spec,
        classifier="svc",
        C=1.0,
        class_weight=None,
        seed=1,
    )
    return Bundle(
        task=task,
        labels=labels,
        text=TextSpec(),
        model=model,
        calibration=Calibration("temperature", (2.5,)),
    )


@pytest.fixture(scope="session")
def small() -> "Bundle":
    """A topic model of three labels, in English, Arabic and Hebrew."""
    return small_topics()


@pytest.fixture(scope="session")
def small_stance() -> "Bundle":
    """A stance model of two labels and two targets, which take the same words otherwise."""
    return small_stances()


def small_topics() -> "Bundle":
    return _small("topic", [(label, None, body) for label, all_ in SMALL.items() for body in all_])


def small_stances() -> "Bundle":
    rows: list[tuple[str, str | None, str]] = []
    for target, good, bad in (("the levy", "cheap", "dear"), ("the port", "dear", "cheap")):
        rows += [("favor", target, f"It is {good} and {x}.") for x in ("welcome", "right", "fair")]
        rows += [("against", target, f"It is {bad} and {x}.") for x in ("harmful", "wrong", "bad")]
    return _small("stance", rows)


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder in transformers' format with random weights, of two layers and 24 numbers."""
    from tiny_models import make_encoder

    folder = tmp_path_factory.mktemp("tiny-encoder")
    make_encoder(folder, [body for bodies in SMALL.values() for body in bodies])
    return folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of the test's own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs the `newsstand` command in this process."""
    from newsstand.cli.main import main

    def run(*arguments: str | Path, stdin: bytes = b"") -> Done:
        monkeypatch.setattr(sys, "argv", ["newsstand", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Done(int(ended.value.code or 0), captured.out, captured.err)

    return run
