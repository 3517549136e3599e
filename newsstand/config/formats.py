"""The formats of labelled rows: their readers, and the settings that a config may give."""

from dataclasses import dataclass
from typing import Literal

from newsstand.io.records import TABLES


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A format of labelled rows.

    Args:
        read: Module of `newsstand.data.readers` and function that yields each record, or
            problem, with its split.
        task: The only task of its rows; None for both tasks.
        labels: Kind of the labels of a stance format, in messages.
        needs_path: Whether `data.path` is required; else it is not allowed.
        named: Whether `data.train`, `data.validation` and `data.test` may name files.
        unseen: Whether it marks rows whose target no training row has.
        patterns: Globs of further files under `data.path`, beside the files named by
            `data.train`, `data.validation` and `data.test`; None if only those, or the
            file, folder or glob of `data.path`, are read.
        suffixes: Suffixes of the files that are read from a folder if none are named.
    """

    read: str
    task: Literal["topic", "stance"] | None = None
    labels: str = "stances"
    needs_path: bool = True
    named: bool = True
    unseen: bool = False
    patterns: tuple[str, ...] | None = None
    suffixes: tuple[str, ...] = TABLES


# Exports of labelling tools.
EXPORTS = (".json", ".jsonl", ".ndjson")

FORMATS: dict[str, Format] = {
    "corpus": Format(read="formats.read_corpus", needs_path=False, named=False),
    "table": Format(read="formats.read_table"),
    "tsv": Format(read="formats.read_tsv", task="topic", suffixes=(".tsv", ".txt")),
    "label-studio": Format(read="annotation_tools.read_label_studio", suffixes=EXPORTS),
    "doccano": Format(read="annotation_tools.read_doccano", suffixes=EXPORTS),
    "prodigy": Format(read="annotation_tools.read_prodigy", suffixes=EXPORTS),
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
