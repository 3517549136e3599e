"""`newsstand check`: finds flaws of labelled news that make results misleading, before training.

`CHECKS` lists the checks, `LIMITS` their limits. A note is worth knowing; a warning means that
results are probably too good, or hard to interpret; an error, that test results are meaningless or
rows cannot be used. Four copies among two thousand test rows are a warning (worth at most 0.2
points of accuracy); test labels that a table of outlets predicts are an error.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from newsstand.data.checks import copies, counts, leaks
from newsstand.data.checks.findings import ANY, VERDICTS, Finding, Limit, View, count
from newsstand.data.checks.probe import Sample

if TYPE_CHECKING:
    from newsstand.data.load import NewsData

__all__ = ["CHECKS", "LIMITS", "Finding", "audit", "lines", "summary"]

_AVOIDED = "share of the most frequent label's errors that {} avoids (95% lower bound)"

LIMITS: Mapping[str, Limit] = {
    "unusable-rows": Limit(
        name="Unusable records",
        why="Nothing is learned from refused records, and nobody notices that they are missing.",
        measure="records that cannot be used",
        unit="count",
        error=1,
    ),
    "left-out": Limit(
        name="Rows in no split",
        why="These rows are used neither for training nor for testing.",
        measure="share of the rows",
        note=ANY,
    ),
    "duplicate-ids": Limit(
        name="Ids",
        why="If rows share an id, a prediction cannot be traced to its article.",
        measure="rows that share their id",
        unit="count",
        warning=1,
    ),
    "repeats-inside": Limit(
        name="Copies inside a split",
        why="A copied article counts several times, in training and in the test result.",
        measure="share of the split's rows",
        note=ANY,
        warning=0.05,
    ),
    "repeated-bodies": Limit(
        name="One body under several titles",
        why="A reprint with a new headline is the same article.",
        measure="bodies",
        unit="count",
        note=1,
    ),
    # A copy changes at most its own prediction: 5% of the test rows change accuracy by up to 5
    # points, about the difference between a weak model and a strong one.
    "repeats-across": Limit(
        name="Copies across splits",
        why="The model has seen these test articles with their labels, and may just remember them.",
        measure="share of the test rows",
        warning=ANY,
        error=0.05,
    ),
    "conflicting-labels": Limit(
        name="Conflicting labels",
        why="The same text has different labels, so at least one of them is wrong.",
        measure="share of the rows",
        note=ANY,
        warning=0.01,
    ),
    "near-inside": Limit(
        name="Near-duplicates",
        why="A story with reprints, updates or shortened versions weighs more than other stories.",
        measure="share of the rows",
        note=0.05,
        warning=0.3,
    ),
    "near-across": Limit(
        name="Near-duplicates across splits",
        why="Much of the text of these test articles also occurs in training articles.",
        measure="share of the test rows",
        note=ANY,
        warning=0.01,
        error=0.2,
    ),
    "groups-across": Limit(
        name="Stories across splits",
        why="Articles of one story are similar, so the test repeats what was in training.",
        measure="share of the test rows",
        warning=ANY,
        error=0.2,
    ),
    "groups-alike": Limit(
        name="Groups with the same text",
        why="Two groups that share a text should be one group.",
        measure="groups",
        unit="count",
        note=1,
    ),
    "texts-across": Limit(
        name="Texts of pairs across splits",
        why="The text is known from training, although toward another target.",
        measure="share of the test's texts",
        warning=ANY,
        error=0.2,
    ),
    "targets-across": Limit(
        name="Targets across splits",
        why="Accuracy on known targets says little about accuracy on new ones.",
        measure="share of the test's targets, where too few recur for it to be intended",
        warning=ANY,
    ),
    "rare-labels": Limit(
        name="Rare labels",
        why="A label with few rows is hardly learned, and its metrics are unreliable.",
        measure=f"labels with fewer than {counts.FEW} rows in train (elsewhere: a note)",
        unit="count",
        warning=1,
    ),
    "untrained-labels": Limit(
        name="Labels without training rows",
        why="The test has labels that the model has never seen.",
        measure="labels",
        unit="count",
        error=1,
    ),
    "joined-labels": Limit(
        name="Several labels in one",
        why="'sport|politics' beside 'sport' and 'politics' is learned as a third label.",
        measure="labels that join others",
        unit="count",
        warning=1,
    ),
    "label-shares": Limit(
        name="Label shares",
        why="A test with other label proportions measures a different task.",
        measure="share of the labels that would have to change, where chance cannot explain it",
        note=0.05,
        warning=0.15,
    ),
    "short-texts": Limit(
        name="Very short texts",
        why="Often failed downloads, captions or teasers.",
        measure="share of the rows",
        note=ANY,
        warning=0.02,
    ),
    "long-texts": Limit(
        name="Very long texts",
        why="Often several articles in one, or transcripts.",
        measure="share of the rows",
        note=ANY,
        warning=0.02,
    ),
    "encoding": Limit(
        name="Damaged characters",
        why="Damaged letters hide words from the model, and reveal the source.",
        measure="share of the rows",
        note=ANY,
        warning=0.005,
    ),
    "markup": Limit(
        name="Left-over markup",
        why="Code of the web page is not part of the article, and reveals the site.",
        measure="share of the rows",
        note=ANY,
        warning=0.01,
    ),
    "no-values": Limit(
        name="Missing values written as text",
        why="A model reads the word 'nan' as the article.",
        measure="share of the rows",
        warning=ANY,
        error=0.05,
    ),
    "no-text": Limit(
        name="No prose",
        why="A model learns nothing about articles from tables, codes and links.",
        measure="share of the rows",
        note=ANY,
        warning=0.005,
    ),
    "language": Limit(
        name="Language",
        why="A model for one language is unreliable on another.",
        measure="share of the texts",
        note=ANY,
        warning=0.01,
    ),
    "dates": Limit(
        name="Dates",
        why="Without dates nobody can check whether the test is newer than the training data.",
        measure="share of rows without a date, where some have one",
        note=ANY,
    ),
    # Expected for two random rows: 50%.
    "time-leak": Limit(
        name="Time",
        why="In use, a model scores news that is newer than its training data.",
        measure="share of pairs whose test row is older than the training row (overlap: a note)",
        warning=0.75,
    ),
    # From 0.8, the test measures little more than whether a model knows the outlet.
    "outlet-label": Limit(
        name="Outlet and label",
        why="If the outlet decides the label, a model learns to recognise outlets, not to read.",
        measure=_AVOIDED.format("a table of train's outlets"),
        note=0.02,
        warning=0.1,
        error=0.8,
    ),
    "outlet-split": Limit(
        name="Outlets across splits",
        why="Only articles of unknown outlets test whether the model reads the article.",
        measure="share of the test rows, where outlets predict the label",
        note=ANY,
    ),
    "outlet-in-text": Limit(
        name="Outlet in the text",
        why="House phrases reveal the outlet, even where its name is not mentioned.",
        measure="share of the most frequent outlet's errors that a probe avoids (95% lower bound)",
        note=0.2,
    ),
    "outlet-score": Limit(
        name="Known and unknown outlets",
        why="The difference shows how much accuracy depends on knowing the outlet.",
        measure="points by which known outlets are easier (95% lower bound)",
        unit="points",
        note=0.02,
        warning=0.05,
    ),
    "target-alone": Limit(
        name="Target without text",
        why="If the target alone predicts the label, a model need not read the article.",
        measure=_AVOIDED.format("the target alone"),
        note=0.05,
        warning=0.15,
        error=0.8,
    ),
    "text-alone": Limit(
        name="Text without target",
        why="A model may use the tone of the article and ignore the target.",
        measure="points of accuracy over the most frequent label, where chance cannot explain it",
        unit="points",
        note=0.08,
    ),
    "flip-pairs": Limit(
        name="Flip pairs",
        why="Only texts that favour one target and oppose another show that a model reads targets.",
        measure="test splits without a flip pair",
        unit="count",
        note=1,
    ),
    "boilerplate-label": Limit(
        name="Boilerplate and label",
        why="Datelines, credits and 'Read more' lines may predict the label without the article.",
        measure=_AVOIDED.format("boilerplate"),
        note=0.1,
        warning=0.4,
    ),
    "label-noise": Limit(
        name="Doubtful labels",
        why="Wrong labels mislead a model, and in the test they penalise correct predictions.",
        measure="labels that a probe fitted on the other rows contradicts, at most 20",
        unit="count",
        note=1,
    ),
}

CHECKS: Mapping[str, Callable[[View], list[Finding]]] = {
    "unusable rows": counts.unusable_rows,
    "ids": counts.duplicate_ids,
    "rows left out": counts.left_out,
    "repeats": copies.repeats_inside,
    "repeats across splits": copies.repeats_across,
    "conflicting labels": copies.conflicting_labels,
    "near-duplicates": copies.near_duplicates,
    "groups": copies.groups,
    "pairs": copies.pair_halves,
    "rare labels": counts.rare_labels,
    "joined labels": counts.joined_labels,
    "label shares": counts.label_shares,
    "lengths": counts.lengths,
    "damaged texts": counts.damage,
    "languages": counts.wrong_language,
    "dates": counts.dates,
}


def audit(
    news: "NewsData",
    *,
    task: str,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> list[Finding]:
    """Runs all checks; the same data give the same findings.

    Args:
        news: Rows and splits, as returned by `load`, preferably with `strict=False`.
        task: `topic` or `stance`.
        seed: Seed of the samples drawn from large data.
        progress: Called with the name of each check before it runs.
    """
    report = progress or (lambda _: None)
    view = View(news, task=task, seed=seed, limits=LIMITS)
    report("reading all texts")
    _ = view.facts  # computed here, so that its progress is reported under its own name
    findings = []
    for name, check in CHECKS.items():
        report(name)
        findings += check(view)
    report("counting words of a sample")
    sample = Sample.of(view)
    for name, probe in leaks.CHECKS.items():
        report(name)
        findings += probe(view, sample)
    return findings


def summary(findings: Sequence[Finding]) -> str:
    """Counts the findings by verdict, the worst first."""
    counts = Counter(finding.verdict for finding in findings)
    parts = [count(counts[kind], kind) for kind in reversed(VERDICTS[1:]) if counts[kind]]
    return ", ".join([*parts, f"{counts['ok']} of {len(findings)} checks OK"])


def lines(findings: Sequence[Finding]) -> Iterator[str]:
    """Yields the findings as text: a line each, the worst first, advice indented below."""
    for finding in sorted(findings, key=lambda x: -VERDICTS.index(x.verdict)):
        yield f"{finding.verdict:<8} {finding.title}"
        if finding.verdict != "ok":
            yield f"         ({finding.threshold})"
            yield from (f"         - {example}" for example in finding.examples)
            yield f"         {finding.advice}"
    yield ""
    yield summary(findings)
