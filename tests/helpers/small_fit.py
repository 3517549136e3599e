"""Fits of a tiny encoder to a few rows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from newsstand.encoders.torch_encoder import Encoder
from newsstand.models.transformer import TransformerModel
from newsstand.text.article import Article
from newsstand.text.example import Example, encode
from newsstand.text.normalize import TextSpec
from newsstand.train.finetune.fit_encoder import fit_encoder, open_classifier
from newsstand.train.finetune.tuning import Tuning

TOPICS = {
    "sport": ["The striker scored twice.", "The coach praised the goalkeeper.", "A penalty."],
    "weather": ["Rain on the coast.", "Snow fell overnight.", "Strong winds and heavy rain."],
    "economy": ["Shares fell.", "The bank raised interest rates.", "Profits and a dividend."],
}
QUICK = Tuning(
    epochs=3, batch_size=4, learning_rate=2e-3, evaluations=2, precision="fp32", warmup=0.2
)


class Killed(BaseException):
    """Raised in place of the end of the process."""


def example(body: str, target: str | None = None, title: str = "") -> Example:
    return encode(Article(title=title, body=body), target, TextSpec())


def rows(copies: int = 2) -> tuple[list[Example], np.ndarray[Any, Any]]:
    found = [
        (example(f"{text} {'Again. ' * number}"), label)
        for number in range(copies)
        for label, texts in enumerate(TOPICS.values())
        for text in texts
    ]
    return [item for item, _ in found], np.array([label for _, label in found])


def opened(tiny: Path, **settings: Any) -> Encoder:
    usual: dict[str, Any] = {"max_tokens": 24, "long_text": "head", "device": "cpu", "seed": 7}
    return open_classifier(str(tiny), sha256=None, labels=3, **{**usual, **settings})


def fit(
    tiny: Path,
    folder: Path,
    tuning: Tuning = QUICK,
    *,
    kill: int | None = None,
    data: tuple[list[Example], Any] | None = None,
    until: float | None = None,
    log: Callable[[dict[str, float], int], None] = lambda *_: None,
    stages: Any = None,
    **settings: Any,
) -> TransformerModel:
    """Fits a tiny encoder.

    Args:
        tiny: The encoder.
        folder: The folder of checkpoints.
        tuning: Settings of fine-tuning.
        kill: The step after which the fit is killed, if any.
        data: Examples and labels; by default those of `rows`.
        until: The share of steps after which a fit without evaluations ends; None for evaluations.
        log: Called with metrics.
        stages: Stages of a curriculum.
        settings: For `opened`, and the seed.
    """

    def progress(_: str, done: int, total: int | None) -> None:
        if done == kill:
            raise Killed

    examples, labels = data or rows()
    return fit_encoder(
        examples,
        labels,
        validation=(examples[::2], labels[::2]) if until is None else None,
        encoder=opened(tiny, **settings),
        tuning=tuning,
        folder=folder,
        seed=settings.get("seed", 7),
        log=log,
        progress=progress,
        until=until or 1.0,
        stages=stages,
    )


def weights(model: TransformerModel) -> dict[str, torch.Tensor]:
    return dict(model.encoder.network.state_dict())


def same(one: TransformerModel, other: TransformerModel) -> bool:
    first, second = weights(one), weights(other)
    return all(torch.equal(first[name], second[name]) for name in first)
