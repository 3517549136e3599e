"""Fine-tuning and scoring with an encoder: newsstand against what people use, on the same rows.

    python tests/bench/encoder.py --data FOLDER [--parts fit score cold] [--markdown FILE]

FOLDER holds r8/ as its publishers have it. Each contestant runs in processes of its own, taking
turns; figures are medians. Seconds are the wall clock's: nothing else may run.

- fit: rows a second over some optimiser steps, after a few to warm up, of the same 4,937 rows, at
  most 128 tokens each, batches of 32: newsstand as `r8-transformer.yaml` says, and transformers'
  Trainer as its run_classification example sets it (fp32, rows in random order, padded to the
  maximum). With `--full`, whole fits and their accuracy on the test rows, with SetFit (16 rows a
  label) and sentence-transformers + LogisticRegression.
- score: test documents a second with the same fine-tuned weights, read from one bundle.
- cold: a whole process that loads the model and scores one document.
"""

import argparse
import json
import os
import re
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "configs" / "benchmarks" / "r8-transformer.yaml"
WARM = 3  # steps that are not timed
BATCH, TOKENS = 32, 128
SHOTS = 16  # rows a label that SetFit learns from
Record = dict[str, Any]
Texts = list[str]


class Enough(Exception):  # noqa: N818 - not an error
    """So many steps are timed."""


# --- Rows ---------------------------------------------------------------------------------


def loaded(job: Record) -> tuple[Any, Any]:
    """The config and its data."""
    from newsstand.config_file import load_config
    from newsstand.data.loader import load

    config = load_config(str(CONFIG), [f"data.path={job['data']}", *job.get("overrides", ())])
    return config, load(**config.loading())


def split(job: Record, name: str) -> tuple[list[Any], Texts, NDArray[np.int64]]:
    """Examples, their texts and labels."""
    from newsstand.train.rows import Rows

    _, news = loaded(job)
    rows = Rows(news, news.numbers(name))
    examples = list(rows.examples)
    return examples, [example.text for example in examples], rows.labels


def encoder_folder(job: Record) -> str:
    from newsstand.encoders import find_encoder

    config, _ = loaded(job)
    return str(find_encoder(config.model.encoder, config.model.encoder_sha256))


def real_tokens(job: Record, texts: Texts) -> float:
    """Tokens of a row, padding left out, on average."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(encoder_folder(job))
    found = tokenizer(texts, truncation=True, max_length=TOKENS)["input_ids"]
    return statistics.fmean(map(len, found))


# --- Fitting ------------------------------------------------------------------------------


class Pace:
    """Notes when each step was done; raises `Enough` after the last that counts."""

    def __init__(self, steps: int | None) -> None:
        self._steps = steps
        self.times: list[float] = []

    def step(self) -> None:
        self.times.append(time.perf_counter())
        if self._steps and len(self.times) > WARM + self._steps:
            raise Enough

    def rate(self) -> float:
        """Rows a second."""
        timed = self.times[WARM:]
        return BATCH * (len(timed) - 1) / (timed[-1] - timed[0])


def fit_newsstand(job: Record, pace: Pace) -> Callable[[], NDArray[np.int64]]:
    from newsstand.train.fit import fit_transformer, open_transformer
    from newsstand.train.lessons import Lesson
    from newsstand.train.rows import Rows

    config, news = loaded(job)
    fitted, held_out = (Rows(news, news.numbers(x)) for x in ("train", "validation"))
    with tempfile.TemporaryDirectory() as scratch:
        model = fit_transformer(
            config,
            open_transformer(config, fitted),
            Lesson.of(config, fitted, lambda *_: None),
            held_out,
            Path(scratch),
            lambda *_: None,
            lambda *_: pace.step(),
        )
    return lambda: model.forward(split(job, "test")[0]).argmax(axis=1)


def fit_run_classification(job: Record, pace: Pace) -> Callable[[], NDArray[np.int64]]:
    import datasets
    import transformers

    class Steps(transformers.TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, *_: Any, **__: Any) -> None:
            pace.step()

    folder = encoder_folder(job)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)

    def rows(name: str) -> Any:
        _, texts, labels = split(job, name)
        cut = {"padding": "max_length", "max_length": TOKENS, "truncation": True}
        return datasets.Dataset.from_dict({**tokenizer(texts, **cut), "label": labels})

    fitted = rows("train")
    network = transformers.AutoModelForSequenceClassification.from_pretrained(
        folder, num_labels=len(set(fitted["label"]))
    )
    with tempfile.TemporaryDirectory() as scratch:
        trainer = transformers.Trainer(
            model=network,
            args=transformers.TrainingArguments(
                output_dir=scratch,
                per_device_train_batch_size=BATCH,
                learning_rate=1e-4,  # newsstand's, so that only what the example sets differs
                num_train_epochs=3,
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
                seed=13,
            ),
            train_dataset=fitted,
            data_collator=transformers.default_data_collator,
            callbacks=[Steps()],
        )
        trainer.train()
        return lambda: trainer.predict(rows("test")).predictions.argmax(axis=1)


def fit_head(job: Record, _pace: Pace) -> Callable[[], NDArray[np.int64]]:
    from sentence_transformers import SentenceTransformer
    from sklearn.linear_model import LogisticRegression

    encoder = SentenceTransformer(encoder_folder(job))
    encoder.max_seq_length = TOKENS
    _, texts, labels = split(job, "train")
    head = LogisticRegression(max_iter=1000).fit(encoder.encode(texts), labels)
    return lambda: np.asarray(head.predict(encoder.encode(split(job, "test")[1])))


def fit_setfit(job: Record, _pace: Pace) -> Callable[[], NDArray[np.int64]]:
    import datasets
    import setfit

    _, texts, labels = split(job, "train")
    rng = np.random.default_rng(13)
    few = [
        row
        for label in np.unique(labels)
        for row in rng.permutation(np.flatnonzero(labels == label))[:SHOTS]
    ]
    model = setfit.SetFitModel.from_pretrained(encoder_folder(job))
    model.model_body.max_seq_length = TOKENS
    shown = datasets.Dataset.from_dict({"text": [texts[x] for x in few], "label": labels[few]})
    settings = setfit.TrainingArguments(num_iterations=20, report_to="none", seed=13)
    setfit.Trainer(model=model, args=settings, train_dataset=shown).train()
    return lambda: np.asarray(model.predict(split(job, "test")[1]))


FITS: dict[str, Callable[[Record, Pace], Callable[[], NDArray[np.int64]]]] = {
    "newsstand": fit_newsstand,
    "Trainer as in run_classification": fit_run_classification,
    "sentence-transformers + LogisticRegression": fit_head,
    "SetFit, 16 rows a label": fit_setfit,
}


def fit(job: Record) -> Record:
    from sklearn.metrics import f1_score

    pace = Pace(job["steps"])
    started = time.perf_counter()
    found: Record = {}
    try:
        predict = FITS[job["contestant"]](job, pace)
        found["seconds"] = time.perf_counter() - started
        _, _, labels = split(job, "test")
        predicted = predict()
        found["accuracy"] = float((predicted == labels).mean())
        found["macro_f1"] = float(f1_score(labels, predicted, average="macro"))
    except Enough:
        pass
    if len(pace.times) > WARM + 1:
        found["rows"] = pace.rate()
        found["tokens"] = pace.rate() * real_tokens(job, split(job, "train")[1][:1000])
    return found


# --- Scoring ------------------------------------------------------------------------------


def score(job: Record) -> Record:
    examples, texts, labels = split(job, "test")
    count = job["documents"] or len(texts)
    chosen = np.random.default_rng(5).permutation(len(texts))[:count]
    examples, texts = [examples[x] for x in chosen], [texts[x] for x in chosen]
    name = job["contestant"]
    if name.startswith("newsstand"):
        from newsstand.bundle import Bundle

        bundle = Bundle.load(Path(job["bundles"]["int8" if "int8" in name else "torch"]))

        def run(rows: slice) -> list[int]:
            return list(bundle.probabilities(examples[rows]).argmax(axis=1))

    else:
        import transformers

        pipe = transformers.pipeline(
            "text-classification",
            model=str(Path(job["bundles"]["torch"]) / "encoder"),
            batch_size=int(name.rpartition(" ")[2]),
            truncation=True,
            max_length=TOKENS,
        )

        def run(rows: slice) -> list[int]:
            return [int(x["label"].removeprefix("LABEL_")) for x in pipe(texts[rows])]

    run(slice(0, 8))
    started = time.perf_counter()
    predicted = run(slice(None))
    seconds = time.perf_counter() - started
    right = float(np.mean(np.array(predicted) == labels[chosen]))
    return {"documents": len(texts) / seconds, "accuracy": right}


SCORES = (
    "newsstand, int8",
    "newsstand, torch",
    "transformers.pipeline, batch 32",
    "transformers.pipeline, batch 1",
)
COLD = """\
import sys, transformers
pipe = transformers.pipeline("text-classification", model=sys.argv[1])
print(pipe(open(sys.argv[2]).read(), truncation=True, max_length=128))
"""


def cold(job: Record, folder: Path) -> Record:
    article = folder / "article.txt"
    article.write_text("Shares of the company fell after it said profits had been lower.\n")
    name, bundles = job["contestant"], job["bundles"]
    command = [sys.executable, "-c", COLD, f"{bundles['torch']}/encoder", str(article)]
    if name.startswith("newsstand"):
        bundle = bundles["int8" if "int8" in name else "torch"]
        command = [sys.executable, "-m", "newsstand", "score", "--model", bundle, str(article)]
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return {"cold": time.perf_counter() - started}


# --- Turns --------------------------------------------------------------------------------


def worker() -> None:
    job = json.loads(sys.stdin.read())
    figures = fit(job) if job["do"] == "fit" else score(job)
    status = Path("/proc/self/status").read_text()
    peak = re.search(r"VmHWM:\s+(\d+)", status)
    print("\n" + json.dumps(figures | {"memory": int(peak[1]) / 1024 if peak else None}))


def work(job: Record, prefix: list[str]) -> Record:
    done = subprocess.run(
        [*prefix, sys.executable, __file__, "--worker"],
        input=json.dumps(job),
        env=os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true", "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"{job['contestant']}, {job['do']}: failed\n{done.stderr[-3000:]}")
    found: Record = json.loads(done.stdout.splitlines()[-1])
    return found


def bundles(options: argparse.Namespace) -> dict[str, str]:
    """A bundle with the network alone and one with its export, the same weights in both."""
    found = {}
    for name, export in (("torch", "null"), ("int8", "int8")):
        folder = options.work / name
        if not (folder / "told.json").exists():
            folder.mkdir(parents=True, exist_ok=True)
            command = [sys.executable, "-m", "newsstand", "train", str(CONFIG), "--json"]
            command += [f"data.path={options.data / 'r8'}", f"export.onnx={export}"]
            command += options.settings
            done = subprocess.run(
                command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True
            )
            (folder / "told.json").write_text(done.stdout)
        found[name] = json.loads((folder / "told.json").read_text())["bundle"]
    return found


def asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--worker", action="store_true", help=argparse.SUPPRESS)
    add("--data", type=Path, default=Path(), help="folder with r8/")
    add("--parts", nargs="+", choices=("fit", "score", "cold"), default=["fit", "score", "cold"])
    add("--steps", type=int, default=20, help="optimiser steps that are timed (20)")
    add("--full", action="store_true", help="whole fits, with their accuracy")
    add("--documents", type=int, default=0, help="score so many of the test rows; 0: all")
    add("--repeats", type=int, default=3, help="how often each contestant runs (3)")
    add("--settings", nargs="*", default=[], help="KEY=VALUE for the bundles that are scored")
    add("--work", type=Path, default=Path(tempfile.gettempdir()) / "newsstand-bench-encoder")
    add("--prefix", default="", help="put before each command: 'taskset -c 0,1'")
    add("--markdown", type=Path, help="write the tables here rather than print them")
    return parser.parse_args()


COLUMNS = {
    "rows": ("rows a second", ",.1f"),
    "tokens": ("real tokens a second", ",.0f"),
    "seconds": ("whole fit, s", ",.0f"),
    "documents": ("documents a second", ",.1f"),
    "cold": ("cold start, s", ".2f"),
    "accuracy": ("accuracy", ".4f"),
    "macro_f1": ("macro-F1", ".4f"),
    "memory": ("peak memory, MB", ",.0f"),
}


def table(records: list[Record], part: str) -> str:
    """Medians of one part, and each rate as a multiple of newsstand's own."""
    of = [x for x in records if x["do"] == part]
    keys = [key for key in COLUMNS if any(key in x for x in of)]
    lines = [f"| {part} | {' | '.join(COLUMNS[key][0] for key in keys)} |"]
    lines.append(f"|---|{'---:|' * len(keys)}")
    for name in dict.fromkeys(x["contestant"] for x in of):
        cells = []
        for key in keys:
            values = [x[key] for x in of if x["contestant"] == name and key in x]
            cells.append(format(statistics.median(values), COLUMNS[key][1]) if values else "")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def main() -> None:
    options = asked()
    if options.worker:
        worker()
        return
    records: list[Record] = []
    prefix = shlex.split(options.prefix)
    job: Record = {"data": str(options.data.resolve() / "r8"), "documents": options.documents}
    job["steps"] = None if options.full else options.steps
    if set(options.parts) & {"score", "cold"}:
        job["bundles"] = bundles(options)
    fits = list(FITS) if options.full else list(FITS)[:2]
    fits = [x for x in fits if not x.startswith("SetFit") or find_spec("setfit")]
    for repeat in range(options.repeats):
        for part in options.parts:
            for name in fits if part == "fit" else SCORES:
                one = {**job, "do": part, "contestant": name}
                if part == "cold":
                    with tempfile.TemporaryDirectory() as scratch:
                        figures = cold(one, Path(scratch))
                else:
                    figures = work(one, prefix)
                records.append({"do": part, "contestant": name} | figures)
                print(part, name, repeat, json.dumps(figures), file=sys.stderr, flush=True)
    text = "\n".join(table(records, part) for part in options.parts)
    if options.markdown:
        options.markdown.write_text(text, encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
