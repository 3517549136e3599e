"""Readers of public data sets in their publishers' file formats."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from newsstand.data.readers.sources import (
    UNUSED,
    Source,
    SplitRecord,
    folder,
    named_files,
    split_files,
)
from newsstand.errors import DataError
from newsstand.io.records import (
    LineTooLong,
    Problem,
    Record,
    bounded_lines,
    file_flaw,
    parse_json,
    read_csv,
    read_records,
    text_flaw,
)
from newsstand.io.values import listing, shortened

# Folder names of TweetEval to the targets in the wording of SemEval-2016 task 6.
_TWEETEVAL_TARGETS = {
    "abortion": "Legalization of Abortion",
    "atheism": "Atheism",
    "climate": "Climate Change is a Real Concern",
    "feminist": "Feminist Movement",
    "hillary": "Hillary Clinton",
}


def read_tweeteval(source: Source) -> Iterator[SplitRecord]:
    """Reads TweetEval's stance folders: `TARGET/{train,val,test}_{text,labels}.txt`."""
    root = folder(source)
    folders = sorted(
        {p.parent for kind in ("text", "labels") for p in root.glob(f"*/*_{kind}.txt")}
    )
    if not folders:
        raise DataError(f"{root}: expected a folder with train_text.txt for each target")
    for place in folders:
        mapping = next((p for p in (place, root) if (p / "mapping.txt").exists()), None)
        if mapping is None:
            raise DataError(f"{root}: no mapping.txt (integer, tab, label)")
        names = _mapping(mapping / "mapping.txt")
        for split, short in (("train", "train"), ("validation", "val"), ("test", "test")):
            texts, labels = (place / f"{short}_{kind}.txt" for kind in ("text", "labels"))
            for item in _tweets(texts, labels, names, place.name):
                yield split, item


def _mapping(path: Path) -> dict[str, str]:
    names: dict[str, str] = {}
    for number, line in enumerate(text_lines(path), start=1):
        code, _, name = (part.strip() for part in line.partition("\t"))
        if not line.strip():
            continue
        if not (code and name):
            raise DataError(f"{path}:{number}: expected an integer, a tab and a label")
        if names.setdefault(code, name) != name:
            raise DataError(f"{path}:{number}: {code[:40]!r} has two labels")
    return names


def _tweets(
    texts: Path, labels: Path, names: Mapping[str, str], place: str
) -> Iterator[Record | Problem]:
    try:
        bodies, codes = text_lines(texts), text_lines(labels)
    except DataError as error:
        yield Problem(str(error))
        return
    if len(bodies) != len(codes):
        yield Problem(f"{labels}: {len(codes)} labels for the {len(bodies)} lines of {texts.name}")
        return
    target = _TWEETEVAL_TARGETS.get(place, place)
    for number, (body, code) in enumerate(zip(bodies, codes, strict=True), start=1):
        code = code.strip()
        if code not in names:
            known = ", ".join(names)
            yield Problem(f"{labels}:{number}: label {code[:40]!r} is not in mapping.txt ({known})")
            continue
        values = {
            # File names repeat in each folder, so the folder is part of the id.
            "id": f"{place}/{texts.name}:{number}",
            "body": body,
            "target": target,
            "label": names[code],
        }
        yield Record(values, str(texts), f"{texts}:{number}")


def text_lines(path: Path) -> list[str]:
    """Reads the lines of a text file up to the last non-empty one.

    Raises:
        DataError: The file is missing, empty or not text.
    """
    flaw = file_flaw(path) or text_flaw(path)
    if flaw:
        raise DataError(flaw)
    # newline="\n": a lone carriage return or U+2028 in a text does not end the line.
    lines: list[str] = []
    with path.open(encoding="utf-8-sig", newline="\n") as stream:
        try:
            lines.extend(line.rstrip("\r\n") for line in bounded_lines(stream))
        except LineTooLong as error:
            raise DataError(f"{path}:{len(lines) + 1}: {error}") from None
    while lines and not lines[-1]:
        lines.pop()
    return lines


def read_fnc1(source: Source) -> Iterator[SplitRecord]:
    """Reads the Fake News Challenge's pairs of headline and body, joined on `Body ID`."""
    root = folder(source)
    for split, name in (("train", "train"), ("test", "competition_test")):
        bodies, problems = _bodies(root / f"{name}_bodies.csv")
        yield from ((split, problem) for problem in problems)
        for item in _columns(root / f"{name}_stances.csv", "Headline", "Body ID", "Stance"):
            if isinstance(item, Problem):
                yield split, item
                continue
            key = item.values["Body ID"].strip()
            if key in bodies:
                headline, stance = item.values["Headline"], item.values["Stance"]
                values = {"body": bodies[key], "target": headline, "label": stance}
                values["group"] = f"{name} {key}"
                yield split, Record(values, item.file, item.where, item.row)
            elif not problems:  # else the body may be among the unreadable ones
                flaw = f"{key[:40]!r} has no body in {name}_bodies.csv"
                yield split, Problem(f"{item.place}: field 'Body ID': {flaw}")


def _bodies(path: Path) -> tuple[dict[str, str], list[Problem]]:
    bodies: dict[str, str] = {}
    problems = []
    for item in _columns(path, "Body ID", "articleBody"):
        if isinstance(item, Problem):
            problems.append(item)
            continue
        key = item.values["Body ID"].strip()
        if key in bodies:
            flaw = f"{key[:40]!r} is the ID of two bodies"
            problems.append(Problem(f"{item.place}: field 'Body ID': {flaw}"))
        bodies[key] = item.values["articleBody"]
    return bodies, problems


def _columns(path: Path, *names: str) -> Iterator[Record | Problem]:
    return with_columns(read_csv(path), path, *names)


def with_columns(
    records: Iterator[Record | Problem], path: Path, *names: str
) -> Iterator[Record | Problem]:
    """Yields the records of a file that have these columns; a missing column ends the file."""
    item = None
    for item in records:
        missing = [] if isinstance(item, Problem) else [x for x in names if x not in item.values]
        if missing and isinstance(item, Record):
            here = listing(item.values)
            yield Problem(f"{path}: no column '{missing[0]}' (columns here: {here})")
            return
        yield item
    if item is None:
        yield Problem(f"{path}: no rows; expected the header {', '.join(names)} and rows")


_TARGET = {"Input.gid", "from", "to", "mention", "polarity", "further_mentions"}
_POLARITIES = {2: "negative", 4: "neutral", 6: "positive"}


def read_newsmtsc(source: Source) -> Iterator[SplitRecord]:
    """Reads NewsMTSC's sentences, a row for each target: sentiment toward it, not stance."""
    for split, path in split_files(source):
        for item in read_records(path):
            if isinstance(item, Problem):
                yield split, item
                continue
            targets = item.values.get("targets")
            sentence = item.values.get("sentence_normalized")
            if not isinstance(sentence, str):
                yield split, Problem(f"{item.place}: field 'sentence_normalized': expected text")
            elif not isinstance(targets, list) or not targets:
                yield split, Problem(f"{item.place}: field 'targets': expected a list of targets")
            else:
                for number, target in enumerate(targets):
                    yield split, _target(item, sentence, target, f"targets[{number}]")


def _target(item: Record, sentence: str, target: Any, field: str) -> Record | Problem:
    def wrong(what: str, value: Any, expected: str) -> Problem:
        return Problem(
            f"{item.place}: field '{field}{what}': {shortened(value)}; expected {expected}"
        )

    if not isinstance(target, dict):
        return wrong("", target, "a JSON object")
    unknown = sorted(target.keys() - _TARGET)
    if unknown:
        return wrong(f".{unknown[0]}", target[unknown[0]], f"only {', '.join(sorted(_TARGET))}")
    further = target.get("further_mentions") or []
    if not isinstance(further, list):
        return wrong(".further_mentions", further, "a list")
    places = []
    for number, mention in enumerate([target, *further]):
        place = _place(sentence, mention)
        if place is None:
            what = f".further_mentions[{number - 1}]" if number else ""
            return wrong(what, mention, "from and to, with the mention between them")
        places.append(place)
    polarity = target.get("polarity")
    if type(polarity) not in (int, float) or polarity not in _POLARITIES:
        return wrong(".polarity", polarity, "2, 4 or 6")
    if not isinstance(target.get("Input.gid"), str):
        return wrong(".Input.gid", target.get("Input.gid"), "text")
    values = {
        "id": target["Input.gid"],
        "body": sentence,
        "target": target["mention"],
        "label": _POLARITIES[polarity],
        "mentions": places,
    }
    return Record(values, item.file, item.where)


def _place(sentence: str, mention: Any) -> list[int] | None:
    """Returns the place of a mention in the sentence; None if it is wrong."""
    if not isinstance(mention, dict):
        return None
    start, end, text = (mention.get(key) for key in ("from", "to", "mention"))
    if type(start) is not int or type(end) is not int or not 0 <= start < end <= len(sentence):
        return None
    return [start, end] if sentence[start:end] == text else None


# Canonical column to its name in article-bias; each article has all of them.
_ARTICLE = {
    "id": "ID",
    "title": "title",
    "body": "content_original",
    "label": "bias_text",
    "topic": "topic",
    "outlet": "source",
    "published": "date",
    "url": "url",
    "author": "authors",
    "bias": "bias",
}
_LEANINGS = {"0": "left", "1": "center", "2": "right"}


@dataclass(frozen=True, slots=True)
class _Listed:
    """A line of a split list: the article's split and leaning, and the place of the line."""

    split: str
    bias: str
    where: str


def read_article_bias(source: Source) -> Iterator[SplitRecord]:
    """Reads Baly et al.'s article-bias: a folder of JSON files, and split lists of their IDs."""
    root = folder(source) / "jsons"
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; expected one of JSON files")
    names = sorted(name for name in os.listdir(root) if name.endswith(".json"))
    if not names:
        raise DataError(f"{root}: no file ends in .json")
    lists = named_files(source)
    rest = UNUSED if lists else None
    listed: dict[str, _Listed] = {}
    for split, path in lists:
        yield from ((split, problem) for problem in _read_list(path, split, listed))
    for name in names:
        line = listed.pop(name.removesuffix(".json"), None)
        yield (line.split if line else rest), _article(root / name, line)
    for key, line in listed.items():
        yield line.split, Problem(f"{line.where}: field 'ID': {key[:40]!r} has no JSON file")


def _read_list(path: Path, split: str, listed: dict[str, _Listed]) -> Iterator[Problem]:
    for item in _columns(path, "ID", "bias"):
        if isinstance(item, Problem):
            yield item
            continue
        key, bias = item.values["ID"].strip(), item.values["bias"].strip()
        other = listed.setdefault(key, _Listed(split, bias, item.place))
        if other.where != item.place:
            yield Problem(f"{item.place}: field 'ID': {key[:40]!r} is also in {other.where}")


def _article(path: Path, line: _Listed | None) -> Record | Problem:
    item = _json_object(path)
    if isinstance(item, Problem):
        return item
    values, where = item.values, item.where
    missing = [field for field in _ARTICLE.values() if field not in values]
    if missing:
        here = listing(values)
        return Problem(f"{where}: field '{missing[0]}': missing (fields here: {here})")
    if values["ID"] != path.stem:
        return Problem(f"{where}: field 'ID': {shortened(values['ID'])}; expected the file's name")
    bias, leaning = str(values["bias"]), values["bias_text"]
    if _LEANINGS.get(bias) != leaning:
        return Problem(f"{where}: field 'bias': {bias:.40}, but bias_text is {shortened(leaning)}")
    if line and line.bias != bias:
        return Problem(f"{line.where}: field 'bias': {line.bias[:40]!r}, but {where} has {bias}")
    return Record({**values, **{x: values[y] for x, y in _ARTICLE.items()}}, str(path), where)


def _json_object(path: Path) -> Record | Problem:
    """Reads the single object of a JSON file, fast, as there are tens of thousands of files."""
    try:
        values = parse_json(path.read_bytes().decode())
        if isinstance(values, dict):
            return Record(values, str(path), str(path))
    except (OSError, ValueError, RecursionError):
        pass  # read again below, for the error message
    items = list(read_records(path))
    if len(items) == 1:
        return items[0]
    return Problem(f"{path}: expected one JSON object, got a list of {len(items)}")
