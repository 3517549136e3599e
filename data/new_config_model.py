"""The section `model` of a config that `newsstand init` writes."""

from newsstand.data.survey import Survey
from newsstand.encoders.hub import MINILM

# Rows below which a data set is small, by task (docs/experiments.md, "Small tables").
SMALL = {"topic": 2000, "stance": 1000}
_CROSSED = 100  # rows a target from which a linear model learns what is said of each

# A line of a config and its comment, which may be empty.
Line = tuple[str, str]


def encoder_lines(found: Survey) -> list[Line]:
    """The default of the task, as configs/topic.yaml and configs/stance.yaml have it.

    Of small data sets of topics, the encoder reads more of an article and the penalty is lower; on
    those of stances, the encoder is not fine-tuned.
    """
    small = found.rows < SMALL[found.task]
    lines = [
        ("model:", ""),
        ("  kind: embedding", "a classifier over the vectors of a pretrained encoder"),
        (f"  encoder: {MINILM}", "English; any of the Hugging Face hub"),
    ]
    if found.task == "topic":
        return [
            *lines,
            (
                f"  max_tokens: {256 if small else 64}",
                "tokens that the encoder reads of an article",
            ),
            ("  precision: auto", "bf16 in training if the hardware supports it"),
            ("  classifier: logistic", "logistic regression"),
            (f"  C: {0.03 if small else 0.003}", "inverse strength of its L2 penalty"),
            ("  class_weight: balanced", "rare labels count as much as frequent ones"),
            ("  ngrams:", "a linear model of n-grams, whose scores are added"),
            ("    words: [1, 1]", "shortest and longest n-gram of words"),
            ("    chars: [3, 5]", "shortest and longest n-gram of characters"),
            ("    weight: 4.0", "factor of its scores"),
            ("  refit: true", "finally fit on training and validation rows together"),
        ]
    lines += [
        ("  max_tokens: 96", "tokens that the encoder reads of an article"),
        ("  cross_target: true", "read the target, and compare it with the text"),
        ("  class_weight: balanced", "rare labels count as much as frequent ones"),
    ]
    if small:
        return [
            *lines,
            ("  classifier: logistic", "logistic regression"),
            ("  C: 0.01", "inverse strength of its L2 penalty"),
            ("  refit: true", "finally fit on training and validation rows together"),
        ]
    return [
        *lines,
        ("  fine_tune:", "train the encoder together with the classifier"),
        ("    epochs: 3", "passes over the training texts"),
        ("    epoch_texts: 2200", "maximum number of texts of an epoch, drawn anew"),
        ("    batch_size: 32", "texts of a step, each with all its targets"),
        ("    learning_rate: 2e-4", "maximum, after the warm-up"),
    ]


def linear_lines(found: Survey) -> list[Line]:
    """A linear model of n-grams, as configs/topic-linear.yaml and stance-linear.yaml have it."""
    words, chars = ("[1, 1]", "[3, 5]") if found.task == "topic" else ("[1, 2]", "")
    lines = [
        ("model:", ""),
        ("  kind: linear", "a linear classifier over hashed n-grams; the encoder is not installed"),
        (f"  words: {words}", "shortest and longest n-gram of words"),
        *([(f"  chars: {chars}", "and of characters inside words")] if chars else []),
        ("  classifier: svc", "a linear support vector machine"),
        ("  C: 1.0", "inverse strength of its L2 penalty"),
        ("  class_weight: balanced", "rare labels count as much as frequent ones"),
    ]
    if found.task == "stance":
        targets, rows = found.values["target"]
        crossed = rows >= _CROSSED * targets
        text = "  cross_target: true" if crossed else "  cross_target: false"
        lines.append((text, f"count n-grams by target, too: for {_CROSSED} rows a target or more"))
    return [*lines, ("  refit: true", "finally fit on training and validation rows together")]
