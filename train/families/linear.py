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
from newsstand.train.dataset import Rows
from newsstand.train.evaluate import quality
from newsstand.train.families.base import BaseTrainer, Fitted, RunContext
from newsstand.train.families.export_linear import LinearCost, export_linear
from newsstand.train.families.linear_search import Trial, search
from newsstand.train.families.linear_solver import fit_linear, outlet_weights
from newsstand.train.families.sgd import fit_stream


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearTrainer(BaseTrainer):
    """Fits linear models.

    Args:
        spec: What is counted.
        classifier: `svc` and `logistic` fit in memory, `sgd` from disk.
        C: Inverse strength of the L2 penalty.
        epochs: Of `sgd`; None for its own choice.
        class_weight: `balanced` or None.
        outlet_balance: As in the config.
        searches: Whether to search for C and bits, beginning with those given.
        stored: In which numbers a bundle keeps the weights.
        size_mb: Megabytes that they may take; None for any.
        seed: Seed of the solver.
        context: What the run lends.
        settings: All settings of the model, which name the file of an interrupted fit.
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

    @classmethod
    def of(cls, config: Config, context: RunContext) -> Self:
        """The trainer that a config asks for."""
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

    def fit(self, rows: Rows, validation: Rows) -> Fitted:
        """Fits with the given C and bits, or with the best that a search finds."""
        if self.searches:
            return self._search(rows, validation)
        with self.context.stages.stage("fit") as note:
            model = self._fit(rows, self.C, self.spec.bits)
            note(f"{model.summary()}{self.context.checkpoints.note}")
        return Fitted(model=model)

    def refit(self, rows: Rows, fitted: Fitted) -> Model:
        """Fits once more, with the C and bits of the first fit."""
        chosen = {"C": self.C, "bits": self.spec.bits, **fitted.chosen}
        return self._fit(rows, chosen["C"], chosen["bits"])

    def export(self, model: Model, validation: Rows) -> tuple[Model, LinearCost | None]:
        """The model with fewer features or smaller numbers, where asked for."""
        fitted = cast(LinearModel, model)
        if self.size_mb is None and self.stored == "float32":
            return fitted, None
        smaller = export_linear(fitted, weights=self.stored, size_mb=self.size_mb)
        cost = LinearCost.measure(fitted, smaller, validation.examples, validation.labels)
        return smaller, cost

    def _search(self, rows: Rows, validation: Rows) -> Fitted:
        tried = 0

        def report(trial: Trial) -> None:
            nonlocal tried
            tried += 1
            self.context.progress(f"search, C {trial.C:g}, {trial.bits} bits", tried, None)

        with self.context.stages.stage("search") as note:
            found = search(
                self._fitter(rows),
                lambda model: quality(model.forward(validation.examples), validation.labels)[1],
                C=self.C,
                bits=self.spec.bits,
                tell=report,
            )
            note(
                f"C {found.best.C:g}, {found.best.bits} bits: validation macro-F1 "
                f"{found.best.macro_f1:.3f}, the best of {len(found.trials)} tried; "
                f"{found.model.summary()}{self.context.checkpoints.note}"
            )
        chosen = {"C": found.best.C, "bits": found.best.bits}
        return Fitted(
            model=found.model,
            metrics={f"search/{name}": float(value) for name, value in chosen.items()},
            chosen=chosen,
            trials=found.trials,
        )

    def _fit(self, rows: Rows, C: float, bits: int) -> LinearModel:  # noqa: N803 - scikit-learn's name
        return self._fitter(rows)(C, bits)

    def _fitter(self, rows: Rows) -> Callable[[float, int], LinearModel]:
        """A function that fits a model to the rows by C and bits."""
        weights = np.ones(len(rows))
        if self.outlet_balance:
            weights = outlet_weights(rows.codes("outlet"), self.outlet_balance)
        if rows.weights is not None:
            weights = weights * rows.weights
        counted: list[csr_array] = []  # once for all fits: fewer buckets follow from more

        def in_memory(C: float, bits: int) -> LinearModel:  # noqa: N803
            if not counted or counted[0].shape[1] < 1 << bits:
                counted[:] = count(replace(self.spec, bits=bits), list(rows.examples))
            return fit_linear(
                [merge_buckets(found, bits) for found in counted],
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
                    rows=len(rows), seed=self.seed, **settings, **rows.weighing()
                ),
                progress=self.context.progress,
            )

        return streamed if self.classifier == "sgd" else in_memory
