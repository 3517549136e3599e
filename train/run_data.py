"""The rows of a run, and what is computed on them: calibration, metrics and the bundle's record."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Self

import numpy as np

from newsstand.config.schema import Config
from newsstand.data.load import NewsData, load
from newsstand.data.readers.sources import SPLITS
from newsstand.errors import DataError
from newsstand.io.bundle import Bundle
from newsstand.io.reference import Reference
from newsstand.models.base import Model
from newsstand.models.calibration import Calibration
from newsstand.train.calibrate import fit_calibration
from newsstand.train.dataset import LabelledRows
from newsstand.train.evaluation.evaluation import logged
from newsstand.train.evaluation.metrics import by_source, metrics
from newsstand.train.evaluation.result import Evaluation
from newsstand.train.evaluation.rows import EvaluatedRows, evaluated_rows
from newsstand.train.monitor.reference import make_reference
from newsstand.train.run_summary import with_label_names
from newsstand.train.stage_timer import Reporter, StageTimer
from newsstand.types import Floats

# PyPI names of the libraries that affect all models, and of those that each extra adds.
_LIBRARIES = ("numpy", "scipy", "scikit-learn")
_OF_EXTRA = {
    "encoder": ("torch", "transformers"),
    "onnx": ("torch", "transformers", "onnxruntime"),
}


@dataclass(frozen=True, slots=True)
class RunData:
    """The rows of a run, and the metrics computed on them.

    Args:
        config: The experiment.
        news: All rows.
        train: The training rows.
        validation: The validation rows.
        test: The test rows.
    """

    config: Config
    news: NewsData
    train: LabelledRows
    validation: LabelledRows
    test: LabelledRows

    @property
    def sizes(self) -> dict[str, int]:
        """Number of rows by split."""
        return {name: len(getattr(self, name)) for name in SPLITS}

    def of(self, config: Config) -> Self:
        """The same rows in a run with another config, which loads the same ones."""
        return replace(self, config=config)

    def calibrate(self, model: Model) -> tuple[Calibration, dict[str, float]]:
        """Fits a model's calibration on the validation rows; also returns its metrics there."""
        scores = model.forward(self.validation.examples)
        labels = self.validation.labels
        calibration = fit_calibration(self.config.calibration.method, scores, labels)
        return calibration, self._metrics(calibration.apply(scores), self.validation)

    def bundle(self, model: Model, calibration: Calibration) -> Bundle:
        """A model with everything that scoring needs."""
        libraries = (*_LIBRARIES, *_OF_EXTRA.get(model.requires or "", ()))
        return Bundle(
            task=self.config.task,
            labels=self.news.labels,
            text=self.config.text.spec(),
            model=model,
            calibration=calibration,
            data={"digest": self.news.digest, "rows": self.sizes},
            versions={name: version(name) for name in libraries},
        )

    def metrics(
        self,
        probabilities: Floats,
        validation: Mapping[str, float],
        evaluation: Evaluation | None = None,
    ) -> dict[str, float]:
        """Metrics of both splits, as `test/…` and `validation/…`.

        Args:
            probabilities: Of the test rows.
            validation: Metrics of the validation rows, from `calibrate`.
            evaluation: Of the test rows, if there is one, for intervals.
        """
        test = self._metrics(probabilities, self.test)
        test |= by_source(probabilities, self.test.labels, self.test.by_source())
        test |= logged(evaluation) if evaluation else {}
        named = {f"test/{name}": value for name, value in test.items()}
        named |= {f"validation/{name}": value for name, value in validation.items()}
        return with_label_names(named, self.news.labels.names)

    def evaluated(self, bundle: Bundle) -> EvaluatedRows:
        """The test rows with the probabilities of a model."""
        with np.errstate(all="ignore"):
            scores = bundle.model.forward(self.test.examples)
        return evaluated_rows(
            self.test,
            self.train,
            task=self.config.task,
            labels=self.news.labels.names,
            probabilities=bundle.calibrated(scores),
            uncalibrated=Calibration.none().apply(scores),
            settings=self.config.evaluation.model_dump(),
        )

    def reference(self, evaluated: EvaluatedRows) -> Reference:
        """The reference data that a bundle holds of the test rows."""
        return make_reference(evaluated, self.test.examples, self.config.seed)

    def evaluate(self, model: Model) -> dict[str, float]:
        """Metrics of a fitted model on both splits."""
        calibration, validation = self.calibrate(model)
        probabilities = self.bundle(model, calibration).probabilities(self.test.examples)
        return self.metrics(probabilities, validation)

    def _metrics(self, probabilities: Floats, rows: LabelledRows) -> dict[str, float]:
        return metrics(
            probabilities,
            rows.labels,
            self.news.labels.labels,
            self.config.evaluation.model_dump(),
        )


def load_data(config: Config, timer: StageTimer, reporter: Reporter) -> RunData:
    """Loads the rows of a config, in the stages `load` and `prepare`.

    Raises:
        DataError: Rows that cannot be used, or a label of `evaluation.f_avg` that no row has.
    """
    with timer.stage("load") as note:
        news = load(config.loading(), progress=reporter.progress)
        absent = [x for x in config.evaluation.f_avg if x not in news.labels.names]
        if absent:
            raise DataError(f"evaluation.f_avg: no row has the label '{absent[0]}'")
        note(_load_note(news))
    with timer.stage("prepare") as note:
        splits = [LabelledRows(news, news.numbers(split)) for split in SPLITS]
        note(_prepare_note(splits))
    return RunData(config, news, *splits)


def _load_note(news: NewsData) -> str:
    parts = [f"{len(news.numbers(split)):,} {split}" for split in SPLITS]
    parts += [f"{len(news.labels)} labels", *(note.what for note in news.notes)]
    left_out = news.left_out | ({"tied votes": news.ties} if news.ties else {})
    if left_out:
        reasons = ", ".join(f"{n:,} {reason}" for reason, n in left_out.items())
        parts.append(f"left out: {reasons}")
    return ", ".join(parts)


def _prepare_note(splits: Iterable[LabelledRows]) -> str:
    rows = list(splits)
    stripped, total = sum(split.stripped() for split in rows), sum(map(len, rows))
    return f"boilerplate removed from {stripped:,} of {total:,} articles"
