"""The config's sections on data and text: where rows are, how they are split and prepared."""

import codecs
import os
import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag
from pydantic_core import PydanticCustomError

from newsstand.config.data_specs import (
    By,
    NearDuplicateSpec,
    ReadSpec,
    SourceSpec,
    Split,
    SplitSpec,
    Strategy,
)
from newsstand.config.formats import FORMATS
from newsstand.config.section import Section, as_tuple
from newsstand.io.records import CsvFormat
from newsstand.text.boilerplate_rules import RULES
from newsstand.text.normalize import TextSpec

# Whose values are the defaults.
_SPLIT, _NEAR, _READ, _SOURCE = (
    SplitSpec(),
    NearDuplicateSpec(),
    ReadSpec(),
    SourceSpec(format="table"),
)


def _names(value: Any) -> Any:
    listed = as_tuple(value)
    if isinstance(listed, tuple) and listed and all(isinstance(x, str) and x for x in listed):
        return listed
    if isinstance(value, str) and value:
        return value
    raise PydanticCustomError("names", "expected the name of a column, or a list of names")


def _encoding(value: Any) -> Any:
    if value is None:
        return None
    try:
        codec = codecs.lookup(value)
        "".encode(value)  # not base64 and the like
    except (LookupError, TypeError, ValueError):
        raise PydanticCustomError(
            "encoding", "expected an encoding, such as windows-1252, utf-16 or gb18030"
        ) from None
    return None if codec.name == "utf-8" else codec.name


def _quote(value: Any) -> Any:
    return {"double": '"', "single": "'"}.get(value, value) if isinstance(value, str) else value


def _delimiter(value: Any) -> Any:
    value = {"tab": "\t", "\\t": "\t"}.get(value, value) if isinstance(value, str) else value
    if value is None or (isinstance(value, str) and len(value) == 1 and value not in "\r\n\"'\0"):
        return value
    raise PydanticCustomError("delimiter", "expected one character, or tab")


def _header(value: Any) -> Any:
    listed = as_tuple(value)
    if isinstance(listed, bool):
        return listed
    names = isinstance(listed, tuple) and listed and all(isinstance(x, str) for x in listed)
    if names and len(set(listed)) == len(listed):
        return listed
    raise PydanticCustomError("header", "expected true, false, or a list of different names")


class CsvConfig(Section):
    """How files of cells (CSV, TSV) are written, where looking at them does not tell."""

    delimiter: Annotated[str | None, BeforeValidator(_delimiter)] = None
    """What stands between the cells: one character, or `tab`; null finds it out."""

    quote: Annotated[Literal['"', "'", "none"] | None, BeforeValidator(_quote)] = None
    """What stands around cells: `"` (or `double`), `'` (or `single`); `none` takes quotation marks
    for text; null finds it out."""

    header: Annotated[bool | tuple[str, ...], BeforeValidator(_header)] = True
    """Whether the first row names the columns; without, they are called `1`, `2`, … A list names
    the columns of a file without a header."""

    encoding: Annotated[str | None, BeforeValidator(_encoding)] = None
    """What the text is encoded in, for instance `windows-1252`; null for UTF-8, or UTF-16 with a
    byte order mark."""

    def spec(self) -> CsvFormat:
        """The plain object that readers take."""
        return CsvFormat(**self.model_dump())


class SplitConfig(Section):
    """How rows are shared out, by content and not by row order.

    Splits that the data gives are kept, and what they lack is drawn. Copies, near-duplicates and
    rows of one `group` stay together.
    """

    strategy: Strategy = _SPLIT.strategy
    """`given`: the data must give train and test rows. `random`: without regard to labels.
    `stratified`: each label's share is kept. `grouped`: as stratified, and rows with the same
    value in a column of `by` stay together. `time`: the latest rows are the test rows, those
    before them validation. `unseen`: whole values of the `by` columns are held out."""

    by: Annotated[tuple[By, ...], BeforeValidator(as_tuple)] = _SPLIT.by
    """Columns for `grouped` and `unseen`. With several, `unseen` leaves out rows that have a
    held-out value in one column and others elsewhere: often many."""

    validation: float = Field(_SPLIT.validation, ge=0.0, lt=1.0)
    """Share of the training rows held out for validation, when the data names none."""

    test: float = Field(_SPLIT.test, ge=0.0, lt=1.0)
    """Share of the rows without a split held out for testing, when the data names none. Not used
    with `folds`."""

    gap_days: int = Field(_SPLIT.gap_days, ge=0)
    """With `time`, days between the splits whose rows are left out."""

    hold_out: Annotated[tuple[str, ...], BeforeValidator(as_tuple)] = _SPLIT.hold_out
    """With `unseen`, the values to test on; `[]` draws them."""

    folds: int | None = Field(_SPLIT.folds, ge=2)
    """Cross-validation: one of so many parts is the test split, or, when the data gives the test
    rows, the validation split. With `time`, each part is tested on what came before it."""

    fold: int = Field(_SPLIT.fold, ge=0)
    """Which of the folds, from 0."""

    ignore_given: bool = _SPLIT.ignore_given
    """Draw all splits anew, whatever the data says."""

    def spec(self) -> SplitSpec:
        """The plain object that the loader takes."""
        return SplitSpec(**self.model_dump())


class NearDuplicatesConfig(Section):
    """When two articles count as one story told twice; such articles never straddle a split."""

    share: float = Field(_NEAR.share, gt=0.0, le=1.0)
    """Share of the shorter article's word sequences that the longer one holds too."""

    window_days: int | None = Field(_NEAR.window_days, ge=0)
    """Only articles published within so many days of each other; null for any dates."""

    def spec(self) -> NearDuplicateSpec:
        """The plain object that the loader takes."""
        return NearDuplicateSpec(**self.model_dump())


if TYPE_CHECKING:
    Format = str
else:
    Format = Literal[tuple(FORMATS)]


class RowsConfig(Section):
    """Where labelled rows are and how to read them."""

    format: Format | None = None
    """`corpus`: the articles shipped with newsstand. `table`: CSV, TSV, JSONL, JSON or Parquet
    with the canonical columns, packed or not (gz, bz2, xz, zst, zip), exports of labelling tools,
    or `hf:NAME`. `tsv`: label, tab, text. The others are public data sets in their publishers'
    files. `tweeteval-stance`: TweetEval's folders. `fnc1`: the Fake News Challenge's CSVs of
    stances and bodies. `newsmtsc`: NewsMTSC's JSONL, whose labels are sentiment toward a person,
    which is not stance. `article-bias`: Baly et al.'s folder of JSON files and split lists; the
    label is `bias_text`, or with `columns: {label: topic}` the topic. `vast`: VAST's CSVs (the
    training file may be zipped). `argkp`, `iam`, `ibm-claims`: arguments and claims for or against
    a motion, of ArgKP-2021, IAM and IBM Debater. The last four have the labels `favor` and
    `against`, `vast` also `neutral`; `labels` may call them otherwise."""

    path: str | None = _SOURCE.path
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
    """Label in the files to label of the model, for instance `{0: left, 2: right}`. Numbers and
    truth values without a name are refused, and so are names that match no label of the data."""

    fold_case: bool = _READ.fold_case
    """Take labels that only case and blanks tell apart for one, in lower case (or as `labels`
    writes it)."""

    label_separator: str | None = Field(_READ.separator, min_length=1)
    """What stands between several annotators' labels in one text, for instance `"|"`."""

    dates: Literal["day-first", "month-first"] | None = _READ.dates
    """How to read 05/03/2019 in `published`; with null, dates that may be read either way are not
    understood."""

    dates_strict: bool = _READ.dates_strict
    """Refuse the data for a date that is not understood, or of no year of publication (1600 to
    2100). Else the row has no date, and how many have none is said."""

    empty_bodies: Literal["drop", "keep"] = _READ.empty_bodies
    """`drop`: rows without a body are not trained on, and how many is said. `keep`: those that have
    a title are."""

    csv: CsvConfig = CsvConfig.model_construct()
    """How files of cells are written."""

    max_columns: int = Field(_SOURCE.max_columns, ge=1)
    """Columns of a table at most; a file with more is refused."""

    unseen_only: bool = _SOURCE.unseen_only
    """Of VAST's validation and test rows, take only those whose topic no training row has
    (`seen?` is 0)."""

    def spec(self) -> SourceSpec:
        """The plain object that the loader takes."""
        return SourceSpec(
            format=str(self.format),
            path=self.path,
            files={"train": self.train, "validation": self.validation, "test": self.test},
            csv=self.csv.spec(),
            max_columns=self.max_columns,
            unseen_only=self.unseen_only,
            read=ReadSpec(
                columns=self.columns,
                labels=self.labels,
                separator=self.label_separator,
                dates=self.dates,
                dates_strict=self.dates_strict,
                empty_bodies=self.empty_bodies,
                fold_case=self.fold_case,
            ),
        )


def _name(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"[A-Za-z0-9][\w.-]{0,99}", value, re.ASCII):
        raise PydanticCustomError("name", "expected letters, digits, '_', '-' and '.'")
    return value


def _kind_of_split(value: Any) -> str:
    return "section" if isinstance(value, (dict, SplitConfig)) else "word"


class SourceConfig(RowsConfig):
    """One of several places of labelled rows. A relative `path` is below `data.path`."""

    name: Annotated[str | None, BeforeValidator(_name)] = None
    """What figures and messages call it; its format when null, with a number where several sources
    have that."""

    weight: float = Field(_SOURCE.weight, gt=0.0)
    """What a training row of this source counts in the loss, where others count 1."""

    only: Annotated[tuple[Split, ...], BeforeValidator(as_tuple)] = _SOURCE.only
    """Of rows whose split the source's files give, use only those of these splits; `[]` uses
    all."""

    split: (
        Annotated[
            Annotated[Literal[Split, "none"], Tag("word")] | Annotated[SplitConfig, Tag("section")],
            Discriminator(_kind_of_split),
        ]
        | None
    ) = None
    """`train`, `validation` or `test` puts all rows there; `none` draws them by `data.split`,
    whatever the files say; a section like `data.split` shares this source's rows out alone.
    Null keeps the splits that the files give, and draws the others by `data.split`."""

    def spec(self) -> SourceSpec:
        """The plain object that the loader takes, but for its name."""
        split = self.split.spec() if isinstance(self.split, SplitConfig) else self.split
        return replace(super().spec(), weight=self.weight, only=self.only, split=split)


class DataConfig(RowsConfig):
    """Where the labelled rows are and how to read them."""

    sources: Annotated[tuple[SourceConfig, ...] | None, BeforeValidator(as_tuple)] = None
    """Several places of rows in place of one, each with settings of its own; `path` is then the
    folder that theirs are relative to. A row is left out of training where validation or test rows
    of another source have its text or a near-duplicate of it."""

    repeats: Literal["drop", "keep"] = "drop"
    """`drop`: of several rows with the same text (and target), one is used, and none when their
    labels differ; of copies in given splits, the test split's. `keep`: use all, as published
    figures on a benchmark do."""

    near_duplicates: NearDuplicatesConfig | None = NearDuplicatesConfig.model_construct()
    """Cut, re-headed or merged copies of an article, kept on one side of each drawn split; null
    does not look for them, which saves time."""

    split: SplitConfig = SplitConfig.model_construct()
    """How rows are shared out where the files do not say."""

    def source_names(self) -> list[str]:
        """A name for each source, all different."""
        given = {source.name for source in self.sources or ()}
        seen: Counter[str] = Counter()
        names = []
        for source in self.sources or ():
            name, form = source.name, str(source.format)
            while name is None or (source.name is None and name in given):
                seen[form] += 1
                name = form if seen[form] == 1 else f"{form}-{seen[form]}"
            names.append(name)
        return names

    def specs(self) -> SourceSpec | tuple[SourceSpec, ...]:
        """Where the rows are: in one place, or in several with their names."""
        if self.sources is None:
            return self.spec()
        return tuple(
            replace(source.spec(), name=name, path=_below(self.path, source))
            for name, source in zip(self.source_names(), self.sources, strict=True)
        )

    def origin(self) -> dict[str, str | None]:
        """`form` and `path` of the rows, as a run notes them."""
        formats = [self.format] if self.sources is None else [x.format for x in self.sources]
        return {"form": ", ".join(map(str, formats)), "path": self.path}


def _below(root: str | None, rows: RowsConfig) -> str | None:
    """A source's path under the folder of all; absolute paths and the hub's are as they are."""
    if root is None:
        return rows.path
    if rows.format == "corpus":
        return None
    if rows.path is None:
        return root
    whole = rows.path.startswith(("hf:", "~"))
    return rows.path if whole else os.path.join(root, rows.path)


class TextConfig(Section):
    """How an article's text is prepared; the same for training and scoring."""

    strip: Annotated[tuple[str, ...], BeforeValidator(as_tuple)] = tuple(RULES)
    """Boilerplate rules in force; `[]` keeps everything."""

    max_characters: int = Field(TextSpec().max_characters, ge=1)
    """Characters of the longest article, title and body together. A longer one is an error, in
    training and in scoring: most often a quotation mark is missing in a table."""

    def spec(self) -> TextSpec:
        """The plain object that text preparation takes."""
        return TextSpec(strip=self.strip, max_characters=self.max_characters)
