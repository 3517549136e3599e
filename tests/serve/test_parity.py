"""The contract: an article's probabilities are the same to the last bit, however it is scored."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from pyarrow import parquet

import newsstand
from given import Trained
from newsstand.io.records import Record, read_records
from newsstand.serve.score import Score
from newsstand.text.article import Article

CORPUS = Path(__file__).parents[2] / "data/corpus/articles.jsonl"
ODD = (
    "goal",
    "سجل المهاجم هدفين في المباراة وأنقذ الحارس ركلة جزاء.",
    "\u202eהבנק העלה את הריבית\u202c and the bank in Haifa \u200f(1,5 %)",
    "🙂🙂 👩‍👩‍👧 🇫🇷 the minister 🏳️‍🌈",
    "…?!",
    "İstanbul'da ΣΊΣΥΦΟΣ straße ﬁnance e\u0301 \ud800 end",
    "<p>Rain &amp; snow</p>\r\n\r\n\tRead more: Shares fall",
    "The council will vote on the harbour stadium. " * 2200,  # 100 kB
)
Bits = tuple[str, ...]


@dataclass(frozen=True)
class Case:
    """A trained model, the articles to score with it, and their probabilities one by one."""

    name: str
    bundle: Path
    articles: list[Article]
    targets: list[str] | None
    expected: list[Bits]


def bits(score: Score) -> Bits:
    return tuple(value.hex() for value in score.probabilities.values())


@pytest.fixture(scope="module", params=["topic", "stance"])
def case(request: pytest.FixtureRequest, trained: Trained, part_of_corpus: Path) -> Case:
    found = read_records(part_of_corpus / "articles.jsonl")
    rows = [item.values for item in found if isinstance(item, Record)]
    articles = [Article.from_mapping(row) for row in rows]
    articles += [Article(body=text, id=f"odd-{n}") for n, text in enumerate(ODD)]
    targets = None
    if request.param == "stance":
        known = [s["target"] for row in rows for s in row["stances"]]
        targets = [known[n % len(known)] for n in range(len(articles) - 1)] + ["قانون جديد 🙂"]
    bundle = trained.topic_bundle if targets is None else trained.stance_bundle
    scorer = newsstand.load(bundle)
    expected = [
        bits(scorer.score(article, target=targets[n] if targets else None, explain=False))
        for n, article in enumerate(articles)
    ]
    assert len(set(expected)) > 100
    return Case(request.param, bundle, articles, targets, expected)


def test_as_measured_in_training(trained: Trained, part_of_corpus: Path) -> None:
    rows = {
        str(item.values["id"]): item.values
        for path in part_of_corpus.iterdir()
        for item in read_records(path)
        if isinstance(item, Record)
    }
    for result in (trained.topic, trained.stance):
        run = trained.folder / "mlruns" / result.experiment / result.run_id / "artifacts"
        measured = parquet.read_table(run / "predictions.parquet").to_pylist()
        scorer = newsstand.load(result.bundle)
        for row in measured:
            article = Article.from_mapping(rows[row["id"].partition("/")[0]])
            score = scorer.score(article, target=row["target"])
            assert bits(score) == tuple(row[f"p_{label}"].hex() for label in scorer.labels)
            assert (score.label, score.probability) == (row["predicted"], row["probability"])


@pytest.mark.parametrize("batch_size", [1, 7, 256])
def test_in_batches(case: Case, batch_size: int) -> None:
    scores = newsstand.load(case.bundle).score_many(
        case.articles, target=case.targets, batch_size=batch_size
    )
    assert [bits(score) for score in scores] == case.expected


def test_in_another_order_with_evidence_and_twice(case: Case) -> None:
    scorer = newsstand.load(case.bundle)
    for _ in range(2):
        targets = case.targets[::-1] if case.targets else None
        scores = scorer.score_many(case.articles[::-1], target=targets, explain=True)
        assert [bits(score) for score in scores] == case.expected[::-1]


def test_by_the_command_line_in_another_process_from_a_copy(case: Case, tmp_path: Path) -> None:
    shutil.copytree(case.bundle, tmp_path / "copy of it")
    with (tmp_path / "rows.jsonl").open("w") as stream:
        for number, article in enumerate(case.articles):
            row = {"id": article.id, "title": article.title, "body": article.body}
            if case.targets:
                row["target"] = case.targets[number]
            stream.write(json.dumps(row) + "\n")
    command = [str(Path(sys.executable).parent / "newsstand")]
    done = subprocess.run(
        [*command, "score", "--format", "jsonl", "--model", "copy of it", "rows.jsonl"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["id"] for row in found] == [article.id for article in case.articles]
    values = [tuple(x.hex() for x in row["probabilities"].values()) for row in found]
    assert values == case.expected


def test_by_mlflow(case: Case) -> None:
    model = mlflow.pyfunc.load_model(f"models:/{case.name}@champion")
    frame = pd.DataFrame(
        {
            "title": [a.title or None for a in case.articles],
            "body": [a.body for a in case.articles],
            **({"target": case.targets} if case.targets else {}),
        },
        dtype=object,  # pandas' own text cannot hold half a character
    )
    for part in (frame, frame.iloc[5:6], frame.iloc[-9:]):
        found = model.predict(part)
        columns = [name for name in found.columns if name.startswith("p_")]
        rows = found[columns].itertuples(index=False)
        values = [tuple(float(x).hex() for x in row) for row in rows]
        assert values == [case.expected[n] for n in part.index]


def test_by_the_registered_name_and_from_a_copy(case: Case, tmp_path: Path) -> None:
    shutil.copytree(case.bundle, tmp_path / "copy")
    for uri in (tmp_path / "copy", f"models:/{case.name}@champion"):
        scores = newsstand.load(uri).score_many(case.articles, target=case.targets)
        assert [bits(score) for score in scores] == case.expected
