"""A family that a program adds: config, fit, bundle, score and explanation, without the others."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic_core import core_schema

from given import RecordingReporter
from newsstand.config.loader import load_config
from newsstand.config.schema import Config
from newsstand.config.section import ModelSection
from newsstand.errors import BundleError, ConfigError
from newsstand.models.base import FAMILIES, Family, Model, Passage
from newsstand.serve.scorer import load
from newsstand.text.example import Example
from newsstand.train.dataset import LabelledRows
from newsstand.train.families.base import BaseTrainer, FittedModel, RunContext
from newsstand.train.run import train
from newsstand.types import Device

SETTINGS = {"words": core_schema.typed_dict_field(core_schema.list_schema())}


class KeywordConfig(ModelSection):
    """Looks for one word a label."""

    kind: Literal["keyword"]
    """Model family."""

    shortest: int = 4
    """Letters of a word at least."""


@dataclass(frozen=True)
class KeywordModel:
    """A label's score is how often its word stands in the text."""

    words: list[str]

    kind: ClassVar[str] = "keyword"
    requires: ClassVar[None] = None
    tolerance: ClassVar[float] = 0.0

    @property
    def outputs(self) -> int:
        return len(self.words)

    def forward(self, examples: Sequence[Example]) -> NDArray[np.float64]:
        return np.array([[float(x.text.count(w)) for w in self.words] for x in examples])

    def knows(self, examples: Sequence[Example]) -> NDArray[np.bool_]:
        return self.forward(examples).any(axis=1)

    def similarity(self, examples: Sequence[Example]) -> None:
        return None

    def explain(self, example: Example, label: int, limit: int) -> list[Passage]:
        at = example.prepared.body.text.find(self.words[label])
        found = Passage("body", at, at + len(self.words[label]), 1.0)
        return [found][:limit] if at >= 0 else []

    def uncached(self) -> Self:
        return self

    def summary(self) -> str:
        return f"{len(self.words)} words"

    def save(self, folder: Path) -> dict[str, Any]:
        (folder / "words.txt").write_text(" ".join(self.words))
        return {"words": self.words}

    @classmethod
    def load(cls, folder: Path, settings: Mapping[str, Any], device: Device = "auto") -> Self:
        return cls(list(settings["words"]))

    @classmethod
    def settings_schema(cls) -> dict[str, core_schema.TypedDictField]:
        return SETTINGS


class KeywordTrainer(BaseTrainer):
    """Takes the word that stands in most of a label's texts and in fewest others."""

    def __init__(self, shortest: int, context: RunContext) -> None:
        self.shortest = shortest
        self.context = context

    @classmethod
    def of(cls, config: Config, context: RunContext) -> Self:
        assert isinstance(config.model, KeywordConfig)
        return cls(config.model.shortest, context)

    def fit(self, train_rows: LabelledRows, validation_rows: LabelledRows) -> FittedModel:
        with self.context.timer.stage("fit") as note:
            texts = [example.text for example in train_rows.examples]
            known = sorted({w for t in texts for w in t.split() if len(w) >= self.shortest})
            signs = np.eye(len(train_rows.names))[train_rows.labels] * 2 - 1
            counts = np.array([[word in text for word in known] for text in texts], dtype=float)
            model = KeywordModel([known[i] for i in (counts.T @ signs).argmax(axis=0)])
            note(model.summary())
        return FittedModel(model=model)

    def refit(self, rows: LabelledRows, result: FittedModel) -> Model:
        return self.fit(rows, rows).model


@pytest.fixture
def keyword(monkeypatch: pytest.MonkeyPatch) -> None:
    family = Family(
        model=f"{__name__}:KeywordModel",
        config=f"{__name__}:KeywordConfig",
        trainer=f"{__name__}:KeywordTrainer",
    )
    monkeypatch.setitem(FAMILIES, "keyword", family)


def write_config(model: str) -> Path:
    lines = ["split,label,body"]
    for split in ("train", "train", "validation", "test"):
        for label, word in (("sport", "match"), ("money", "shares")):
            lines += [f"{split},{label},{a} {word} {len(lines)}" for a in ("the", "a late", "that")]
    Path("rows.csv").write_text("\n".join(lines) + "\n")
    path = Path("k.yaml")
    path.write_text(
        "task: topic\nlabels: [sport, money]\ndata: {format: table, path: rows.csv}\n"
        f"model: {model}\ntracking: {{experiment: keyword}}\n"
    )
    return path


@pytest.mark.usefixtures("keyword", "workplace")
def test_a_registered_family_is_configured_fitted_saved_and_scores() -> None:
    config = load_config(write_config("{kind: keyword, refit: true}"))
    result = train(config, name="k", reporter=RecordingReporter())
    assert result.metrics["test/accuracy"] == 1.0
    scorer = load(result.bundle)
    score = scorer.score("Two late shares rose.", explain=True)
    assert score.label == "money"
    assert [one.text for one in score.evidence] == ["shares"]
    described = json.loads((Path(result.bundle) / "bundle.json").read_text())
    assert described["model"] == {"kind": "keyword", "words": ["match", "shares"]}


@pytest.mark.usefixtures("keyword", "workplace")
def test_settings_of_a_registered_family_are_checked() -> None:
    with pytest.raises(ConfigError) as refused:
        load_config(write_config("{kind: keyword, shortset: 3}"), ["export.weights=int8"])
    assert refused.value.problems == [
        "k.yaml:4: model.shortset: unknown key; did you mean 'shortest'?",
        "command line: export.weights: only a linear model's weights can be made smaller",
    ]
    with pytest.raises(ConfigError, match="expected 'linear', 'embedding', 'transformer' or 'keyw"):
        load_config(write_config("{kind: keywrod}"))


def test_a_family_that_is_not_registered_is_refused(
    keyword: None, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load_config(write_config("{kind: keyword}"))
    result = train(config, name="k", reporter=RecordingReporter())
    monkeypatch.delitem(FAMILIES, "keyword")
    with pytest.raises(BundleError, match="expected one of linear, embedding, transformer, got"):
        load(result.bundle)
