"""Settings of the linear family, and of n-grams in general."""

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
    """Yields settings about targets in a topic model."""
    if stance:
        return
    if get("model.cross_target") is True:
        yield "model.cross_target", "a topic model has no targets to cross with"
    if get("model.long_text") == "relevant":
        yield "model.long_text", "'relevant' needs a target, but task is topic"
    if get("model.mark_target") is True:
        yield "model.mark_target", "a topic model has no targets to mark"


def ngram_conflicts(get: Get, at: str) -> Iterable[tuple[str, str]]:
    """Yields conflicts between the n-gram settings of the section at a dotted key."""
    for kind in ("words", "chars"):
        span = get(f"{at}.{kind}")
        is_range = isinstance(span, (list, tuple)) and len(span) == 2
        if is_range and all(type(x) is int for x in span) and not 1 <= span[0] <= span[1] <= 8:
            yield f"{at}.{kind}", f"expected 1 <= shortest <= longest <= 8, got {list(span)}"
    if get(f"{at}.words") is None and get(f"{at}.chars") is None:
        yield f"{at}.words", "words and chars are both null, so there are no features"


class FieldsConfig(Section):
    """Weights of fields whose n-grams are counted again, as features of their own.

    The whole text always counts with weight 1. A field of weight 0 is not counted again.
    """

    title: float = Field(0.0, ge=0.0)
    """Weight of the title, 0 or more. Try 0.5 to 1 if titles name the topic."""

    lead: float = Field(0.0, ge=0.0)
    """Weight of the first 30 words of the body, 0 or more. Try 0.5 to 1 for news reports."""

    near: float = Field(0.0, ge=0.0)
    """Weight of the eight words before and after the first mention of the target, without the
    target (stance), 0 or more. Try 1 for targets that are named in the text."""

    target: float = Field(0.0, ge=0.0)
    """Weight of the target's own n-grams (stance), 0 or more. Try 0.5 if targets share words."""


class LinearConfig(ModelSection):
    """A linear classifier over hashed n-grams."""

    kind: Literal["linear"]
    """Model family."""

    words: NgramRange | None = (1, 2)
    """Shortest and longest word n-gram, 1 to 8 words each; null for no word n-grams."""

    chars: NgramRange | None = None
    """Shortest and longest character n-gram within words, 1 to 8 characters each; null for none.
    `[3, 5]` helps with inflected languages, spelling errors and few training rows; it is slower."""

    bits: int = Field(20, ge=10, le=24)
    """The n-grams of each kind are hashed to `2**bits` buckets, 10 to 24 bits. More bits mean fewer
    collisions and larger models."""

    fields: FieldsConfig = FieldsConfig.model_construct()
    """Weights of fields (title, lead, near, target) that are counted again by themselves."""

    hashtags: bool = False
    """Also count the words inside a hashtag (#SaveThePlanet) as words of the text. For social
    media."""

    cross_target: bool = False
    """Count each n-gram once for all targets and again for its own target (stance). Without it the
    model reads the article alone and predicts the same for every target. Set it if each target has
    many training rows."""

    sublinear_tf: bool = True
    """Replace a count by 1 + ln(count)."""

    idf: bool = True
    """Multiply by the inverse document frequency in the training rows."""

    min_df: int = Field(1, ge=1)
    """Ignore n-grams that occur in fewer training rows than this. Raise it to make the model
    smaller."""

    classifier: Literal["svc", "logistic", "sgd"] = "svc"
    """`svc` and `logistic`: scikit-learn's LinearSVC and LogisticRegression, with all features in
    memory. `sgd`: averaged stochastic gradient descent with hinge loss, which reads the articles
    from disk, for data that does not fit in memory; an interrupted fit resumes when the same
    command is run again."""

    epochs: int | None = Field(None, ge=1)
    """Number of passes of `sgd` over the training rows; null for as many as see 100,000 rows in
    total, at least 3 and at most 50."""

    C: float = Field(1.0, ge=1e-6, le=1e6)
    """Inverse strength of the L2 penalty, 1e-6 to 1e6. Lower it if the model overfits."""

    search: Literal["quick"] | None = None
    """`quick` evaluates values around `C` (in steps of a factor of about 3) and `bits` (in steps of
    2), and keeps those with the highest macro-F1 on the validation rows."""

    class_weight: Literal["balanced"] | None = None
    """`balanced` weights each label by its inverse frequency. Set it if rare labels matter as much
    as frequent ones."""

    outlet_balance: float = Field(0.0, ge=0.0, le=1.0)
    """Weight a training row by the number of rows of its outlet to the power of minus this value:
    0 for no weighting, 1 to give all outlets the same total weight. Raise it for models that will
    score outlets without training rows."""

    exports: ClassVar[frozenset[str]] = frozenset({"weights", "size_mb"})

    @classmethod
    def conflicts(
        cls,
        get: Get,
        *,
        stance: bool,
        labels: Sequence[str],  # noqa: ARG003 - which labels there are does not matter here
    ) -> Iterable[tuple[str, str]]:
        """Yields conflicts between settings."""
        yield from target_conflicts(get, stance=stance)
        for name in () if stance else ("near", "target"):
            if get(f"model.fields.{name}"):
                yield f"model.fields.{name}", "a topic model has no targets"
        yield from ngram_conflicts(get, "model")
        if get("model.epochs") is not None and get("model.classifier") != "sgd":
            yield (
                "model.epochs",
                "only classifier 'sgd' has epochs; the others stop when they converge",
            )
