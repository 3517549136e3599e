"""Settings of the families that use a pretrained encoder."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from newsstand.config.linear import NgramRange, ngram_conflicts, target_conflicts
from newsstand.config.section import Get, ModelSection, Section, as_tuple
from newsstand.encoders.hub import MINILM, find_encoder
from newsstand.errors import did_you_mean
from newsstand.models.hypotheses import TARGET, without_a_hypothesis

if TYPE_CHECKING:
    from newsstand.text.example import Example


def _digest(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value):
        return value
    raise PydanticCustomError("sha256", "expected a SHA-256: 64 digits from 0 to f, in quotes")


def _wording(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"[^\x00-\x1f\x7f]{1,500}", value.strip()):
        raise PydanticCustomError("wording", "expected one line of text, of 500 characters at most")
    return value


def _of_target(value: Any) -> Any:
    if isinstance(value, str) and TARGET not in value:
        raise PydanticCustomError("of_target", "expected text with {target}, where the target goes")
    return _wording(value)


def _epochs(value: Any) -> Any:
    counts = as_tuple(value)
    if counts is None:
        return None
    if isinstance(counts, tuple) and all(type(x) is int and x >= 0 for x in counts) and any(counts):
        return counts
    raise PydanticCustomError("epochs", "expected how many epochs each stage has, such as [2, 1]")


class _EncoderConfig(ModelSection):
    """What the families that use a pretrained encoder have in common."""

    exports: ClassVar[frozenset[str]] = frozenset({"onnx"})

    encoder: str = Field(MINILM, min_length=1)
    """A folder in the format of transformers, or a name on the Hugging Face hub."""

    encoder_sha256: Annotated[str, BeforeValidator(_digest)] | None = None
    """What the SHA-256 of the encoder's model.safetensors must be; null takes any, but of the
    default encoder only the hub's own."""

    max_tokens: int = Field(256, ge=8, le=8192)
    """Tokens that are read at once, special tokens included; of pairs, the target's too."""

    long_text: Literal["head", "head_tail", "windows", "relevant"] = "head"
    """What is read of longer articles. `head`: their start. `head_tail`: start and end, half each.
    `windows`: all of it, in as many parts as it takes, whose vectors or scores are averaged.
    `relevant`: the sentences that are most like the target (stance). The title is always read."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the encoder runs; `auto` takes a GPU if there is one."""

    def wordings(self, *, stance: bool) -> tuple[str, ...]:  # noqa: ARG002
        """What an article is read beside, one after another.

        Args:
            stance: Whether articles have targets.
        """
        return ()

    def token_counter(self, *, stance: bool) -> "Callable[[Example], dict[str, tuple[int, int]]]":
        """Counts the tokens of an example that each choice for long texts reads, and all."""
        from newsstand.encoders.torch_encoder import (
            token_counter,  # imports torch when it is called
        )

        folder = find_encoder(self.encoder, self.encoder_sha256)
        return token_counter(
            folder,
            max_tokens=self.max_tokens,
            wordings=self.wordings(stance=stance),
            stance=stance,
        )


class FineTuneConfig(Section):
    """Encoder and classifier learn together; the input embeddings stay as they are."""

    epochs: int = Field(1, ge=1)
    """How often each text is seen, with all of its targets."""

    curriculum: Annotated[tuple[int, ...] | None, BeforeValidator(_epochs)] = None
    """In place of `epochs`: how many epochs each stage has. In those of the n-th, rows whose column
    `curriculum` is n or less are seen, and rows without one (Bengio et al. 2009). Labels that a
    stage has no row of are left out of its loss."""

    epoch_texts: int | None = Field(None, ge=1)
    """Texts of an epoch at most, other ones in each, drawn by the seed; null for all texts."""

    batch_size: int = Field(64, ge=1)
    """Texts of a step, each with all of its targets."""

    learning_rate: float = Field(1e-4, gt=0.0, le=1.0)
    """AdamW's step at its highest, at the end of the warm-up; it falls to zero from there."""

    classifier_rate: float = Field(10.0, gt=0.0, le=1000.0)
    """The classifier, which begins with random weights, learns at this times `learning_rate`."""

    warmup: float = Field(0.1, ge=0.0, lt=1.0)
    """Share of the steps in which the learning rate rises."""

    weight_decay: float = Field(0.01, ge=0.0)
    """AdamW's decay of weights, biases and norms excepted."""

    layer_decay: float = Field(1.0, gt=0.0, le=1.0)
    """Each layer learns at this rate times that of the layer above it."""

    frozen_layers: int = Field(0, ge=0)
    """So many of the lowest layers stay as they are."""

    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Of the sums in training; `auto` takes bf16 where the hardware has it. Weights are fp32."""


class NgramsConfig(Section):
    """A linear model of hashed n-grams, by LinearSVC, whose scores are added to the vectors'."""

    words: NgramRange | None = (1, 1)
    """Shortest and longest word n-gram, or null for none."""

    chars: NgramRange | None = (3, 5)
    """Shortest and longest character n-gram inside words, or null for none."""

    bits: int = Field(20, ge=10, le=24)
    """The n-grams of each kind are hashed to 2 to the power of this many buckets."""

    C: float = Field(1.0, ge=1e-6, le=1e6)
    """Inverse strength of the L2 penalty."""

    weight: float = Field(1.0, gt=0.0, le=1000.0)
    """The n-grams' scores count so many times."""


class EmbeddingConfig(_EncoderConfig):
    """A linear classifier over the vectors of a pretrained encoder, which may be fine-tuned."""

    kind: Literal["embedding"]
    """Model family."""

    cross_target: bool = False
    """Read the target, too, and compare it with the text (stance). Without it the model reads the
    article alone, and its answer is the same for every target."""

    fine_tune: FineTuneConfig | None = None
    """Fine-tune the encoder, and with it the classifier; null leaves the encoder as it is."""

    precision: Literal["auto", "fp32", "bf16"] = "fp32"
    """Of the sums when vectors are computed in training. bf16 halves the time where the hardware
    has it; `auto` takes it there. Scoring is in fp32, or in int8 with `export.onnx`. Not with
    `fine_tune`."""

    classifier: Literal["svc", "logistic"] = "logistic"
    """scikit-learn's LinearSVC or LogisticRegression. Not with `fine_tune`."""

    C: float = Field(0.01, ge=1e-6, le=1e6)
    """Inverse strength of the L2 penalty. Not with `fine_tune`."""

    ngrams: NgramsConfig | None = None
    """Read n-grams, too, by themselves; null for vectors alone. Not with `fine_tune`."""

    class_weight: Literal["balanced"] | None = None
    """`balanced` weights each label by its inverse frequency."""

    @classmethod
    def conflicts(
        cls,
        get: Get,
        *,
        stance: bool,
        labels: Sequence[str],  # noqa: ARG003 - which labels there are does not matter here
    ) -> Iterable[tuple[str, str]]:
        """Settings that do not fit together."""
        yield from target_conflicts(get, stance=stance)
        if get("model.ngrams") is not None:
            yield from ngram_conflicts(get, "model.ngrams")
        if get("model.fine_tune") is None:
            return
        for name, default in (("classifier", "logistic"), ("C", 0.01)):
            if get(f"model.{name}") != default:
                yield (
                    f"model.{name}",
                    "with model.fine_tune, the classifier is fitted there; leave it out",
                )
        if get("model.ngrams") is not None:
            yield (
                "model.ngrams",
                "not with model.fine_tune, which fits one classifier; leave it out",
            )
        if get("model.precision") != "fp32":
            yield "model.precision", "of a fit it is model.fine_tune.precision; leave it out"


class TeacherConfig(Section):
    """A trained model whose probabilities are learned from, too (Hinton et al. 2015)."""

    bundle: str = Field(min_length=1)
    """A bundle's folder, or its MLflow URI, of any family, with the same task and labels."""

    temperature: float = Field(2.0, gt=0.0)
    """Probabilities are compared at this temperature: higher tells more of what is unlikely."""

    weight: float = Field(0.5, ge=0.0, le=1.0)
    """The teacher's part of the loss; the labels' is the rest."""

    unlabelled: str | None = None
    """A file of articles, as `newsstand score` reads them, that only the teacher has an opinion
    on (for stance, each with a target). Texts of validation and test rows are left out."""


class LoraConfig(Section):
    """Low-rank adapters (Hu et al. 2022): small matrices beside those of the encoder, which stay
    as they are. When the fit is done, they are added to it, and scoring knows nothing of them.
    """

    rank: int = Field(8, ge=1)
    """Width of the adapters."""

    alpha: float = Field(16.0, gt=0.0)
    """What the adapters give is multiplied by this, over their rank."""

    dropout: float = Field(0.0, ge=0.0, lt=1.0)
    """Share of the adapters' inputs that is dropped in training."""


class TransformerConfig(_EncoderConfig):
    """A pretrained encoder, fine-tuned with a classifier on top."""

    kind: Literal["transformer"]
    """Model family."""

    fsdp: bool = False
    """Each process that torchrun starts holds its share of weights, gradients and AdamW's means
    (fully sharded data parallel, FSDP2), instead of all of them. For GPUs that the network's
    training does not fit on."""

    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Of the sums in training; `auto` takes bf16 where the hardware has it. Weights are fp32."""

    target_as: Annotated[str, BeforeValidator(_of_target)] = TARGET
    """How the target is worded where it is read beside the text, `{target}` standing for it: for
    instance "The author supports {target}." (stance)"""

    hypotheses: dict[str, Annotated[str, BeforeValidator(_wording)]] | None = Field(
        None, min_length=1
    )
    """By label, what a text of that label entails, `{target}` standing for the target. The encoder
    must be a classifier for natural language inference (NLI), whose classifier is kept. A text is
    read once beside each hypothesis; a label's score is the logit of the entailment less that of
    the contradiction. One label may be left out: its score is the log-odds that no hypothesis is
    entailed."""

    epochs: int = Field(3, ge=0)
    """How often each row is seen, at most. 0 fits nothing but the calibration (with hypotheses)."""

    curriculum: Annotated[tuple[int, ...] | None, BeforeValidator(_epochs)] = None
    """In place of `epochs`: how many epochs each stage has. In those of the n-th, rows whose column
    `curriculum` is n or less are seen, and rows without one (Bengio et al. 2009)."""

    epoch_rows: int | None = Field(None, ge=1)
    """Rows of an epoch at most, other ones in each, drawn by the seed; null for all rows."""

    batch_size: int = Field(32, ge=1)
    """Rows computed together, by each process if torchrun starts several."""

    gradient_accumulation: int = Field(1, ge=1)
    """Batches whose gradients are added up for one step."""

    learning_rate: float = Field(5e-5, gt=0.0, le=1.0)
    """AdamW's step at its highest, at the end of the warm-up; it falls to zero from there."""

    warmup: float = Field(0.1, ge=0.0, lt=1.0)
    """Share of the steps in which the learning rate rises."""

    weight_decay: float = Field(0.01, ge=0.0)
    """AdamW's decay of weights, biases and norms excepted."""

    layer_decay: float = Field(1.0, gt=0.0, le=1.0)
    """Each layer learns at this rate times that of the layer above it."""

    frozen_layers: int = Field(0, ge=0)
    """The embeddings and so many of the lowest layers stay as they are; 0 freezes nothing."""

    dropout: float | None = Field(None, ge=0.0, lt=1.0)
    """Share of what the network's layers pass on that is dropped in training; null for what the
    encoder was made with, often 0.1. On a CPU, 0 trains about twice as fast."""

    lora: LoraConfig | None = None
    """Fit low-rank adapters on all linear layers, and the classifier, instead of all weights. They
    learn well at ten times the usual learning rate."""

    mark_target: bool = False
    """Put @ before and after the target where the row's `mentions` say that it is, or else wherever
    the text names it in the same words (stance)."""

    class_weight: Literal["balanced"] | None = None
    """`balanced` weights each label by its inverse frequency."""

    focal_gamma: float = Field(0.0, ge=0.0)
    """Focal loss: a row's loss times (1 - p) to this power, p being its own label's probability."""

    label_smoothing: float = Field(0.0, ge=0.0, lt=1.0)
    """Share of a label that is spread over all labels."""

    soft_labels: bool = False
    """Where several annotators have voted on a row, learn each label's share of the votes rather
    than the majority's label. Rows whose votes are tied have no such label and stay left out.
    Validation and test rows are judged by the majority in any case."""

    teacher: TeacherConfig | None = None
    """A trained model to learn from, besides the labels."""

    evaluations: int = Field(1, ge=0)
    """How often an epoch the validation rows are scored and a checkpoint is written. The best one
    becomes the model: by macro-F1, or where rows of one text are on opposite sides by the lower of
    macro-F1 and flip accuracy. 0 saves the time, and takes the last step."""

    seeds: int = Field(1, ge=1)
    """Fit with so many seeds, `seed` and the next ones, on the same splits: the run's figures are
    followed by their mean and standard deviation, each seed has a run of its own inside it, and the
    model is that of the seed with the median macro-F1 on validation rows."""

    patience: int = Field(0, ge=0)
    """Stop when so many evaluations in a row bring no better macro-F1; 0 never stops early."""

    refit: bool = False
    """After calibration, fit once more on all rows that are not test rows: training, validation,
    and those left out to keep the two apart; up to the step, by its share of all, at which the
    best checkpoint was. Of several seeds, the median one is fit again."""

    def wordings(self, *, stance: bool) -> tuple[str, ...]:
        """What an article is read beside, one after another.

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
        """Settings that do not fit together."""
        yield from target_conflicts(get, stance=stance)
        yield from _wording_conflicts(get, stance=stance, known=labels)
        if get("model.lora") is not None and get("model.frozen_layers"):
            yield (
                "model.frozen_layers",
                "with model.lora, all layers stay as they are; leave it out",
            )
        if get("model.lora") is not None and get("model.fsdp"):
            yield "model.fsdp", "not with model.lora, whose adapters leave little to share out"


def _wording_conflicts(
    get: Get, *, stance: bool, known: Sequence[str]
) -> Iterable[tuple[str, str]]:
    """Settings of hypotheses, and of what takes a fit, that do not fit together.

    Args:
        get: What the config says at a dotted key, or the default.
        stance: Whether texts have targets.
        known: The labels, if the config says them.
    """
    wording, asked = get("model.target_as"), get("model.hypotheses")
    if wording != TARGET and not stance:
        yield "model.target_as", "a topic model has no targets to word"
    elif wording != TARGET and asked is not None:
        yield "model.target_as", "hypotheses word the target; leave it out"
    if get("model.epochs") == 0 and asked is None:
        yield "model.epochs", "0 fits nothing, which only a model with hypotheses can do without"
    usual = {"teacher": None, "lora": None, "soft_labels": False, "refit": False, "seeds": 1}
    for name, value in usual.items() if get("model.epochs") == 0 else ():
        if get(f"model.{name}") != value:
            yield f"model.{name}", "with epochs: 0 nothing is fitted; leave it out"
    if not isinstance(asked, dict):
        return
    for label, text in asked.items():
        where = f"model.hypotheses.{label}"
        if known and label not in known:
            yield where, f"unknown label{did_you_mean(str(label), known, 'labels')}"
        if stance and isinstance(text, str) and TARGET not in text:
            yield where, f"expected text with {{target}}, where the target goes, got {text!r}"
        if not stance and isinstance(text, str) and TARGET in text:
            yield where, "a topic model has no targets to name"
        if list(asked.values()).count(text) > 1:
            yield where, "another label has the same hypothesis"
    if len(without := [label for label in known if label not in asked]) > 1:
        yield "model.hypotheses", without_a_hypothesis(without)
