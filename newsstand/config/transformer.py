"""Settings of the transformer family."""

import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from newsstand.config.encoder import EncoderConfig, epoch_counts
from newsstand.config.linear import target_conflicts
from newsstand.config.section import Get, Section
from newsstand.errors import did_you_mean
from newsstand.models.hypotheses import TARGET, without_a_hypothesis


def _wording(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"[^\x00-\x1f\x7f]{1,500}", value.strip()):
        raise PydanticCustomError(
            "wording", "expected one line of text with at most 500 characters"
        )
    return value


def _of_target(value: Any) -> Any:
    if isinstance(value, str) and TARGET not in value:
        raise PydanticCustomError("of_target", "expected text with {target} in place of the target")
    return _wording(value)


class TeacherConfig(Section):
    """Knowledge distillation (Hinton et al. 2015) from a trained model, the teacher."""

    bundle: str = Field(min_length=1)
    """Folder or MLflow URI of the teacher's bundle: a model of any family with the same task and
    labels."""

    temperature: float = Field(2.0, gt=0.0)
    """Temperature, above 0, at which probabilities are compared. A higher one gives more weight to
    unlikely labels."""

    weight: float = Field(0.5, ge=0.0, le=1.0)
    """Weight of the teacher in the loss, 0 to 1; the labels have the rest."""

    unlabelled: str | None = None
    """File of articles without labels, in a format that `newsstand score` reads, on which only the
    teacher's probabilities are learned (for stance, each with a target). Texts that are also
    validation or test rows are left out. null for none."""


class LoraConfig(Section):
    """Low-rank adapters (LoRA, Hu et al. 2022): small trainable matrices beside frozen weights.

    After the fit they are merged into the weights, so that scoring is as fast as without them.
    """

    rank: int = Field(8, ge=1)
    """Rank of the adapters, 1 or more. Raise it if training accuracy is too low."""

    alpha: float = Field(16.0, gt=0.0)
    """The output of the adapters is scaled by `alpha / rank`."""

    dropout: float = Field(0.0, ge=0.0, lt=1.0)
    """Dropout rate of the adapters' inputs in training, from 0 to below 1."""


class TransformerConfig(EncoderConfig):
    """A pretrained encoder, fine-tuned with a classifier on top."""

    kind: Literal["transformer"]
    """Model family."""

    fsdp: bool = False
    """Shard weights, gradients and optimizer state over the processes that torchrun starts (fully
    sharded data parallel, FSDP2). For networks whose training does not fit on one GPU."""

    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Number format of the computations in training; `auto` uses bf16 if the hardware supports it.
    Weights are always stored in fp32."""

    target_as: Annotated[str, BeforeValidator(_of_target)] = TARGET
    """Template of the second text that is read with the article, with `{target}` in place of the
    target, for instance "The author supports {target}." (stance)"""

    hypotheses: dict[str, Annotated[str, BeforeValidator(_wording)]] | None = Field(
        None, min_length=1
    )
    """For each label, a statement that a text of that label entails, with `{target}` in place of
    the target. The encoder must be a classifier for natural language inference (NLI), which reads
    the text with each hypothesis; its classifier is kept. The score of a label is the logit of
    entailment minus that of contradiction. One label may be left out: its score is the log-odds
    that no hypothesis is entailed. For few training rows, or none (`epochs: 0`)."""

    epochs: int = Field(3, ge=0)
    """Maximum number of passes over the training rows. 0 fits only the calibration, which needs
    `hypotheses`."""

    curriculum: Annotated[tuple[int, ...] | None, BeforeValidator(epoch_counts)] = None
    """In place of `epochs`: the number of epochs of each stage (Bengio et al. 2009). Stage n trains
    on rows whose column `curriculum` is at most n, or empty. For data with a column that orders
    rows from easy to hard."""

    epoch_rows: int | None = Field(None, ge=1)
    """Maximum number of rows per epoch, drawn anew for each epoch; null for all rows. Limits the
    time of a fit."""

    batch_size: int = Field(32, ge=1)
    """Rows per batch, in each process if torchrun starts several. Lower it, and raise
    `gradient_accumulation`, if memory runs out."""

    gradient_accumulation: int = Field(1, ge=1)
    """Number of batches whose gradients are summed for one step."""

    learning_rate: float = Field(5e-5, gt=0.0, le=1.0)
    """Peak learning rate of AdamW, reached at the end of the warm-up; it then falls linearly to 0.
    Lower it if the loss jumps; raise it if few epochs are not enough."""

    warmup: float = Field(0.1, ge=0.0, lt=1.0)
    """Share of the steps, from 0 to below 1, in which the learning rate rises from 0 to its peak.
    """

    weight_decay: float = Field(0.01, ge=0.0)
    """Weight decay of AdamW; biases and norm weights have none. Raise it if the model overfits."""

    layer_decay: float = Field(1.0, gt=0.0, le=1.0)
    """Learning rate of a layer as a multiple of that of the layer above it, above 0; 1 for the same
    rate everywhere. 0.9 changes the lower layers less, which helps with few rows."""

    frozen_layers: int = Field(0, ge=0)
    """Number of lowest layers whose weights, and those of the embeddings, are frozen; 0 freezes
    nothing. More frozen layers train faster."""

    dropout: float | None = Field(None, ge=0.0, lt=1.0)
    """Dropout rate of the network in training, from 0 to below 1; null for the encoder's own, often
    0.1. On a CPU, 0 trains about twice as fast."""

    lora: LoraConfig | None = None
    """Settings of low-rank adapters on all linear layers, which are trained, with the classifier,
    instead of all weights; null trains all. For large encoders. Use about ten times the usual
    learning rate."""

    mark_target: bool = False
    """Put @ before and after the target where the row's `mentions` locate it, or otherwise wherever
    the text contains the same words (stance)."""

    class_weight: Literal["balanced"] | None = None
    """`balanced` weights each label by its inverse frequency. Set it if rare labels matter as much
    as frequent ones."""

    focal_gamma: float = Field(0.0, ge=0.0)
    """Exponent of the focal loss, 0 or more: the loss of a row is multiplied by `(1 - p)**gamma`,
    where p is the probability of its label. 0 for plain cross-entropy; try 2 if labels are very
    unbalanced."""

    label_smoothing: float = Field(0.0, ge=0.0, lt=1.0)
    """Share of each label's weight that is spread over all labels, from 0 to below 1. Try 0.1 if
    labels are noisy."""

    soft_labels: bool = False
    """If several annotators voted on a row, learn the share of votes of each label instead of the
    majority label. Rows with tied votes have no majority label and are left out. Validation and
    test rows are always evaluated against the majority label."""

    teacher: TeacherConfig | None = None
    """Settings of a trained model whose probabilities are learned besides the labels; null for
    none. For making a small model nearly as accurate as a large one."""

    evaluations: int = Field(1, ge=0)
    """Evaluations per epoch: each scores the validation rows and writes a checkpoint. The best
    checkpoint becomes the model: by macro-F1 or, if rows of the same text have opposite labels, by
    the lower of macro-F1 and flip accuracy. 0 skips evaluation and takes the last step."""

    seeds: int = Field(1, ge=1)
    """Number of fits, with `seed` and the following seeds, on the same splits. The run logs the
    mean and standard deviation of each metric and a nested run per seed; the model is that of the
    seed with the median macro-F1 on validation rows. Set 3 or more to compare settings."""

    patience: int = Field(0, ge=0)
    """Stop after this number of consecutive evaluations without a higher macro-F1; 0 never stops
    early."""

    refit: bool = False
    """After calibration, fit again on all rows except test rows: training and validation rows, and
    those left out to keep the two apart. The fit ends at the same share of its steps as the best
    checkpoint. With several seeds, the median one is fitted again. Set it for a model to use: it
    learns from more rows."""

    def wordings(self, *, stance: bool) -> tuple[str, ...]:
        """The second texts of the pairs that an article is read in, with `{target}` placeholders.

        Args:
            stance: Whether articles have targets.
        """
        if self.hypotheses:
            return tuple(self.hypotheses.values())
        return (self.target_as,) if stance else ()

    @classmethod
    def conflicts(
        cls, get: Get, *, stance: bool, labels: Sequence[str]
    ) -> Iterable[tuple[str, str]]:
        """Yields conflicts between settings."""
        yield from target_conflicts(get, stance=stance)
        yield from _wording_conflicts(get, stance=stance, known=labels)
        if get("model.lora") is not None and get("model.frozen_layers"):
            yield (
                "model.frozen_layers",
                "not with model.lora, which freezes all layers; leave it out",
            )
        if get("model.lora") is not None and get("model.fsdp"):
            yield "model.fsdp", "not with model.lora, whose adapters leave little to shard"


def _wording_conflicts(
    get: Get, *, stance: bool, known: Sequence[str]
) -> Iterable[tuple[str, str]]:
    """Yields conflicts about hypotheses, and about settings that need at least one epoch.

    Args:
        get: Returns the value at a dotted key, or the default.
        stance: Whether texts have targets.
        known: The labels, if the config lists them.
    """
    wording, asked = get("model.target_as"), get("model.hypotheses")
    if wording != TARGET and not stance:
        yield "model.target_as", "a topic model has no targets"
    elif wording != TARGET and asked is not None:
        yield "model.target_as", "not with model.hypotheses, which contain the target; leave it out"
    if get("model.epochs") == 0 and asked is None:
        yield (
            "model.epochs",
            "expected 1 or more; only a model with hypotheses can be used without a fit",
        )
    usual = {"teacher": None, "lora": None, "soft_labels": False, "refit": False, "seeds": 1}
    for name, value in usual.items() if get("model.epochs") == 0 else ():
        if get(f"model.{name}") != value:
            yield f"model.{name}", "not with model.epochs: 0, which fits nothing; leave it out"
    if not isinstance(asked, dict):
        return
    for label, text in asked.items():
        where = f"model.hypotheses.{label}"
        if known and label not in known:
            yield where, f"unknown label{did_you_mean(str(label), known, 'labels')}"
        if stance and isinstance(text, str) and TARGET not in text:
            yield where, f"expected text with {{target}} in place of the target, got {text!r}"
        if not stance and isinstance(text, str) and TARGET in text:
            yield where, "a topic model has no targets"
        if list(asked.values()).count(text) > 1:
            yield where, "another label has the same hypothesis"
    if len(without := [label for label in known if label not in asked]) > 1:
        yield "model.hypotheses", without_a_hypothesis(without)
