"""The contestants of `encoder.py`: each fits or scores in a process of its own (see `jobs`)."""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs import Record, answer, peak

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "configs" / "benchmarks" / "r8-transformer.yaml"
WARM = 3  # steps that are not timed
BATCH, TOKENS = 32, 128
SHOTS = 16  # rows a label that SetFit learns from
Texts = list[str]


class Enough(Exception):  # noqa: N818 - not an error
    """So many steps are timed."""


# --- Rows ---------------------------------------------------------------------------------


def loaded(job: Record) -> tuple[Any, Any]:
    """The config and its data."""
    from newsstand.config.loader import load_config
    from newsstand.data.load import load

    config = load_config(str(CONFIG), [f"data.path={job['data']}", *job.get("overrides", ())])
    return config, load(config.loading())


def split(job: Record, name: str) -> tuple[list[Any], Texts, NDArray[np.int64]]:
    """Examples, their texts and labels."""
    from newsstand.train.dataset import LabelledRows

    _, news = loaded(job)
    rows = LabelledRows(news, news.numbers(name))
    examples = list(rows.examples)
    return examples, [example.text for example in examples], rows.labels


def encoder_folder(job: Record) -> str:
    from newsstand.encoders.hub import find_encoder

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
    from newsstand.train.dataset import LabelledRows
    from newsstand.train.families.base import RunContext
    from newsstand.train.families.transformer import TransformerTrainer
    from newsstand.train.fit_checkpoint import FitCheckpoints

    config, news = loaded(job)
    fitted, held_out = (LabelledRows(news, news.numbers(x)) for x in ("train", "validation"))
    with tempfile.TemporaryDirectory() as scratch:
        checkpoints = FitCheckpoints(Path(scratch), news.digest)
        context = RunContext.alone(checkpoints, Path(scratch), lambda *_: pace.step())
        trainer = TransformerTrainer.of(config, context)
        model = trainer.tune(
            trainer.open(fitted),
            trainer.targets(fitted),
            held_out,
            folder=Path(scratch),
            seed=config.seed,
            log=lambda *_: None,
        )
    return lambda: model.forward(split(job, "test")[0]).argmax(axis=1)


def fit_run_classification(
    job: Record, pace: Pace, **faster: Any
) -> Callable[[], NDArray[np.int64]]:
    import datasets
    import transformers

    from newsstand.encoders.libraries import torch_sees_a_gpu

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
                use_cpu=not torch_sees_a_gpu(),
                **faster,
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


def fit_compiled(job: Record, pace: Pace) -> Callable[[], NDArray[np.int64]]:
    return fit_run_classification(job, pace, bf16=True, torch_compile=True)


FITS: dict[str, Callable[[Record, Pace], Callable[[], NDArray[np.int64]]]] = {
    "newsstand": fit_newsstand,
    "Trainer as in run_classification": fit_run_classification,
    "Trainer, bf16 and torch.compile": fit_compiled,
    "sentence-transformers + LogisticRegression": fit_head,
    "SetFit, 16 rows a label": fit_setfit,
}
WHOLE_FITS = list(FITS)[-2:]  # which have no steps to time


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
        length = real_tokens(job, split(job, "train")[1][:1000])
        found["tokens"] = pace.rate() * length
        if job["peak"]:
            operations = found["tokens"] * operations_a_token(job, length)
            found["share"] = operations / (job["peak"] * 1e12)
    return found


def operations_a_token(job: Record, length: float) -> float:
    """Floating-point operations of a training step for a token of an input so long.

    Six a weight but the embeddings', and what attention does (Chowdhery et al. 2022, appendix B).
    """
    import transformers

    network = transformers.AutoModel.from_pretrained(encoder_folder(job))
    weights = sum(x.numel() for name, x in network.named_parameters() if "embedding" not in name)
    shape = network.config
    return 6 * weights + 12 * shape.num_hidden_layers * shape.hidden_size * length


# --- Scoring ------------------------------------------------------------------------------


def score(job: Record) -> Record:
    examples, texts, labels = split(job, "test")
    count = job["documents"] or len(texts)
    chosen = np.random.default_rng(5).permutation(len(texts))[:count]
    examples, texts = [examples[x] for x in chosen], [texts[x] for x in chosen]
    name = job["contestant"]
    if name.startswith("newsstand"):
        from newsstand.io.bundle import Bundle

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
            **({"dtype": "bfloat16"} if "bf16" in name else {}),
        )
        if "compile" in name:
            pipe.model.compile()

        def run(rows: slice) -> list[int]:
            return [int(x["label"].removeprefix("LABEL_")) for x in pipe(texts[rows])]

    run(slice(None) if "compile" in name else slice(0, 8))  # it is compiled for shapes it meets
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
    "transformers.pipeline, bf16 and torch.compile, batch 32",
)


if __name__ == "__main__":
    answer(lambda job: (fit(job) if job["do"] == "fit" else score(job)) | {"memory": peak()})
