"""The formats of labelled rows: the reader of each, and the settings that it takes."""

from dataclasses import dataclass
from typing import Literal

from newsstand.io.records import TABLES


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A format of labelled rows.

    Args:
        read: The reader, as module of `newsstand.data.readers` and function: it yields the split
            and the record, or problem, of each row.
        task: The only task that the format supports; None for both.
        labels: What messages call the labels of a stance format.
        needs_path: Whether `data.path` must be set; otherwise it must not be.
        named: Whether `data.train`, `data.validation` and `data.test` may name files.
        unseen: Whether it marks rows whose target no training row has.
        patterns: Globs of files under `data.path` that are read in addition to those named by
            `data.train`, `data.validation` and `data.test`; None for no other files.
        suffixes: Suffixes of the files that are read from a folder if no files are named.
    """

    read: str
    task: Literal["topic", "stance"] | None = None
    labels: str = "stances"
    needs_path: bool = True
    named: bool = True
    unseen: bool = False
    patterns: tuple[str, ...] | None = None
    suffixes: tuple[str, ...] = TABLES


FORMATS: dict[str, Format] = {
    "corpus": Format(read="formats.read_corpus", needs_path=False, named=False),
    "table": Format(read="formats.read_table"),
    "tsv": Format(read="formats.read_tsv", task="topic", suffixes=(".tsv", ".txt")),
    "tweeteval-stance": Format(
        read="publishers.read_tweeteval",
        task="stance",
        named=False,
        patterns=("mapping.txt", "*/*.txt"),
    ),
    "fnc1": Format(
        read="publishers.read_fnc1",
        task="stance",
        named=False,
        patterns=("*_stances.csv", "*_bodies.csv"),
    ),
    "newsmtsc": Format(
        read="publishers.read_newsmtsc", task="stance", labels="sentiments toward targets"
    ),
    "article-bias": Format(
        read="publishers.read_article_bias", task="topic", patterns=("jsons/*.json",)
    ),
    "vast": Format(
        read="debates.read_vast",
        task="stance",
        named=False,
        unseen=True,
        patterns=("vast_train.csv", "vast_train.zip", "vast_dev.csv", "vast_test.csv"),
    ),
    "argkp": Format(
        read="debates.read_argkp", task="stance", named=False, patterns=("arguments_*.csv",)
    ),
    "iam": Format(read="debates.read_iam", task="stance", named=False, patterns=("stance-*.txt",)),
    "ibm-claims": Format(
        read="debates.read_ibm_claims",
        task="stance",
        named=False,
        patterns=("claim_stance_dataset_v1.csv",),
    ),
}
