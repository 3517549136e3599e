"""Whether new articles differ from those that a model was tested on."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from newsstand.errors import InputError
from newsstand.io.reference import LONGEST_NAME, Reference, hashed_words
from newsstand.models.decision import MOST_PROBABLE
from newsstand.text.article import Article
from newsstand.text.example import encode
from newsstand.text.normalize import TextSpec
from newsstand.train.monitor import drift_tests as tests
from newsstand.train.monitor.changes import Change, label_changes, outlet_changes, word_changes
from newsstand.train.monitor.scored import KnownModel, Scored, in_order, known_model
from newsstand.types import Floats, Ints

ALPHA = 0.05
MOST_TEXTS = 2_000  # of the new articles, drawn at random, whose text is compared
_LEAST_OF_OUTLET = 10  # rows of both samples, to compare its share
_OUTLETS = (
    "the held-out rows name no outlets",
    "the scored rows name no outlets (--column outlet=NAME)",
)
_NO_TEXT = "the scored rows have no text (--column body=NAME)"
_DECIMALS = 3  # of confidences: the reference data rounds them


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """One property that is compared.

    Args:
        name: `vocabulary`, `domain classifier`, `length`, `outlets`, `new outlets`, `confidence` or
            `labels`.
        measure: What `value` is.
        value: How much the two differ.
        p: p-value of the hypothesis that they do not.
        p_corrected: The same, corrected for the number of tests (Holm).
        moved: Whether it is below `ALPHA`.
        detail: Figures of both, in words.
    """

    name: str
    measure: str
    value: float
    p: float
    p_corrected: float
    moved: bool
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What has moved since training.

    Args:
        model: URI of the model.
        digest: The hash of its bundle.
        rows: Number of scored rows.
        texts: Number of new texts compared.
        held_out: Number of held-out rows.
        held_out_texts: Number of these whose words are known.
        drifted: Whether any property has moved.
        alpha: The level of the whole: how often a test of unchanged input may say so.
        signs: The properties compared.
        skipped: Properties that could not be compared, and why.
        changes: What moved most in each property that has moved.
    """

    model: str
    digest: str
    rows: int
    texts: int
    held_out: int
    held_out_texts: int
    drifted: bool
    alpha: float
    signs: Sequence[Sign]
    skipped: Mapping[str, str]
    changes: Sequence[Change]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRows:
    """New articles as they are compared.

    Args:
        probabilities: Shape (rows, labels).
        outlets: The outlet of each row, or None.
        texts: Prepared texts of a sample of the rows.
        words: Number of words of each text, shape (texts,).
        presence: Their hashed words, shape (texts, 2**BITS).
    """

    probabilities: Floats
    outlets: Sequence[str | None]
    texts: Sequence[str]
    words: Ints
    presence: "csr_array[np.float32]"


def drift(
    model: str,
    paths: Sequence[Path],
    *,
    columns: Mapping[str, str] | None = None,
    seed: int = 0,
) -> Drift:
    """Compares scored articles with the rows that their model was tested on.

    Args:
        model: URI of the model that scored them.
        paths: Files that `newsstand score -o` has written.
        columns: Names in the files of columns that are called otherwise there.
        seed: Of samples and permutations.

    Raises:
        InputError: A file cannot be used, or another model scored its rows.
        BundleError: There is no such model, or it has no reference data.
    """
    scored = Scored(paths, columns or {}, optional=("title", "body", "outlet"))
    known = known_model(model, scored)
    return compare(known, new_rows(scored, known, seed), seed)


def new_rows(scored: Scored, known: KnownModel, seed: int) -> NewRows:
    """The scored rows, with the texts of a random sample of them, each text once."""
    draw = random.Random(seed)  # noqa: S311 - a sample
    probabilities: list[list[float]] = []
    outlets: list[str | None] = []
    sample: list[tuple[str, str]] = []
    seen = 0
    for row in scored.rows():
        probabilities.append(in_order(row, known.labels))
        outlets.append(row.texts.get("outlet"))
        if "body" not in row.texts:
            continue
        text = row.texts.get("title", ""), row.texts["body"]
        seen += 1
        if len(sample) < MOST_TEXTS:
            sample.append(text)
        elif (place := draw.randrange(seen)) < MOST_TEXTS:
            sample[place] = text
    texts = _prepared(dict.fromkeys(sample), known.text)
    return NewRows(
        probabilities=np.array(probabilities, dtype=np.float64),
        outlets=outlets,
        texts=texts,
        words=np.array([len(text.split()) for text in texts], dtype=np.int64),
        presence=hashed_words(texts),
    )


def _prepared(sample: Mapping[tuple[str, str], None], spec: TextSpec) -> list[str]:
    """The texts as the model reads them, without those that it cannot."""
    texts = []
    for title, body in sample:
        try:
            texts.append(encode(Article(title=title, body=body), None, spec).text)
        except InputError:  # empty once boilerplate is removed, or too long
            continue
    return texts


@dataclass(slots=True)
class _Comparison:
    """Collects the results of tests."""

    found: list[tuple[str, str, tests.Tested, str]] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, measure: str, tested: tests.Tested, detail: str) -> None:
        self.found.append((name, measure, tested, detail))

    def signs(self) -> list[Sign]:
        corrected = tests.holm([tested.p for _, _, tested, _ in self.found])
        return [
            Sign(
                name=name,
                measure=measure,
                value=tested.value,
                p=tested.p,
                p_corrected=p,
                moved=p < ALPHA,
                detail=detail,
            )
            for (name, measure, tested, detail), p in zip(self.found, corrected, strict=True)
        ]


def compare(known: KnownModel, new: NewRows, seed: int = 0) -> Drift:
    """Compares new rows with the reference data of a model."""
    reference, comparison = known.reference, _Comparison()
    distinct = _distinct(reference)
    presence = reference.presence[distinct]
    rng = np.random.default_rng(seed)
    _compare_texts(comparison, reference.words[distinct], presence, new, rng)
    _compare_outlets(comparison, reference, new.outlets, rng)
    before, after = (
        np.round(rows.max(axis=1), _DECIMALS)
        for rows in (reference.probabilities, new.probabilities)
    )
    comparison.add(
        "confidence",
        "largest difference of the distributions (KS)",
        tests.ks(before, after),
        f"median {np.median(before):.3f} before, {np.median(after):.3f} now",
    )
    predicted, predicted_now = (
        np.bincount(MOST_PROBABLE.predict(rows), minlength=len(known.labels))
        for rows in (reference.probabilities, new.probabilities)
    )
    comparison.add(
        "labels",
        "Cramér's V of the predicted labels (χ²)",
        tests.chi2(predicted, predicted_now, rng),
        "",
    )
    signs = comparison.signs()
    moved = {sign.name for sign in signs if sign.moved}
    changes: list[Change] = []
    if moved & {"vocabulary", "domain classifier"}:
        changes += word_changes(presence, new.presence, new.texts)
    if moved & {"outlets", "new outlets"}:
        changes += outlet_changes(reference, new.outlets)
    if "labels" in moved:
        changes += label_changes(list(known.labels.values()), predicted, predicted_now)
    return Drift(
        model=known.uri,
        digest=known.digest,
        rows=len(new.probabilities),
        texts=len(new.texts),
        held_out=len(reference),
        held_out_texts=presence.shape[0],
        drifted=bool(moved),
        alpha=ALPHA,
        signs=signs,
        skipped=comparison.skipped,
        changes=changes,
    )


def _distinct(reference: Reference) -> Ints:
    """Numbers of the reference's texts, equal ones once: stances have a row for each target."""
    offsets, buckets = reference.presence.indptr, reference.presence.indices
    keys: dict[tuple[int, bytes], int] = {}
    for row in range(reference.presence.shape[0]):
        words = buckets[offsets[row] : offsets[row + 1]].tobytes()
        keys.setdefault((int(reference.words[row]), words), row)
    return np.array(list(keys.values()), dtype=np.int64)


def _compare_texts(
    comparison: _Comparison,
    words: Ints,
    presence: "csr_array[np.float32]",
    new: NewRows,
    rng: np.random.Generator,
) -> None:
    if not len(new.texts):
        comparison.skipped |= dict.fromkeys(("vocabulary", "domain classifier", "length"), _NO_TEXT)
        return
    comparison.add(
        "vocabulary",
        "Jensen-Shannon distance of words, 0 to 1",
        tests.vocabulary(presence, new.presence, rng),
        "",
    )
    comparison.add(
        "domain classifier",
        "AUC, .5 if old and new cannot be told apart",
        tests.domain_classifier(presence, new.presence, int(rng.integers(2**31))),
        "",
    )
    comparison.add(
        "length",
        "largest difference of the distributions (KS)",
        tests.ks(words, new.words),
        f"median {np.median(words):,.0f} words before, {np.median(new.words):,.0f} now",
    )


def _compare_outlets(
    comparison: _Comparison,
    reference: Reference,
    outlets: Sequence[str | None],
    rng: np.random.Generator,
) -> None:
    given = [x for x in outlets if x is not None and len(x) <= LONGEST_NAME]
    if not reference.outlets or not given:
        reason = _OUTLETS[len(reference.outlets) > 0]
        comparison.skipped |= dict.fromkeys(("outlets", "new outlets"), reason)
        return
    listed = Counter(reference.outlets[code] for code in reference.outlet.tolist() if code >= 0)
    now = Counter(given)
    names = sorted({*listed, *now})
    before, after = (np.array([x[name] for name in names], dtype=np.int64) for x in (listed, now))
    # Frequent in both samples together: outlets that are chosen because one of them has many rows
    # would have fewer in the other without any drift.
    frequent = before + after >= _LEAST_OF_OUTLET
    if frequent.any():
        mix, mix_now = (np.append(x[frequent], x[~frequent].sum()) for x in (before, after))
        comparison.add(
            "outlets",
            "Cramér's V of the shares of outlets (χ²)",
            tests.chi2(mix, mix_now, rng),
            f"{frequent.sum()} with at least {_LEAST_OF_OUTLET} rows, and the others together",
        )
    else:
        comparison.skipped["outlets"] = f"none has {_LEAST_OF_OUTLET} rows"
    tested, expected = tests.unseen(before, after, rng)
    comparison.add(
        "new outlets",
        "share of articles from outlets that no held-out row has",
        tested,
        f"{expected:.3f} expected",
    )
