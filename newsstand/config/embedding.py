"""Settings of the embedding family."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from newsstand.config.encoder import EncoderConfig, epoch_counts
from newsstand.config.linear import NgramRange, ngram_conflicts, target_conflicts
from newsstand.config.section import Get, Section


class FineTuneConfig(Section):
    """Fine-tuning of encoder and classifier together; the input embeddings are frozen."""

    epochs: int = Field(1, ge=1)
    """Number of passes over the training texts, each text with all of its targets."""

    curriculum: Annotated[tuple[int, ...] | None, BeforeValidator(epoch_counts)] = None
    """In place of `epochs`: the number of epochs of each stage (Bengio et al. 2009). Stage n trains
    on rows whose column `curriculum` is at most n, or empty. Labels without a row in a stage are
    left out of its loss. For data with a column that orders rows from easy to hard."""

    epoch_texts: int | None = Field(None, ge=1)
    """Maximum number of texts per epoch, drawn anew for each epoch; null for all texts. Limits the
    time of a fit."""

    batch_size: int = Field(64, ge=1)
    """Texts per step, each with all of its targets. Lower it if memory runs out."""

    learning_rate: float = Field(1e-4, gt=0.0, le=1.0)
    """Peak learning rate of AdamW, reached at the end of the warm-up; it then falls linearly to 0.
    Lower it if the loss jumps; raise it if few epochs are not enough."""

    classifier_rate: float = Field(10.0, gt=0.0, le=1000.0)
    """Learning rate of the classifier, which starts from random weights, as a multiple of
    `learning_rate`."""

    warmup: float = Field(0.1, ge=0.0, lt=1.0)
    """Share of the steps, from 0 to below 1, in which the learning rate rises from 0 to its peak.
    """

    weight_decay: float = Field(0.01, ge=0.0)
    """Weight decay of AdamW; biases and norm weights have none. Raise it if the model overfits."""

    layer_decay: float = Field(1.0, gt=0.0, le=1.0)
    """Learning rate of a layer as a multiple of that of the layer above it, above 0; 1 for the same
    rate everywhere. 0.9 changes the lower layers less, which helps with few rows."""

    frozen_layers: int = Field(0, ge=0)
    """Number of lowest layers whose weights are frozen. More frozen layers train faster."""

    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Number format of the computations in training; `auto` uses bf16 if the hardware supports it.
    Weights are always stored in fp32."""


class NgramsConfig(Section):
    """A LinearSVC over hashed n-grams, whose scores are added to those of the encoder's vectors."""

    words: NgramRange | None = (1, 1)
    """Shortest and longest word n-gram, 1 to 8 words each; null for no word n-grams."""

    chars: NgramRange | None = (3, 5)
    """Shortest and longest character n-gram within words, 1 to 8 characters each; null for none."""

    bits: int = Field(20, ge=10, le=24)
    """The n-grams of each kind are hashed to `2**bits` buckets, 10 to 24 bits. More bits mean fewer
    collisions and larger models."""

    C: float = Field(1.0, ge=1e-6, le=1e6)
    """Inverse strength of the L2 penalty, 1e-6 to 1e6. Lower it if the model overfits."""

    weight: float = Field(1.0, gt=0.0, le=1000.0)
    """Factor of the n-gram scores in the sum, above 0 and at most 1000. Choose it on validation
    rows."""


class EmbeddingConfig(EncoderConfig):
    """A linear classifier over the vectors of a pretrained encoder, frozen or fine-tuned."""

    kind: Literal["embedding"]
    """Model family."""

    cross_target: bool = False
    """Also encode the target and compare it with the text (stance). Without it the model reads the
    article alone and predicts the same for every target."""

    fine_tune: FineTuneConfig | None = None
    """Settings for fine-tuning the encoder together with the classifier; null freezes the encoder,
    which is much faster to train. Fine-tune for stance, or if a frozen encoder is not accurate
    enough."""

    precision: Literal["auto", "fp32", "bf16"] = "fp32"
    """Number format in which a frozen encoder computes vectors in training. bf16 halves the time
    if the hardware supports it, and `auto` uses it then. Scoring uses fp32, or int8 with
    `export.onnx`. Not with `fine_tune`, which has its own `precision`."""

    classifier: Literal["svc", "logistic"] = "logistic"
    """scikit-learn's LinearSVC or LogisticRegression. Not with `fine_tune`."""

    C: float = Field(0.01, ge=1e-6, le=1e6)
    """Inverse strength of the L2 penalty, 1e-6 to 1e6. Lower it if the model overfits. Not with
    `fine_tune`."""

    ngrams: NgramsConfig | None = None
    """Settings of a linear model of n-grams whose scores are added; null for vectors alone. Set it
    for topics, where single words matter. Not with `fine_tune`."""

    class_weight: Literal["balanced"] | None = None
    """`balanced` weights each label by its inverse frequency. Set it if rare labels matter as much
    as frequent ones."""

    @classmethod
    def conflicts(
        cls,
        get: Get,
        *,
        stance: bool,
        labels: Sequence[str],  # noqa: ARG003
    ) -> Iterable[tuple[str, str]]:
        """Yields conflicts between settings."""
        yield from target_conflicts(get, stance=stance)
        if get("model.ngrams") is not None:
            yield from ngram_conflicts(get, "model.ngrams")
        if get("model.fine_tune") is None:
            return
        for name, default in (("classifier", "logistic"), ("C", 0.01)):
            if get(f"model.{name}") != default:
                yield (
                    f"model.{name}",
                    "not with model.fine_tune, which fits the classifier; leave it out",
                )
        if get("model.ngrams") is not None:
            yield (
                "model.ngrams",
                "not with model.fine_tune, which fits one classifier; leave it out",
            )
        if get("model.precision") != "fp32":
            yield (
                "model.precision",
                "not with model.fine_tune, which has a precision of its own; leave it out",
            )
