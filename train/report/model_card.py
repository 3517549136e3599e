"""Writes `MODEL_CARD.md`: a model card with the headings and metadata of the Hugging Face Hub."""

import re
from functools import cache
from pathlib import Path

from huggingface_hub import EvalResult, ModelCard, ModelCardData
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from newsstand.cli.terminal import visible
from newsstand.train.evaluation.result import Evaluation
from newsstand.train.evaluation.rows import EvaluatedRows
from newsstand.train.report.description import RunDescription
from newsstand.train.report.metric_words import words_of
from newsstand.train.report.summary import (
    column_word,
    count,
    percent,
    slice_name,
    summarize,
    with_interval,
)

FILE = "MODEL_CARD.md"
# Metrics of the Hub's metadata, by their names there.
_HUB_METRICS = {"accuracy": "accuracy", "macro_f1": "f1", "mcc": "matthews_correlation"}
_LANGUAGE = re.compile("[a-z]{2,3}")
_MOST_LABELS = 60  # in the table of labels
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#$~])")


def write_model_card(
    folder: Path, rows: EvaluatedRows, evaluation: Evaluation, about: RunDescription
) -> None:
    """Writes `MODEL_CARD.md` into a folder.

    Args:
        folder: The folder.
        rows: The evaluated rows.
        evaluation: Of the rows.
        about: What was trained and evaluated.
    """
    model_card(rows, evaluation, about).save(folder / FILE)


def model_card(rows: EvaluatedRows, evaluation: Evaluation, about: RunDescription) -> ModelCard:
    """The model card of an evaluated model.

    Nothing is claimed that the run does not know: without a license there is none in the metadata,
    and languages are those that the evaluated rows name.
    """
    data = ModelCardData(
        language=_languages(rows) or None,
        license=about.license,
        library_name="newsstand",
        pipeline_tag="text-classification",
        tags=["newsstand", "news", about.task, about.kind],
        metrics=["accuracy", "f1"],
        base_model=about.encoder if about.encoder and about.encoder.count("/") == 1 else None,
        model_name=_one_line(about.name),
        eval_results=_results(evaluation, about),
    )
    tested = [label for label in evaluation.labels if label.support]
    text = _template().render(
        about=about,
        evaluation=evaluation,
        summary=summarize(rows, evaluation, about),
        metrics=[(words_of(name), value) for name, value in evaluation.metrics.items()],
        labels=sorted(tested, key=lambda label: label.f1.value)[:_MOST_LABELS],
        tested=len(tested),
        below=[x for x in evaluation.slices if x.below],
        sizes=", ".join(f"{number:,} {split}" for split, number in about.sizes.items()),
        languages=_languages(rows),
        digest=rows.digest,
    )
    return ModelCard(f"---\n{data.to_yaml()}\n---\n\n{text}")


def _languages(rows: EvaluatedRows) -> list[str]:
    """The languages that the rows name, as the Hub's codes; regions are left out."""
    given = {x.split("-")[0].lower() for x in rows.columns["language"].to_pylist() if x}
    return sorted(code for code in given if _LANGUAGE.fullmatch(code))


def _results(evaluation: Evaluation, about: RunDescription) -> list[EvalResult]:
    return [
        EvalResult(
            task_type="text-classification",
            task_name=f"{about.task} classification",
            dataset_type=re.sub(r"[^\w.-]+", "-", about.tested_on.lower()).strip("-") or "data",
            dataset_name=_one_line(about.tested_on),
            dataset_split=about.split,
            metric_type=hub,
            metric_name=words_of(name).name,
            metric_value=round(evaluation.metrics[name].value, 4),
        )
        for name, hub in _HUB_METRICS.items()
        if name in evaluation.metrics
    ]


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=False,  # noqa: S701 - Markdown, which `md` escapes
        finalize=_shown,
        keep_trailing_newline=True,
        loader=FileSystemLoader(Path(__file__).parent),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {
        "column": column_word,
        "count": count,
        "interval": with_interval,
        "md": _escaped,
        "part": slice_name,
        "percent": percent,
    }
    return environment.get_template("model_card.md.jinja")


def _shown(value: object) -> object:
    return value if isinstance(value, (int, float)) else visible(str(value), lines=True)


def _escaped(text: str) -> str:
    """A text on one line that Markdown and a table of it leave as it is."""
    return _SPECIAL.sub(r"\\\1", _one_line(text))


def _one_line(text: str) -> str:
    return " ".join(visible(text).split())
