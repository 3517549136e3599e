"""Fits the linear family: in memory or from disk, with a search over C and buckets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self, cast

import numpy as np
from scipy.sparse import csr_array
from sklearn.utils.class_weight import compute_sample_weight

from newsstand.config.linear import LinearConfig
from newsstand.config.schema import Config
from newsstand.data.code_key import code_key
from newsstand.features.weighting import FeatureSpec, count, merge_buckets
from newsstand.models.base import Model
from newsstand.models.linear import LinearModel
from newsstand.models.quantize import Stored
from newsstand.train.dataset import LabelledRows
from newsstand.train.evaluation.metrics import macro_f1
from newsstand.train.families.base import BaseTrainer, FittedModel, RunContext
from newsstand.train.families.export_linear import LinearCost, export_linear
from newsstand.train.families.linear_search import Trial, search
from newsstand.train.families.linear_solver import fit_linear, outlet_weights
from newsstand.train.families.sgd import fit_stream


@dataclass(slots=True, kw_only=True)
class LinearTrainer(BaseTrainer):
    """Fits linear models.

    Args:
        spec: Which features are counted.
        classifier: `svc` and `logistic` fit in memory, `sgd` from disk.
        C: Inverse strength of the L2 penalty.
        epochs: Of `sgd`; None to derive it from the number of rows.
        class_weight: `balanced` or None.
        outlet_balance: The exponent of `outlet_weights`.
        searches: Whether to search for C and bits, starting from those given.
        stored: Number format of the weights in a bundle.
        size_mb: Maximum size of the weights in megabytes; None for no limit.
        seed: Seed of the solver.
        context: The parts of the run that trainers use.
        settings: All settings of the model, which are part of a checkpoint's name.
    """

    spec: FeatureSpec
    classifier: Literal["svc", "logistic", "sgd"]
    C: float
    epochs: int | None
    class_weight: Literal["balanced"] | None
    outlet_balance: float
    searches: bool
    stored: Stored
    size_mb: float | None
    seed: int
    context: RunContext
    settings: Mapping[str, Any]
    _measured: bool = False

    @classmethod
    def of(cls, config: Config, context: RunContext) -> Self:
        """Creates the trainer from a config."""
        model = cast(LinearConfig, config.model)
        spec = FeatureSpec(
            words=model.words,
            chars=model.chars,
            bits=model.bits,
            fields={name: weight for name, weight in model.fields if weight},
            hashtags=model.hashtags,
            cross_target=model.cross_target,
            sublinear_tf=model.sublinear_tf,
            idf=model.idf,
            min_df=model.min_df,
        )
        return cls(
            spec=spec,
            classifier=model.classifier,
            C=model.C,
            epochs=model.epochs,
            class_weight=model.class_weight,
            outlet_balance=model.outlet_balance,
            searches=model.search is not None,
            stored=config.export.weights,
            size_mb=config.export.size_mb,
            seed=config.seed,
            context=context,
            settings=model.model_dump(),
        )

    def fit(self, train_rows: LabelledRows, validation_rows: LabelledRows) -> FittedModel:
        """Fits with the given C and bits, or with the best that a search finds."""
        if self.searches:
            return self._search(train_rows, validation_rows)
        with self.context.timer.stage("fit") as note:
            model = self._fit(train_rows, self.C, self.spec.bits)
            note(f"{model.summary()}{self.context.checkpoints.note}")
        return FittedModel(model=model)

    def refit(self, rows: LabelledRows, result: FittedModel) -> Model:
        """Fits again with the C and bits of the first fit."""
        chosen = {"C": self.C, "bits": self.spec.bits, **result.chosen}
        return self._fit(rows, chosen["C"], chosen["bits"])

    def export(
        self, model: Model, validation_rows: LabelledRows
    ) -> tuple[Model, LinearCost | None]:
        """The model with fewer features or smaller numbers, if requested.

        The cost is measured once, before a refit on the validation rows.
        """
        linear = cast(LinearModel, model)
        if self.size_mb is None and self.stored == "float32":
            return linear, None
        smaller = export_linear(linear, weights=self.stored, size_mb=self.size_mb)
        if self._measured:
            return smaller, None
        self._measured = True
        cost = LinearCost.measure(linear, smaller, validation_rows.examples, validation_rows.labels)
        return smaller, cost

    def _search(self, train_rows: LabelledRows, validation_rows: LabelledRows) -> FittedModel:
        trials = 0

        def report(trial: Trial) -> None:
            nonlocal trials
            trials += 1
            self.context.progress(f"search, C {trial.C:g}, {trial.bits} bits", trials, None)

        def evaluate(model: LinearModel) -> float:
            return macro_f1(model.forward(validation_rows.examples), validation_rows.labels)

        with self.context.timer.stage("search") as note:
            result = search(
                self._fitter(train_rows), evaluate, C=self.C, bits=self.spec.bits, report=report
            )
            best = result.best
            note(
                f"C {best.C:g}, {best.bits} bits: validation macro-F1 {best.macro_f1:.3f}, the "
                f"best of {len(result.trials)} trials; "
                f"{result.model.summary()}{self.context.checkpoints.note}"
            )
        chosen = {"C": best.C, "bits": best.bits}
        return FittedModel(
            model=result.model,
            metrics={f"search/{name}": float(value) for name, value in chosen.items()},
            chosen=chosen,
            trials=result.trials,
        )

    def _fit(self, rows: LabelledRows, C: float, bits: int) -> LinearModel:  # noqa: N803 - scikit-learn's name
        return self._fitter(rows)(C, bits)

    def _fitter(self, rows: LabelledRows) -> Callable[[float, int], LinearModel]:
        """A function that fits a model to the rows, given C and bits."""
        weights = np.ones(len(rows))
        if self.outlet_balance:
            weights = outlet_weights(rows.codes("outlet"), self.outlet_balance)
        if rows.weights is not None:
            weights = weights * rows.weights
        counted: list[
            csr_array
        ] = []  # once for all fits: counts of fewer buckets are sums of these

        def in_memory(C: float, bits: int) -> LinearModel:  # noqa: N803
            if not counted or counted[0].shape[1] < 1 << bits:
                counted[:] = count(replace(self.spec, bits=bits), list(rows.examples))
            return fit_linear(
                [merge_buckets(counts, bits) for counts in counted],
                rows.labels,
                spec=replace(self.spec, bits=bits),
                classifier="logistic" if self.classifier == "logistic" else "svc",
                C=C,
                class_weight=self.class_weight,
                seed=self.seed,
                weights=weights,
            )

        def streamed(C: float, bits: int) -> LinearModel:  # noqa: N803
            settings = {**self.settings, "C": C, "bits": bits}
            settings["code"] = code_key(fit_stream.__module__)
            return fit_stream(
                rows.examples,
                rows.labels,
                weights * compute_sample_weight(self.class_weight, rows.labels),
                spec=replace(self.spec, bits=bits),
                C=C,
                epochs=self.epochs,
                seed=self.seed,
                file=self.context.checkpoints.file(
                    rows=len(rows), seed=self.seed, **settings, **rows.weights_key()
                ),
                progress=self.context.progress,
            )

        return streamed if self.classifier == "sgd" else in_memory
