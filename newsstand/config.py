"""The typed config of one training run: every setting, documented.

One YAML file is one experiment; `config_file` reads it. A config object stops at
`train/run.py`: everything below takes plain arguments.
"""

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from newsstand.boilerplate import RULES
from newsstand.encoders import MINILM
from newsstand.text import TextSpec


class _Section(BaseModel):
    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _names(value: Any) -> Any:
    listed = _tuple(value)
    if isinstance(listed, tuple) and listed and all(isinstance(x, str) and x for x in listed):
        return listed
    if isinstance(value, str) and value:
        return value
    raise PydanticCustomError("names", "expected the name of a column, or a list of names")


def _labels(value: Any) -> Any:
    listed = _tuple(value)
    if isinstance(listed, tuple) and all(isinstance(x, str) and x for x in listed):
        return listed
    if isinstance(value, str):
        return value
    raise PydanticCustomError(
        "labels",
        "expected the name of a label scheme or a list of labels, each text (integers in quotes)",
    )


def _range(value: Any) -> Any:
    span = _tuple(value)
    if isinstance(span, tuple) and len(span) == 2 and all(type(x) is int for x in span):
        return span
    raise PydanticCustomError("range", "expected [shortest, longest], such as [1, 2]")


def _digest(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value):
        return value
    raise PydanticCustomError("sha256", "expected a SHA-256: 64 digits from 0 to f, in quotes")


NgramRange = Annotated[tuple[int, int], BeforeValidator(_range)]


class SplitConfig(_Section):
    """How rows are shared out, by content and not by row order.

    Splits that the data gives are kept, and what they lack is drawn. Copies, near-duplicates and
    rows of one `group` stay together.
    """

    strategy: Literal["given", "random", "stratified", "grouped", "time", "unseen"] = "stratified"
    """`given`: the data must give train and test rows. `random`: without regard to labels.
    `stratified`: each label's share is kept. `grouped`: as stratified, and rows with the same
    value in a column of `by` stay together. `time`: the latest rows are the test rows, those
    before them validation. `unseen`: whole values of the `by` columns are held out."""

    by: Annotated[
        tuple[Literal["group", "outlet", "target", "author", "text"], ...], BeforeValidator(_tuple)
    ] = ()
    """Columns for `grouped` and `unseen`. With several, `unseen` leaves out rows that have a
    held-out value in one column and others elsewhere: often many."""

    validation: float = Field(0.1, ge=0.0, lt=1.0)
    """Share of the training rows held out for validation, when the data names none."""

    test: float = Field(0.2, ge=0.0, lt=1.0)
    """Share of the rows without a split held out for testing, when the data names none. Not used
    with `folds`."""

    gap_days: int = Field(0, ge=0)
    """With `time`, days between the splits whose rows are left out."""

    hold_out: Annotated[tuple[str, ...], BeforeValidator(_tuple)] = ()
    """With `unseen`, the values to test on; `[]` draws them."""

    folds: int | None = Field(None, ge=2)
    """Cross-validation: one of so many parts is the test split, or, when the data gives the test
    rows, the validation split. With `time`, each part is tested on what came before it."""

    fold: int = Field(0, ge=0)
    """Which of the folds, from 0."""

    ignore_given: bool = False
    """Draw all splits anew, whatever the data says."""


class NearDuplicatesConfig(_Section):
    """When two articles count as one story told twice; such articles never straddle a split."""

    share: float = Field(0.5, gt=0.0, le=1.0)
    """Share of the shorter article's word sequences that the longer one holds too."""

    window_days: int | None = Field(None, ge=0)
    """Only articles published within so many days of each other; null for any dates."""


class DataConfig(_Section):
    """Where the labelled rows are and how to read them."""

    format: Literal[
        "corpus", "table", "tsv", "tweeteval-stance", "fnc1", "newsmtsc", "article-bias"
    ]
    """`corpus`: the articles shipped with newsstand. `table`: CSV, JSONL, JSON or Parquet with the
    canonical columns, or `hf:NAME`. `tsv`: label, tab, text. The others are public data sets in
    their publishers' files. `tweeteval-stance`: TweetEval's folders. `fnc1`: the Fake News
    Challenge's CSVs of stances and bodies. `newsmtsc`: NewsMTSC's JSONL, whose labels are
    sentiment toward a person, which is not stance. `article-bias`: Baly et al.'s folder of JSON
    files and split lists; the label is `bias_text`, or with `columns: {label: topic}` the topic."""

    path: str | None = None
    """File, folder or glob (`articles/*.csv`), relative to the working directory, or
    `hf:NAME[:CONFIG]` for a data set of the Hugging Face hub (or a local folder that `datasets`
    can load)."""

    train: str | None = None
    """File of the training rows, under `path`; a glob takes several files. Left out: all tables
    of the folder, split by name when one of them is `train.csv`, `train.jsonl`, … For
    `article-bias`, the split list; without any, the rows have no given split."""

    validation: str | None = None
    """File of the validation rows, under `path`."""

    test: str | None = None
    """File of the test rows, under `path`."""

    columns: dict[str, Annotated[str | tuple[str, ...], BeforeValidator(_names)]] = Field(
        default_factory=dict
    )
    """Canonical column to the name it has in the files, for instance `{body: text}`. `label` may
    name several columns, one an annotator: the majority counts, rows with tied votes are
    dropped."""

    labels: dict[str, str] = Field(default_factory=dict)
    """Label in the files to label of the model, for instance `{0: left, 2: right}`. Integer
    labels without a name are refused."""

    label_separator: str | None = Field(None, min_length=1)
    """What stands between several annotators' labels in one text, for instance `"|"`."""

    dates: Literal["day-first", "month-first"] | None = None
    """How to read 05/03/2019 in `published`; null refuses dates that may be read either way."""

    repeats: Literal["drop", "keep"] = "drop"
    """`drop`: of several rows with the same text (and target), one is used, and none when their
    labels differ; of copies in given splits, the test split's. `keep`: use all, as published
    figures on a benchmark do."""

    near_duplicates: NearDuplicatesConfig | None = NearDuplicatesConfig.model_construct()
    """Cut, re-headed or merged copies of an article, kept on one side of each drawn split; null
    does not look for them, which saves time."""

    split: SplitConfig = SplitConfig.model_construct()
    """How rows are shared out where the files do not say."""


class TextConfig(_Section):
    """How an article's text is prepared; the same for training and scoring."""

    strip: Annotated[tuple[str, ...], BeforeValidator(_tuple)] = tuple(RULES)
    """Boilerplate rules in force; `[]` keeps everything."""

    def spec(self) -> TextSpec:
        """The plain object that text preparation takes."""
        return TextSpec(strip=self.strip)


class PartsConfig(_Section):
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


class LinearConfig(_Section):
    """A linear classifier over hashed n-grams."""

    kind: Literal["linear"]
    """Model family."""

    words: NgramRange | None = (1, 2)
    """Shortest and longest word n-gram, or null for none."""

    chars: NgramRange | None = None
    """Shortest and longest character n-gram inside words, or null for none."""

    bits: int = Field(20, ge=10, le=24)
    """The n-grams of each kind are hashed to 2 to the power of this many buckets."""

    parts: PartsConfig = PartsConfig.model_construct()
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

    refit: bool = False
    """After calibration, fit once more on all rows that are not test rows: training, validation,
    and those left out to keep the two apart."""


class PairsConfig(_Section):
    """A small neural network over what article and target have in common (stance)."""

    kind: Literal["pairs"]
    """Model family."""

    terms: int = Field(1000, ge=0, le=100_000)
    """So many of the articles' most frequent words are features of their own; 0 leaves only what
    compares target and article."""

    hidden: int = Field(100, ge=1, le=10_000)
    """Units of the hidden layer of each network."""

    networks: int = Field(5, ge=1, le=100)
    """Networks, each from another start, whose scores are averaged."""

    epochs: int = Field(8, ge=1)
    """How often each network sees every row."""

    learning_rate: float = Field(0.002, gt=0.0, le=1.0)
    """Adam's step, falling to zero over the epochs."""

    dropout: float = Field(0.3, ge=0.0, lt=1.0)
    """Share of the hidden units that each row goes without in fitting."""

    l2: float = Field(1e-3, ge=0.0)
    """Strength of the L2 penalty."""

    balance: float = Field(0.6, ge=0.0, le=1.0)
    """A label's rows are weighted by its inverse frequency to the power of this: 0 not at all,
    1 so that all labels weigh the same."""

    refit: bool = False
    """After calibration, fit once more on all rows that are not test rows: training, validation,
    and those left out to keep the two apart."""


class ExportConfig(_Section):
    """How the weights of a linear model are kept in its bundle."""

    weights: Literal["float32", "float16", "int8"] = "float32"
    """Numbers of 4, 2 or 1 bytes; the smaller ones are rounded."""

    size_mb: float | None = Field(None, gt=0.0)
    """So many megabytes (of 1,000,000 bytes) at most: the features that matter least are left
    out. What that and rounding cost on the validation rows is printed and logged."""


class EmbeddingConfig(_Section):
    """A linear classifier over a pretrained encoder's vectors; the encoder stays as it is."""

    kind: Literal["embedding"]
    """Model family."""

    encoder: str = Field(MINILM, min_length=1)
    """A folder in the format of transformers, or a name on the Hugging Face hub."""

    encoder_sha256: Annotated[str, BeforeValidator(_digest)] | None = None
    """What the SHA-256 of the encoder's model.safetensors must be; null takes any, but of the
    default encoder only the hub's own."""

    max_tokens: int = Field(256, ge=8, le=8192)
    """Tokens that are read at once, special tokens included."""

    long_text: Literal["head", "head_tail", "windows", "relevant"] = "head"
    """What is read of longer articles. `head`: their start. `head_tail`: start and end, half each.
    `windows`: all of it, in as many parts as it takes, whose vectors are averaged. `relevant`: the
    sentences that are most like the target (stance). The title is always read."""

    cross_target: bool = False
    """Read the target, too, and compare it with the text (stance). Without it the model reads the
    article alone, and its answer is the same for every target."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the encoder runs; `auto` takes a GPU if there is one."""

    classifier: Literal["svc", "logistic"] = "logistic"
    """scikit-learn's LinearSVC or LogisticRegression."""

    C: float = Field(0.01, ge=1e-6, le=1e6)
    """Inverse strength of the L2 penalty."""

    class_weight: Literal["balanced"] | None = None
    """`balanced` weights each label by its inverse frequency."""

    refit: bool = False
    """After calibration, fit once more on all rows that are not test rows: training, validation,
    and those left out to keep the two apart."""


class TransformerConfig(_Section):
    """A pretrained encoder, fine-tuned with a classifier on top."""

    kind: Literal["transformer"]
    """Model family."""

    encoder: str = Field(MINILM, min_length=1)
    """A folder in the format of transformers, or a name on the Hugging Face hub."""

    encoder_sha256: Annotated[str, BeforeValidator(_digest)] | None = None
    """What the SHA-256 of the encoder's model.safetensors must be; null takes any, but of the
    default encoder only the hub's own."""

    max_tokens: int = Field(256, ge=8, le=8192)
    """Tokens that are read at once, special tokens included; for stance, the target's too."""

    long_text: Literal["head", "head_tail", "windows", "relevant"] = "head"
    """What is read of longer articles. `head`: their start. `head_tail`: start and end, half each.
    `windows`: all of it, in as many parts as it takes, whose scores are averaged. `relevant`: the
    sentences that are most like the target (stance). The title is always read."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute; `auto` takes a GPU if there is one."""

    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Of the sums in training; `auto` takes bf16 where the hardware has it. Weights are fp32."""

    epochs: int = Field(3, ge=1)
    """How often each row is seen, at most."""

    batch_size: int = Field(32, ge=1)
    """Rows computed together."""

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

    class_weight: Literal["balanced"] | None = None
    """`balanced` weights each label by its inverse frequency."""

    focal_gamma: float = Field(0.0, ge=0.0)
    """Focal loss: a row's loss times (1 - p) to this power, p being its own label's probability."""

    label_smoothing: float = Field(0.0, ge=0.0, lt=1.0)
    """Share of a label that is spread over all labels."""

    evaluations: int = Field(1, ge=1)
    """How often an epoch the validation rows are scored and a checkpoint is written. The one with
    the best macro-F1 becomes the model."""

    patience: int = Field(0, ge=0)
    """Stop when so many evaluations in a row bring no better macro-F1; 0 never stops early."""

    @property
    def refit(self) -> bool:
        """Never: without validation rows, there is no best checkpoint."""
        return False


class CalibrationConfig(_Section):
    """How scores become probabilities, fitted on the validation rows."""

    method: Literal["temperature", "sigmoid"] = "temperature"
    """`temperature`: one scale for all labels. `sigmoid`: slope and offset for each label."""


class EvaluationConfig(_Section):
    """What is measured beside accuracy, F1 and calibration error."""

    f_avg: Annotated[tuple[str, ...], BeforeValidator(_tuple)] = ()
    """Labels whose F1 scores are averaged into `f_avg`, SemEval-2016's official metric."""

    fnc_score: bool = False
    """The Fake News Challenge's official score, 0 to 100, as `fnc_score`."""

    mae: bool = False
    """The mean absolute error, in steps between labels, as `mae`: the labels are an order, from
    the first that the config lists to the last."""


class TrackingConfig(_Section):
    """Where the run goes in MLflow."""

    experiment: str = Field(min_length=1)
    """Name of the MLflow experiment."""

    run_name: str | None = None
    """Name of the run; the config file's name when null."""

    register_as: str | None = None
    """Name to register the model under, or null."""

    alias: str | None = None
    """Alias given to the registered version, for instance `champion`."""


class Config(_Section):
    """One experiment."""

    task: Literal["topic", "stance"]
    """`topic`: article to label. `stance`: article and target to label."""

    labels: Annotated[str | tuple[str, ...], BeforeValidator(_labels)]
    """A label scheme by name, `from-data`, or a list of labels."""

    seed: int = Field(0, ge=0, lt=2**32)
    """Seed of everything random: splits and fitting."""

    data: DataConfig
    """Where the labelled rows are."""

    text: TextConfig = TextConfig.model_construct()
    """How the text is prepared."""

    model: Annotated[
        LinearConfig | PairsConfig | EmbeddingConfig | TransformerConfig,
        Field(discriminator="kind"),
    ]
    """The model family and its settings."""

    export: ExportConfig = ExportConfig.model_construct()
    """How the weights are kept."""

    calibration: CalibrationConfig = CalibrationConfig.model_construct()
    """How scores become probabilities."""

    evaluation: EvaluationConfig = EvaluationConfig.model_construct()
    """What is measured."""

    tracking: TrackingConfig
    """Where the run goes in MLflow."""

    def loading(self) -> dict[str, Any]:
        """The plain arguments that the loader of `newsstand.data` takes."""
        data = self.data
        near = data.near_duplicates
        return {
            "format": data.format,
            "task": self.task,
            "labels": self.labels,
            "path": data.path,
            "files": {"train": data.train, "validation": data.validation, "test": data.test},
            "reading": {
                "columns": data.columns,
                "labels": data.labels,
                "separator": data.label_separator,
                "dates": data.dates,
            },
            "spec": self.text.spec(),
            "repeats": data.repeats,
            "near_duplicates": near and near.model_dump(),
            "split": data.split.model_dump(),
            "seed": self.seed,
        }


def flatten(section: BaseModel, prefix: str = "") -> dict[str, Any]:
    """Dotted key to value of every setting, for run parameters."""
    flat: dict[str, Any] = {}
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            flat.update(flatten(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = value
    return flat
