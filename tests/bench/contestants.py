"""The contestants of `linear.py`: each fits, scores or starts in a process of its own.

A job is one JSON object on standard input, its figures one on the last line of standard output:

    {"do": "fit", "contestant": "fastText", "rows": "…/r8", "model": "…/model", …}

Every contestant reads the same rows. A target becomes words of its own before the text, for all
but newsstand with its own config, which has ways of its own to read targets.
"""

import json
import pickle
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs import Clock, Record, answer, peak, rate
from newsstand.models.calibration import Calibration
from newsstand.text.example import Example
from newsstand.types import Floats

SHORT = 30  # words
TIMED = 4000  # test rows that speed is measured on, at most
STARTS = 3
THREADS = 2
FIT_SPLITS = ("train", "validation", "spare")


@dataclass(frozen=True)
class Rows:
    """Prepared rows, as the loader gives them, with what the training recipe asks for."""

    examples: list[Example]
    labels: NDArray[np.int64]
    outlets: list[str | None]

    @classmethod
    def read(cls, folder: Path, split: str, merge: bool = False) -> "Rows":
        """One split; with `merge` as the rivals get it."""
        examples, labels, outlets = [], [], []
        for example, label, outlet in stream(folder, split):
            examples.append(Example.of_prepared("", merged(example), None) if merge else example)
            labels.append(label)
            outlets.append(outlet)
        return cls(examples, np.array(labels, dtype=np.int64), outlets)

    def __len__(self) -> int:
        return len(self.examples)

    def __add__(self, other: "Rows") -> "Rows":
        labels = np.concatenate([self.labels, other.labels])
        return Rows(self.examples + other.examples, labels, self.outlets + other.outlets)

    def codes(self, name: str) -> NDArray[np.int64]:
        """The outlets as numbers."""
        assert name == "outlet"
        return np.unique([x or "" for x in self.outlets], return_inverse=True)[1]


def stream(folder: Path, split: str) -> Iterator[tuple[Example, int, str | None]]:
    with (folder / f"{split}.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            title, body, target, label, outlet = json.loads(line)
            yield Example.of_prepared(title, body, target), label, outlet


def merged(example: Example) -> str:
    """Target and text in one; a target's words are told from the text's."""
    target = "".join(f"target_{word} " for word in (example.target or "").split())
    return target + example.text


def cut(example: Example) -> Example:
    return Example.of_prepared("", " ".join(example.text.split()[:SHORT]), example.target)


class Newsstand:
    """With the data set's own config, or, merged, with words alone."""

    def __init__(self, merge: bool) -> None:
        self.merge = merge
        self.raw = not merge

    def fit(self, job: Record, rows: Path, folder: Path) -> Record:
        from newsstand.config.loader import load_config
        from newsstand.io.bundle import Bundle
        from newsstand.labels import CUSTOM, LabelSet
        from newsstand.train.calibrate import fit_calibration
        from newsstand.train.families.base import RunContext
        from newsstand.train.families.linear import LinearTrainer
        from newsstand.train.fit_checkpoint import FitCheckpoints

        config = load_config(job["config"], job["overrides"])
        fitted, held_out, spare = (Rows.read(rows, name, self.merge) for name in FIT_SPLITS)
        every = fitted + held_out + spare
        checkpoints = FitCheckpoints(folder.parent, str(rows))
        clock = Clock()
        trainer = LinearTrainer.of(config, RunContext.alone(checkpoints, folder))
        first = trainer.fit(fitted, held_out)
        model = first.model
        scores = model.forward(held_out.examples)
        calibration = fit_calibration(config.calibration.method, scores, held_out.labels)
        if config.model.refit:
            clock.mark()
            model = trainer.refit(every, first)
        figures = clock.figures()
        names = json.loads((rows / "labels.json").read_text(encoding="utf-8"))
        bundle = Bundle(
            task="topic" if self.merge else config.task,
            labels=LabelSet(CUSTOM, dict(zip(names, names, strict=True))),
            text=config.text.spec(),
            model=model,
            calibration=calibration,
        )
        bundle.save(folder)
        return figures

    def load(self, folder: Path) -> None:
        from newsstand.serve.scorer import load

        self.scorer = load(folder)

    def inputs(self, examples: Sequence[Example]) -> list[Example]:
        if self.merge:
            return [Example.of_prepared("", merged(example), None) for example in examples]
        return list(examples)

    def score(self, inputs: list[Example]) -> Floats:
        return self.scorer.bundle.probabilities(inputs)

    probabilities = score

    cold = """\
import json, sys
from newsstand.text.article import Article
from newsstand.serve.scorer import load
row = json.load(open(sys.argv[2]))
article = Article(title=row["title"], body=row["body"])
load(sys.argv[1]).score(article, target=row["target"], explain=False)
"""


class Tfidf:
    """What most people would take: scikit-learn's defaults but for bigrams and 1 + log.

    LinearSVC gives no probabilities; newsstand's temperature, fitted on the validation rows, makes
    them.
    """

    raw = False

    def fit(self, job: Record, rows: Path, folder: Path) -> Record:
        from newsstand.train.calibrate import fit_calibration

        parts = [Rows.read(rows, name) for name in FIT_SPLITS]
        train, held_out, spare = ((self.inputs(x.examples), x.labels) for x in parts)
        del parts
        every = train[0] + held_out[0] + spare[0], np.concatenate([train[1], held_out[1], spare[1]])
        clock = Clock()
        scores = self._pipeline().fit(*train).decision_function(held_out[0])
        calibration = fit_calibration("temperature", scores, held_out[1])
        clock.mark()
        pipeline = self._pipeline().fit(*every)
        figures = clock.figures()
        folder.mkdir()
        with (folder / "model.pickle").open("wb") as stream:
            pickle.dump((pipeline, calibration), stream, protocol=5)
        return figures

    @staticmethod
    def _pipeline() -> Any:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.pipeline import make_pipeline
        from sklearn.svm import LinearSVC

        return make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LinearSVC())

    def load(self, folder: Path) -> None:
        self.pipeline: Any
        self.calibration: Calibration
        with (folder / "model.pickle").open("rb") as stream:
            self.pipeline, self.calibration = pickle.load(stream)

    def inputs(self, examples: Sequence[Example]) -> list[str]:
        return list(map(merged, examples))

    def score(self, inputs: list[str]) -> Floats:
        return self.calibration.apply(self.pipeline.decision_function(inputs))

    probabilities = score

    cold = """\
import json, pickle, sys
pipeline, calibration = pickle.load(open(sys.argv[1] + "/model.pickle", "rb"))
calibration.apply(pipeline.decision_function([json.load(open(sys.argv[2]))["merged"]]))
"""


class FastText:
    """fastText with its defaults, or tuned by its autotune on the validation rows.

    Its text is made ready as its tutorial has it, lower-case and with spaces around punctuation,
    outside of what is timed. Then its probabilities are taken as they come.
    """

    raw = False

    def __init__(self, tune: bool) -> None:
        self.tune = tune

    def fit(self, job: Record, rows: Path, folder: Path) -> Record:
        import fasttext

        folder.mkdir()
        files = self._files(rows, folder)
        settings: Record = {}
        told: Record = {}
        clock = Clock()
        if self.tune:
            settings, budget = self._tuned(files, job["budget"])
            told = {"settings": settings, "budget": budget}
            clock.mark()
        model = fasttext.train_supervised(str(files["all"]), thread=THREADS, verbose=0, **settings)
        figures = clock.figures()
        model.save_model(str(folder / "model.bin"))
        for path in files.values():
            path.unlink()
        return figures | told

    def _files(self, rows: Path, folder: Path) -> dict[str, Path]:
        """Its input, shuffled: it learns line by line, and files come sorted by label."""
        lines = {
            split: [
                f"__label__{label} {self.inputs([example])[0]}\n"
                for example, label, _ in stream(rows, split)
            ]
            for split in FIT_SPLITS
        }
        lines["all"] = [line for split in FIT_SPLITS for line in lines[split]]
        files = {}
        for name, found in lines.items():
            random.Random(13).shuffle(found)
            files[name] = folder / name
            files[name].write_text("".join(found), encoding="utf-8")
        return files

    @staticmethod
    def _tuned(files: dict[str, Path], budget: int) -> tuple[Record, int]:
        """The best settings, and the seconds allowed: twice as many until one trial is done."""
        import fasttext

        while True:
            try:
                model = fasttext.train_supervised(
                    str(files["train"]),
                    autotuneValidationFile=str(files["validation"]),
                    autotuneDuration=budget,
                    thread=THREADS,
                    verbose=0,
                )
            except RuntimeError as error:
                if "enough time" not in str(error):
                    raise
                budget *= 2
            else:
                found = model.f.getArgs()
                names = ("lr", "dim", "epoch", "wordNgrams", "minn", "maxn", "bucket", "minCount")
                return {name: getattr(found, name) for name in names}, budget

    def load(self, folder: Path) -> None:
        import fasttext

        self.model = fasttext.load_model(str(folder / "model.bin"))
        self.labels = {label: int(label[9:]) for label in self.model.labels}

    def inputs(self, examples: Sequence[Example]) -> list[str]:
        texts = (re.sub(r"([.!?,'/()])", r" \1 ", merged(x)).lower() for x in examples)
        return [" ".join(text.split()) for text in texts]

    def score(self, inputs: list[str]) -> object:
        # A list, because `predict` of a single text breaks with NumPy 2 (np.array(copy=False)).
        return self.model.predict(inputs)

    def probabilities(self, inputs: list[str]) -> Floats:
        """All labels' probabilities.

        Straight from the C++ object: with today's pybind11, `predict` of a list repeats the first
        label's probability for all others. Its labels, and their order, are right.
        """
        values = np.zeros((len(inputs), len(self.labels)))
        for row, text in zip(values, inputs, strict=True):
            for chance, label in self.model.f.predict(f"{text}\n", -1, 0.0, "strict"):
                row[self.labels[label]] = chance
        return values / values.sum(axis=1, keepdims=True)

    cold = """\
import json, sys
import fasttext
model = fasttext.load_model(sys.argv[1] + "/model.bin")
model.predict([json.load(open(sys.argv[2]))["merged"].replace("\\n", " ")])
"""


CONTESTANTS: dict[str, Callable[[], Any]] = {
    "newsstand": lambda: Newsstand(merge=False),
    "newsstand, words": lambda: Newsstand(merge=True),
    "TF-IDF + LinearSVC": Tfidf,
    "fastText": lambda: FastText(tune=False),
    "fastText, autotune": lambda: FastText(tune=True),
}


def fit(contestant: Any, job: Record) -> Record:
    folder = Path(job["model"])
    figures = contestant.fit(job, Path(job["rows"]), folder)
    size = sum(path.stat().st_size for path in folder.iterdir()) / 2**20
    return {**figures, "fit_memory": peak(), "size": size}


def score(contestant: Any, job: Record) -> Record:
    rows = Path(job["rows"])
    test = Rows.read(rows, "test")
    contestant.load(Path(job["model"]))
    probabilities = contestant.probabilities(contestant.inputs(test.examples))
    timed = test.examples[:TIMED]
    figures = {}
    for name, examples in (("full", timed), ("short", list(map(cut, timed)))):
        inputs = contestant.inputs(examples)
        figures[name] = rate(lambda given=inputs: contestant.score(given), len(inputs))
    if contestant.raw:
        figures["raw"] = raw_rate(contestant.scorer, rows)
    figures["score_memory"] = peak()
    from newsstand.train.evaluation.metrics import metrics

    labels = json.loads((rows / "labels.json").read_text(encoding="utf-8"))
    found = metrics(probabilities, test.labels, labels)
    return figures | {name: found[name] for name in ("accuracy", "macro_f1", "ece")}


def raw_rate(scorer: Any, rows: Path) -> float:
    """From articles as published to scores: preparation, features, probabilities."""
    from newsstand.text.article import Article

    with (rows / "articles.jsonl").open(encoding="utf-8") as lines:
        found = [json.loads(line) for line in lines]
    articles = [Article(**fields) for fields, _ in found]
    targets = [target for _, target in found] if scorer.task == "stance" else None
    return rate(lambda: list(scorer.score_many(articles, target=targets)), len(articles))


def cold(contestant: Any, job: Record) -> Record:
    """Seconds of a whole process that loads a model and scores one article: the quickest."""
    sample = Path(job["rows"]) / ("sample.json" if contestant.raw else "sample-merged.json")
    command = [sys.executable, "-c", contestant.cold, job["model"], str(sample)]
    seconds = []
    for _ in range(STARTS):
        start = time.perf_counter()
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - start)
    return {"cold": min(seconds)}


def main() -> None:
    def done(job: Record) -> Record:
        contestant = CONTESTANTS[job["contestant"]]()
        return {"fit": fit, "score": score, "cold": cold}[job["do"]](contestant, job)

    answer(done)


if __name__ == "__main__":
    main()
