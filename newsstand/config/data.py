"""Sections of the config on data and text: where rows are, how they are split and prepared."""

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

# The specs hold the defaults.
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
    """The dialect of CSV and TSV files, if it is not detected correctly."""

    delimiter: Annotated[str | None, BeforeValidator(_delimiter)] = None
    """Character between cells, or `tab`; null detects it."""

    quote: Annotated[Literal['"', "'", "none"] | None, BeforeValidator(_quote)] = None
    """Character around cells: `"` (or `double`) or `'` (or `single`); `none` reads quotation marks
    as text; null detects it."""

    header: Annotated[bool | tuple[str, ...], BeforeValidator(_header)] = True
    """Whether the first row names the columns. With false, they are named `1`, `2`, … A list names
    the columns of a file without a header row."""

    encoding: Annotated[str | None, BeforeValidator(_encoding)] = None
    """Encoding of the text, for instance `windows-1252`; null for UTF-8, or UTF-16 with a byte
    order mark."""

    def spec(self) -> CsvFormat:
        """The same as the plain object that readers take."""
        return CsvFormat(**self.model_dump())


class SplitConfig(Section):
    """How rows are divided into training, validation and test split.

    Splits that the data gives are kept, and missing ones are drawn. A row's split depends on its
    content, not on the order of rows. Copies, near-duplicates and rows with the same `group` go to
    the same split.
    """

    strategy: Strategy = _SPLIT.strategy
    """How splits are drawn. `given`: not at all; the data must give training and test rows.
    `random`: regardless of labels. `stratified`: each split has the same share of each label.
    `grouped`: as `stratified`, and rows with the same value in a column of `by` go to the same
    split. `time`: the latest rows are test rows, those before them validation rows; to measure how
    a model does on later news. `unseen`: test and validation rows have values in the `by` columns
    that no training row has; to measure how a model does on new outlets, targets or authors."""

    by: Annotated[tuple[By, ...], BeforeValidator(as_tuple)] = _SPLIT.by
    """Columns for `grouped` and `unseen`. With several columns, `unseen` leaves out rows that have
    a held-out value in one column but not in the others, often many."""

    validation: float = Field(_SPLIT.validation, ge=0.0, lt=1.0)
    """Share of the training rows, from 0 to below 1, held out for validation if the data gives no
    validation rows."""

    test: float = Field(_SPLIT.test, ge=0.0, lt=1.0)
    """Share of the rows without a split, from 0 to below 1, held out for testing if the data gives
    no test rows. Not used with `folds`."""

    gap_days: int = Field(_SPLIT.gap_days, ge=0)
    """With `time`, the number of days between two splits whose rows are left out. Set it to the
    time that a story stays in the news, to keep one story out of two splits."""

    hold_out: Annotated[tuple[str, ...], BeforeValidator(as_tuple)] = _SPLIT.hold_out
    """With `unseen`, the values whose rows are the test split; `[]` draws them."""

    folds: int | None = Field(_SPLIT.folds, ge=2)
    """Number of folds for cross-validation, 2 or more: one fold is the test split or, if the data
    gives the test rows, the validation split. With `time`, each fold is tested with a model of the
    rows before it. null for no cross-validation."""

    fold: int = Field(_SPLIT.fold, ge=0)
    """Number of the fold that is held out, from 0. Run all folds for a mean."""

    ignore_given: bool = _SPLIT.ignore_given
    """Draw all splits, even if the data gives some."""

    def spec(self) -> SplitSpec:
        """The same as the plain object that the loader takes."""
        return SplitSpec(**self.model_dump())


class NearDuplicatesConfig(Section):
    """When two articles are near-duplicates; these are put in the same split."""

    share: float = Field(_NEAR.share, gt=0.0, le=1.0)
    """Minimum share of the shorter article's word sequences that the longer one contains, above 0
    and at most 1. Raise it if different stories are joined."""

    window_days: int | None = Field(_NEAR.window_days, ge=0)
    """Maximum number of days between the publication of two near-duplicates; null for no limit. Set
    it for texts that recur, such as weather reports."""

    def spec(self) -> NearDuplicateSpec:
        """The same as the plain object that the loader takes."""
        return NearDuplicateSpec(**self.model_dump())


if TYPE_CHECKING:
    Format = str
else:
    Format = Literal[tuple(FORMATS)]


class RowsConfig(Section):
    """Where labelled rows are and how to read them."""

    format: Format | None = None
    """Format of the files; required. `corpus`: the articles shipped with newsstand. `table`: CSV,
    TSV, JSONL, JSON or Parquet with the canonical columns, compressed or not (gz, bz2, xz, zst,
    zip), or `hf:NAME`. `tsv`: label, tab, text. `label-studio`, `doccano`, `prodigy`: exports of
    these labelling tools, with the votes of several annotators. The others are public data sets in
    the files of their publishers. `tweeteval-stance`: TweetEval's folders. `fnc1`: the Fake News
    Challenge's CSVs of stances and bodies. `newsmtsc`: NewsMTSC's JSONL, whose labels are sentiment
    toward a person, which is not stance. `article-bias`: Baly et al.'s folder of JSON files and
    split lists; the label is `bias_text`, or the topic with `columns: {label: topic}`. `vast`:
    VAST's CSVs (the training file may be zipped). `argkp`, `iam`, `ibm-claims`: arguments and
    claims for or against a motion, of ArgKP-2021, IAM and IBM Debater. The last four have the
    labels `favor` and `against`, `vast` also `neutral`; `labels` can rename them."""

    path: str | None = _SOURCE.path
    """File, folder or glob (`articles/*.csv`), relative to the working directory, or
    `hf:NAME[:CONFIG]` for a data set of the Hugging Face hub (or a local folder that `datasets`
    can load). Required except for `corpus`."""

    train: str | None = None
    """File or glob of the training rows, under `path`. If null, all tables of the folder are read;
    if one of them is named `train.csv`, `train.jsonl`, …, names determine the splits. For
    `article-bias`, the split list; without one, the rows have no given split."""

    validation: str | None = None
    """File or glob of the validation rows, under `path`; needs `train`."""

    test: str | None = None
    """File or glob of the test rows, under `path`; needs `train`."""

    columns: dict[str, Annotated[str | tuple[str, ...], BeforeValidator(_names)]] = Field(
        default_factory=dict
    )
    """Name in the files of each canonical column that is named differently there, for instance
    `{body: text}`. `label` can list several columns, one per annotator: the majority is the label,
    and rows with tied votes are dropped."""

    labels: dict[str, str] = Field(default_factory=dict)
    """Label of the model for each label in the files, for instance `{0: left, 2: right}`. Numbers
    and booleans in the files need an entry. An entry for a label that is not in the files is an
    error."""

    fold_case: bool = _READ.fold_case
    """Treat labels that differ only in case and blanks as the same label, in lower case (or as
    `labels` writes it)."""

    label_separator: str | None = Field(_READ.separator, min_length=1)
    """Separator between the labels of several annotators in one cell, for instance `"|"`; null for
    one label per cell."""

    dates: Literal["day-first", "month-first"] | None = _READ.dates
    """Order of day and month in dates such as 05/03/2019 in `published`; with null, ambiguous dates
    are not read."""

    dates_strict: bool = _READ.dates_strict
    """Refuse the data if a date cannot be read or its year is not between 1600 and 2100. Otherwise
    such rows have no date, and their number is reported."""

    empty_bodies: Literal["drop", "keep"] = _READ.empty_bodies
    """`drop`: rows without a body are left out, and their number is reported. `keep`: they are kept
    if they have a title."""

    csv: CsvConfig = CsvConfig.model_construct()
    """The dialect of CSV and TSV files; detected by default."""

    max_columns: int = Field(_SOURCE.max_columns, ge=1)
    """Maximum number of columns of a table; a file with more is refused. Raise it for wide
    tables."""

    unseen_only: bool = _SOURCE.unseen_only
    """Use only those of VAST's validation and test rows whose topic no training row has (`seen?` is
    0)."""

    def spec(self) -> SourceSpec:
        """The same as the plain object that the loader takes."""
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
    """One of several sources of labelled rows. A relative `path` is below `data.path`."""

    name: Annotated[str | None, BeforeValidator(_name)] = None
    """Name of the source in metrics and messages; null for its format, numbered if several sources
    have the same."""

    weight: float = Field(_SOURCE.weight, gt=0.0)
    """Weight of each training row of this source in the loss, above 0. Lower it for a large source
    that is less like the articles to score."""

    only: Annotated[tuple[Split, ...], BeforeValidator(as_tuple)] = _SOURCE.only
    """Splits to use, of rows whose split the source's files give; `[]` uses all."""

    split: (
        Annotated[
            Annotated[Literal[Split, "none"], Tag("word")] | Annotated[SplitConfig, Tag("section")],
            Discriminator(_kind_of_split),
        ]
        | None
    ) = None
    """`train`, `validation` or `test` puts all rows in that split; `none` ignores the splits in the
    files and draws them with `data.split`; a section like `data.split` splits the rows of this
    source separately. null keeps the splits in the files and draws the others with `data.split`."""

    def spec(self) -> SourceSpec:
        """The same as the plain object that the loader takes, without the name."""
        split = self.split.spec() if isinstance(self.split, SplitConfig) else self.split
        return replace(super().spec(), weight=self.weight, only=self.only, split=split)


class DataConfig(RowsConfig):
    """Where the labelled rows are and how to read them."""

    sources: Annotated[tuple[SourceConfig, ...] | None, BeforeValidator(as_tuple)] = None
    """Several sources of rows instead of one, each with its own settings; `path` is then the folder
    that their paths are relative to. A training row is left out if a validation or test row of
    another source has the same text or a near-duplicate of it."""

    repeats: Literal["drop", "keep"] = "drop"
    """`drop`: of rows with the same text (and target), one is used, or none if their labels differ;
    of copies in given splits, that in the test split. `keep`: use all, to compare with published
    results on a benchmark."""

    near_duplicates: NearDuplicatesConfig | None = NearDuplicatesConfig.model_construct()
    """When articles are near-duplicates: shortened, retitled or merged copies. They are put in the
    same split when splits are drawn. null skips the search, which saves time."""

    split: SplitConfig = SplitConfig.model_construct()
    """How rows without a given split are split."""

    seed: int | None = Field(None, ge=0, lt=2**32)
    """Seed of the splits, 0 to `2**32 - 1`; null for `seed`. Set it to fit with several values of
    `seed` on the same splits."""

    def source_names(self) -> list[str]:
        """A unique name for each source."""
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
        """The one source, or the several ones with their names."""
        if self.sources is None:
            return self.spec()
        return tuple(
            replace(source.spec(), name=name, path=_below(self.path, source))
            for name, source in zip(self.source_names(), self.sources, strict=True)
        )

    def origin(self) -> dict[str, str | None]:
        """`form` and `path` of the rows, as a run logs them."""
        formats = [self.format] if self.sources is None else [x.format for x in self.sources]
        return {"form": ", ".join(map(str, formats)), "path": self.path}


def _below(root: str | None, rows: RowsConfig) -> str | None:
    """The path of a source below the common folder; absolute and hub paths stay as they are."""
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
    """Names of the boilerplate rules to apply; `[]` removes nothing. Leave a rule out if it removes
    text that matters; `newsstand data` shows rows as the model reads them."""

    max_characters: int = Field(TextSpec().max_characters, ge=1)
    """Maximum number of characters of an article, title and body together. A longer one is an
    error, in training and in scoring; often a quotation mark is missing in a table."""

    def spec(self) -> TextSpec:
        """The same as the plain object that text preparation takes."""
        return TextSpec(strip=self.strip, max_characters=self.max_characters)
