"""`newsstand check`: what in labelled news spoils a result, found before anything is trained.

`CHECKS` lists what is looked for, `LIMITS` from where on it matters. A note is worth knowing; a
warning means that figures are probably better than they should be, or hard to read; an error that
test results mean nothing or rows cannot be used. So four copies among two thousand test rows are a
warning (worth 0.2 points of accuracy at most); a test that a table of outlets passes is an error.
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

_AVOIDED = "share of the most frequent label's errors that {} surely avoids"

LIMITS: Mapping[str, Limit] = {
    "unusable-rows": Limit(
        name="Unusable records",
        why="Records that were refused teach nothing, and nobody sees that they are missing.",
        measure="records that cannot be used",
        unit="count",
        error=1,
    ),
    "left-out": Limit(
        name="Rows in no split",
        why="These rows are read, but neither learned from nor tested on.",
        measure="share of the rows",
        note=ANY,
    ),
    "duplicate-ids": Limit(
        name="Ids",
        why="With one id for several rows, a prediction cannot be traced to its article.",
        measure="rows whose id is not theirs alone",
        unit="count",
        warning=1,
    ),
    "repeats-inside": Limit(
        name="Copies inside a split",
        why="A copied article counts several times, in learning and in the test's figure.",
        measure="share of the split's rows",
        note=ANY,
        warning=0.05,
    ),
    "repeated-bodies": Limit(
        name="One body under several titles",
        why="A reprint with a new headline is the same article again.",
        measure="bodies",
        unit="count",
        note=1,
    ),
    # A copy is worth at most itself: 5 % of the test rows move accuracy by up to 5 points, about
    # what separates a weak model from a strong one.
    "repeats-across": Limit(
        name="Copies across splits",
        why="The model has seen these test articles with their answers; it only needs to remember.",
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
        why="Reprints, updates and cuts of one story weigh more than a story told once.",
        measure="share of the rows",
        note=0.05,
        warning=0.3,
    ),
    "near-across": Limit(
        name="Near-duplicates across splits",
        why="Much of these test articles stands in articles the model has learned from.",
        measure="share of the test rows",
        note=ANY,
        warning=0.01,
        error=0.2,
    ),
    "groups-across": Limit(
        name="Stories across splits",
        why="Articles of one story are alike: the test asks what the model has already read about.",
        measure="share of the test rows",
        warning=ANY,
        error=0.2,
    ),
    "groups-alike": Limit(
        name="Groups with the same text",
        why="Two groups that share a text are one group.",
        measure="groups",
        unit="count",
        note=1,
    ),
    "texts-across": Limit(
        name="Texts of pairs across splits",
        why="The text is known from training, if toward another target.",
        measure="share of the test's texts",
        warning=ANY,
        error=0.2,
    ),
    "targets-across": Limit(
        name="Targets across splits",
        why="How a model does on targets it knows says little about new ones.",
        measure="share of the test's targets, where so few recur that it is no design",
        warning=ANY,
    ),
    "rare-labels": Limit(
        name="Rare labels",
        why="A label with a handful of rows is hardly learned, and its figure is an anecdote.",
        measure=f"labels with fewer than {counts.FEW} rows in train (elsewhere: a note)",
        unit="count",
        warning=1,
    ),
    "untrained-labels": Limit(
        name="Labels without training rows",
        why="The test asks for labels that the model has never seen.",
        measure="labels",
        unit="count",
        error=1,
    ),
    "joined-labels": Limit(
        name="Several labels in one",
        why="'sport|politics' beside 'sport' and 'politics' is learned as a third, of its own.",
        measure="labels that join others",
        unit="count",
        warning=1,
    ),
    "label-shares": Limit(
        name="Label shares",
        why="A test with other proportions measures another task.",
        measure="share of the labels that would have to change, where chance is ruled out",
        note=0.05,
        warning=0.15,
    ),
    "short-texts": Limit(
        name="Very short texts",
        why="Often a failed download, a caption or a teaser.",
        measure="share of the rows",
        note=ANY,
        warning=0.02,
    ),
    "long-texts": Limit(
        name="Very long texts",
        why="Often several articles in one, or a transcript.",
        measure="share of the rows",
        note=ANY,
        warning=0.02,
    ),
    "encoding": Limit(
        name="Damaged characters",
        why="Broken letters hide words from the model, and mark the source they come from.",
        measure="share of the rows",
        note=ANY,
        warning=0.005,
    ),
    "markup": Limit(
        name="Left-over markup",
        why="Code of the web page is no news, and gives the site away.",
        measure="share of the rows",
        note=ANY,
        warning=0.01,
    ),
    "no-values": Limit(
        name="Missing values written as text",
        why="A model takes the word 'nan' for the article.",
        measure="share of the rows",
        warning=ANY,
        error=0.05,
    ),
    "no-text": Limit(
        name="No prose",
        why="Tables, codes and links teach a model nothing about articles.",
        measure="share of the rows",
        note=ANY,
        warning=0.005,
    ),
    "language": Limit(
        name="Language",
        why="A model for one language guesses on another.",
        measure="share of the texts",
        note=ANY,
        warning=0.01,
    ),
    "dates": Limit(
        name="Dates",
        why="Without dates nobody can tell whether the test is newer than what was learned.",
        measure="share of rows without a date, where some have one",
        note=ANY,
    ),
    # Of two random rows either may be the older: 50 %.
    "time-leak": Limit(
        name="Time",
        why="In use, a model meets news that is newer than all it has learned from.",
        measure="share of pairs whose test row is older than the training row (overlap: a note)",
        warning=0.75,
    ),
    # Past 0.8, what is tested is hardly more than whether a model knows the outlet.
    "outlet-label": Limit(
        name="Outlet and label",
        why="If the paper decides the label, a model learns to recognise papers, not to read.",
        measure=_AVOIDED.format("a table of train's outlets"),
        note=0.02,
        warning=0.1,
        error=0.8,
    ),
    "outlet-split": Limit(
        name="Outlets on both sides",
        why="Only articles of outlets that the model does not know test whether it can read.",
        measure="share of the test rows, where outlets tell the label",
        note=ANY,
    ),
    "outlet-in-text": Limit(
        name="Outlet in the text",
        why="Phrases of the house give the paper away, even where its name is not mentioned.",
        measure="share of the most frequent outlet's errors that a quick model surely avoids",
        note=0.2,
    ),
    "outlet-score": Limit(
        name="Known and unknown outlets",
        why="The difference is what a model owes to knowing the paper.",
        measure="points by which known outlets are surely easier",
        unit="points",
        note=0.02,
        warning=0.05,
    ),
    "target-alone": Limit(
        name="Target without text",
        why="Where the target answers the question, nobody needs to read the article.",
        measure=_AVOIDED.format("the target alone"),
        note=0.05,
        warning=0.15,
        error=0.8,
    ),
    "text-alone": Limit(
        name="Text without target",
        why="A model may judge the tone of the article and never ask toward whom.",
        measure="points of accuracy over the most frequent label, where chance is ruled out",
        unit="points",
        note=0.08,
    ),
    "flip-pairs": Limit(
        name="Texts on both sides",
        why="Only texts that favour one target and oppose another show that a model reads targets.",
        measure="test splits without a flip pair",
        unit="count",
        note=1,
    ),
    "boilerplate-label": Limit(
        name="Boilerplate and label",
        why="Datelines, credits and 'Read more' lines can tell the label instead of the article.",
        measure=_AVOIDED.format("boilerplate"),
        note=0.1,
        warning=0.4,
    ),
    "label-noise": Limit(
        name="Doubtful labels",
        why="Wrong labels mislead a model, and in the test they punish the right answer.",
        measure="labels that a model of the other rows contradicts, 20 at most",
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
    """Looks for all that is known to spoil results; the same data give the same findings.

    Args:
        news: Rows and splits, as `load` gives them, best with `strict=False`.
        task: `topic` or `stance`.
        seed: Which rows a sample holds, where the data are large.
        progress: Called with the name of each check before it runs.
    """
    tell = progress or (lambda _: None)
    view = View(news, task=task, seed=seed, limits=LIMITS)
    tell("reading all texts")
    _ = view.facts  # kept; what takes long should be named while it lasts
    findings = []
    for name, check in CHECKS.items():
        tell(name)
        findings += check(view)
    tell("counting words of a sample")
    sample = Sample.of(view)
    for name, quick in leaks.CHECKS.items():
        tell(name)
        findings += quick(view, sample)
    return findings


def summary(findings: Sequence[Finding]) -> str:
    """How many findings there are of each verdict, the worst first."""
    counts = Counter(finding.verdict for finding in findings)
    told = [count(counts[kind], kind) for kind in reversed(VERDICTS[1:]) if counts[kind]]
    return ", ".join([*told, f"{counts['ok']} of {len(findings)} checks in order"])


def lines(findings: Sequence[Finding]) -> Iterator[str]:
    """The findings as text: a line each, the worst first, what to do indented below."""
    for finding in sorted(findings, key=lambda found: -VERDICTS.index(found.verdict)):
        yield f"{finding.verdict:<8} {finding.title}"
        if finding.verdict != "ok":
            yield f"         ({finding.threshold})"
            yield from (f"         - {example}" for example in finding.examples)
            yield f"         {finding.advice}"
    yield ""
    yield summary(findings)
