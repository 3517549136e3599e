"""Settings of the families of n-grams; those with an encoder are in `config_encoders`."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from newsstand.config.section import Get, ModelSection, Section, as_tuple


def _range(value: Any) -> Any:
    span = as_tuple(value)
    if isinstance(span, tuple) and len(span) == 2 and all(type(x) is int for x in span):
        return span
    raise PydanticCustomError("range", "expected [shortest, longest], such as [1, 2]")


NgramRange = Annotated[tuple[int, int], BeforeValidator(_range)]


def target_conflicts(get: Get, *, stance: bool) -> Iterable[tuple[str, str]]:
    """Settings of targets in a model of topics."""
    if stance:
        return
    if get("model.cross_target") is True:
        yield "model.cross_target", "a topic model has no targets to cross with"
    if get("model.long_text") == "relevant":
        yield "model.long_text", "'relevant' looks for a target, but task is topic"
    if get("model.mark_target") is True:
        yield "model.mark_target", "a topic model has no targets to mark"


def ngram_conflicts(get: Get, at: str) -> Iterable[tuple[str, str]]:
    """Settings of n-grams in the section at a dotted key that do not fit together."""
    for kind in ("words", "chars"):
        span = get(f"{at}.{kind}")
        is_range = isinstance(span, (list, tuple)) and len(span) == 2
        if is_range and all(type(x) is int for x in span) and not 1 <= span[0] <= span[1] <= 8:
            yield f"{at}.{kind}", f"expected 1 <= shortest <= longest <= 8, got {list(span)}"
    if get(f"{at}.words") is None and get(f"{at}.chars") is None:
        yield f"{at}.words", "words and chars are both null, so there are no features"


class FieldsConfig(Section):
    """Parts of an article whose n-grams are counted once more, as features of their own.

    The whole text is always counted, with weight 1; a part of weight 0 is not.
    """

    title: float = Field(0.0, ge=0.0)
    """The title."""

    lead: float = Field(0.0, ge=0.0)
    """The body's first 30 words."""

    near: float = Field(0.0, ge=0.0)
    """Eight words on either side of where the text first names the target, without the target
    itself (stance)."""

    target: float = Field(0.0, ge=0.0)
    """The target itself (stance)."""


class LinearConfig(ModelSection):
    """A linear classifier over hashed n-grams."""

    kind: Literal["linear"]
    """Model family."""

    words: NgramRange | None = (1, 2)
    """Shortest and longest word n-gram, or null for none."""

    chars: NgramRange | None = None
    """Shortest and longest character n-gram inside words, or null for none."""

    bits: int = Field(20, ge=10, le=24)
    """The n-grams of each kind are hashed to 2 to the power of this many buckets."""

    fields: FieldsConfig = FieldsConfig.model_construct()
    """Weights of parts that are counted once more by themselves."""

    hashtags: bool = False
    """Count the words inside a hashtag (#SaveThePlanet) once more, as words of the text."""

    cross_target: bool = False
    """Count each n-gram once for all targets and once more for its own target (stance). Without
    it the model reads the article alone, and its answer is the same for every target."""

    sublinear_tf: bool = True
    """Weight a count as 1 + ln(count)."""

    idf: bool = True
    """Weight an n-gram by its inverse document frequency in the training rows."""

    min_df: int = Field(1, ge=1)
    """Ignore n-grams that occur in fewer training rows than this."""

    classifier: Literal["svc", "logistic", "sgd"] = "svc"
    """`svc` and `logistic`: scikit-learn's LinearSVC and LogisticRegression, in memory. `sgd`:
    averaged stochastic gradient descent with hinge loss, which leaves the articles on disk: for any
    number of them. A fit that was stopped goes on when the same command is given again."""

    epochs: int | None = Field(None, ge=1)
    """How often `sgd` sees each row; null for enough to see 100,000 rows in all, from 3 to 50."""

    C: float = Field(1.0, ge=1e-6, le=1e6)
    """Inverse strength of the L2 penalty."""

    search: Literal["quick"] | None = None
    """`quick` starts from `C` and `bits`, tries values around them (C by steps of about 3, bits by
    2) and takes those with the best macro-F1 on the validation rows."""

    class_weight: Literal["balanced"] | None = None
    """`balanced` weights each label by its inverse frequency."""

    outlet_balance: float = Field(0.0, ge=0.0, le=1.0)
    """A training row is weighted by its outlet's number of rows to the power of minus this: 0 not
    at all, 1 so that all outlets weigh the same. For models that are to read unknown outlets."""

    exports: ClassVar[frozenset[str]] = frozenset({"weights", "size_mb"})

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
        for name in () if stance else ("near", "target"):
            if get(f"model.fields.{name}"):
                yield f"model.fields.{name}", "a topic model has no targets"
        yield from ngram_conflicts(get, "model")
        if get("model.epochs") is not None and get("model.classifier") != "sgd":
            yield (
                "model.epochs",
                "only classifier 'sgd' counts epochs; the others stop by themselves",
            )
