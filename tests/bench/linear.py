"""The linear family beside scikit-learn and fastText: quality, speed, memory, size.

    python tests/bench/linear.py --data FOLDER [--article-bias FOLDER] [--sets r8 fnc-1]
        [--repeats 3] [--markdown docs/bench-linear.md] [--plot docs/bench-linear.png]

FOLDER holds the publishers' files of the benchmarks in r8/, semeval-2016/ and fnc-1/;
`--article-bias` the unpacked jsons/ and splits/ of Article-Bias-Prediction. fastText comes with
`pip install newsstand[bench]`. Contestants take turns, each in processes of its own: one fits with
two threads, one scores with one thread, several start cold. Figures are kept in `--work` as they
come, so that a run that was cut off goes on; delete the folder to begin anew. Linux only.
"""

import argparse
import json
import math
import platform
import shlex
import shutil
import statistics
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from contestants import CONTESTANTS, SHORT, STARTS, THREADS, TIMED, merged
from jobs import Record, work
from newsstand.config.loader import load_config
from newsstand.errors import NewsstandError
from newsstand.text.article import COLUMNS as ARTICLE_COLUMNS
from newsstand.text.example import Example

ROOT = Path(__file__).resolve().parents[2]
WORKER = Path(__file__).with_name("contestants.py")
SHORTEST_BUDGET = 10  # seconds
THREAD_COUNTS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

# What makes newsstand read what TfidfVectorizer reads, with LinearSVC as it comes.
WORDS = ("model={kind: linear, words: [1, 2], refit: true}",)


@dataclass(frozen=True)
class DataSet:
    """One data set: newsstand's config for it, and where its files are."""

    config: str
    folder: str | None = None
    least: int = 1  # training rows; labels with fewer are left out


SETS = {
    "corpus-topic": DataSet("topic-linear"),
    "corpus-stance": DataSet("stance-linear"),
    "r8": DataSet("benchmarks/r8-linear", "r8"),
    "semeval-2016": DataSet("benchmarks/semeval2016-linear", "semeval-2016"),
    "fnc-1": DataSet("benchmarks/fnc1-linear", "fnc-1"),
    "article-bias-random": DataSet("benchmarks/article-bias-random-linear", "article-bias"),
    "article-bias-media": DataSet("benchmarks/article-bias-media-linear", "article-bias"),
    "article-bias-topics": DataSet(
        "benchmarks/article-bias-topics-linear", "article-bias", least=100
    ),
}


def located(path: Path | None) -> list[str]:
    return [f"data.path={path}"] if path else []


def path_of(config: str) -> str:
    return str(ROOT / "configs" / f"{config}.yaml")


# --- Rows ---------------------------------------------------------------------------------


def prepare(chosen: DataSet, path: Path | None, folder: Path) -> None:
    """Writes a data set's prepared rows, once, for all contestants."""
    from newsstand.data.load import load

    config = load_config(path_of(chosen.config), [*located(path)])
    news = load(config.loading())
    splits = {**news.splits, "spare": news.refit_only_rows}
    sizes = Counter(splits["train"]["label"])
    kept = [label for label in range(len(news.labels)) if sizes[label] >= chosen.least]
    number = {label: place for place, label in enumerate(kept)}
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for split, rows in splits.items():
        with (folder / f"{split}.jsonl").open("w", encoding="utf-8") as stream:
            for row in rows:
                if row["label"] in number:
                    texts = row["prepared_title"], row["prepared_body"], row["target"]
                    write(stream, [*texts, number[row["label"]], row["outlet"]])
    tested = [row for row in splits["test"] if row["label"] in number][:TIMED]
    with (folder / "articles.jsonl").open("w", encoding="utf-8") as stream:
        for row in tested:
            write(stream, [{x: row[x] for x in ARTICLE_COLUMNS}, row["target"]])
    write_sample(folder, sorted(tested, key=lambda row: len(row["body"]))[len(tested) // 2])
    labels = [news.labels.labels[label] for label in kept]
    (folder / "labels.json").write_text(json.dumps(labels), encoding="utf-8")


def write(stream: Any, value: Any) -> None:
    stream.write(json.dumps(value) + "\n")


def write_sample(folder: Path, row: Record) -> None:
    """The article of a cold start: as published for newsstand, merged for the others."""
    text = merged(Example.of_prepared(row["prepared_title"], row["prepared_body"], row["target"]))
    own = {"title": row["title"], "body": row["body"], "target": row["target"]}
    one = {"title": "", "body": text, "target": None, "merged": text}
    (folder / "sample.json").write_text(json.dumps(own))
    (folder / "sample-merged.json").write_text(json.dumps(one))


# --- Runs ---------------------------------------------------------------------------------


def contest(
    options: argparse.Namespace, name: str, contestant: str, rows: Path, budget: int
) -> Record:
    """Fits, scores and starts one contestant on one data set."""
    chosen, prefix = SETS[name], shlex.split(options.prefix)
    words = WORDS if contestant == "newsstand, words" else ()
    with tempfile.TemporaryDirectory(dir=rows.parent) as scratch:
        job = {
            "contestant": contestant,
            "rows": str(rows),
            "model": str(Path(scratch) / "model"),
            "config": path_of(chosen.config),
            "overrides": [*located(source(options, name)), *words],
            "budget": budget,
        }
        figures: Record = {}
        for do, threads in (("fit", THREADS), ("score", 1), ("cold", 1)):
            env = dict.fromkeys(THREAD_COUNTS, str(threads))
            figures |= work(WORKER, {**job, "do": do}, prefix=prefix, env=env)
        return figures


def budget_for(name: str, records: list[Record]) -> int:
    """Seconds for autotune: as many as newsstand took for all of its fitting, rounded up."""
    taken = [x["total"] for x in records if (x["set"], x["contestant"]) == (name, "newsstand")]
    return max(SHORTEST_BUDGET, math.ceil(statistics.median(taken)))


def read(path: Path) -> list[Record]:
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def compete(options: argparse.Namespace, names: list[str]) -> list[Record]:
    """Runs what is not on file yet; returns all that is."""
    kept = options.work / "figures.jsonl"
    for name in names:
        rows = options.work / name
        if not (rows / "labels.json").exists():
            prepare(SETS[name], source(options, name), rows)
    for repeat in range(options.repeats):
        for name in names:
            for contestant in CONTESTANTS:
                records = read(kept)
                key = {"set": name, "contestant": contestant, "repeat": repeat}
                if any(key.items() <= record.items() for record in records):
                    continue
                budget = budget_for(name, records) if contestant != "newsstand" else 0
                rows = options.work / name
                figures = contest(options, name, contestant, rows, budget)
                with kept.open("a", encoding="utf-8") as stream:
                    write(stream, key | figures)
                print(name, contestant, repeat, json.dumps(figures), file=sys.stderr, flush=True)
    return [x for x in read(kept) if x["set"] in names]


def source(options: argparse.Namespace, name: str) -> Path | None:
    folder = SETS[name].folder
    if folder == "article-bias":
        found: Path = options.article_bias
        return found
    return options.data / folder if folder else None


# --- Report -------------------------------------------------------------------------------

COLUMNS = {
    "accuracy": ("accuracy", ".3f"),
    "macro-F1": ("macro_f1", ".3f"),
    "ECE": ("ece", ".3f"),
    "fit, s": ("fit", ",.1f"),
    "processor": ("processor", ",.1f"),
    "in all": ("total", ",.1f"),
    "full": ("full", ",.0f"),
    "short": ("short", ",.0f"),
    "from raw": ("raw", ",.0f"),
    "fit, MB": ("fit_memory", ",.0f"),
    "score, MB": ("score_memory", ",.0f"),
    "model, MB": ("size", ",.1f"),
    "cold, s": ("cold", ".2f"),
}
NOTES = """\
{repeats}. Python {python}, NumPy {numpy}, scikit-learn {sklearn}, fastText {fasttext}.
Every contestant gets the same prepared rows: fitted on the training rows, calibrated or tuned on
the validation rows, fitted once more on both (in fnc-1 also on the pairs left out to keep the two
apart; newsstand's own config of fnc-1 is fitted on the training rows only), tested on the test
rows.

- **newsstand**: the data set's own config. **newsstand, words**: word uni- and bigrams, LinearSVC
  with C = 1, on the very strings that the rivals get.
- **TF-IDF + LinearSVC**: `TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)`, `LinearSVC()`.
  It gives no probabilities; newsstand's temperature, fitted on validation rows, makes them.
- **fastText**: `train_supervised` with its defaults: single words, 5 epochs, learning rate 0.1, 100
  dimensions. **fastText, autotune**: searches as long as newsstand took in all, at least {least} s,
  and twice as long until one trial was done. It tunes micro-F1. Both get lower-case text with
  spaces around punctuation, made beforehand, and training rows in random order. Seconds searched:
  {budgets}.
- **Targets**: newsstand reads them as its config says. All others get them before the text, as
  words of their own (`target_abortion`).
- **fit**: the last fit, settings known, in seconds and processor seconds, which other work on the
  machine changes less; fastText with {threads} threads, LinearSVC has only one. **in all**: all
  fits, calibration and search. Writing fastText's files is not timed.
- **full, short, from raw**: articles a processor second on up to {timed:,} test rows, one process,
  one thread. Short: their first {short} words. From raw: `Scorer.score_many`, preparation included.
  newsstand and TF-IDF give all probabilities, fastText's `predict` the best label's.
- **MB**: the most that the process held, rows and imports included; fitting newsstand imports all
  of its training recipe. **cold**: a whole process that loads the model and scores one article of
  median length, the quickest of {starts}; newsstand prepares its text, too."""


def median(records: list[Record], key: str) -> float | None:
    values = [record[key] for record in records if key in record]
    return statistics.median(values) if values else None


def grouped(records: list[Record]) -> dict[tuple[str, str], list[Record]]:
    """The records of each data set and contestant, in the order of the two tables."""
    groups = {
        (name, contestant): [
            x for x in records if (x["set"], x["contestant"]) == (name, contestant)
        ]
        for name in SETS
        for contestant in CONTESTANTS
    }
    return {key: found for key, found in groups.items() if found}


def table(records: list[Record], repeats: int) -> str:
    lines = [
        f"| data | contestant | {' | '.join(COLUMNS)} |",
        f"|---|---|{'---:|' * len(COLUMNS)}",
    ]
    for (name, contestant), found in grouped(records).items():
        cells = []
        for key, form in COLUMNS.values():
            value = median(found, key)
            cells.append("" if value is None else format(value, form))
        lines.append(f"| {name} | {contestant} | {' | '.join(cells)} |")
    budgets = {x["set"]: x["budget"] for x in records if "budget" in x}
    notes = NOTES.format(
        repeats="One run" if repeats == 1 else f"Medians of {repeats} runs",
        python=platform.python_version(),
        numpy=version("numpy"),
        sklearn=version("scikit-learn"),
        fasttext=version("fasttext-wheel"),
        budgets=", ".join(f"{name} {budget} s" for name, budget in budgets.items()),
        least=SHORTEST_BUDGET,
        threads=THREADS,
        timed=TIMED,
        short=SHORT,
        starts=STARTS,
    )
    return "\n".join([*lines, "", notes, ""])


def plot(path: Path, records: list[Record]) -> None:
    """Macro-F1 against articles a second, one panel a data set."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    groups = grouped(records)
    names = list(dict.fromkeys(name for name, _ in groups))
    columns = min(len(names), 4)
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(3 * columns, 2.5 * rows + 0.7), layout="constrained")
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    drawn = {}
    for axes, name in zip(panels, names, strict=False):
        for number, (contestant, mark) in enumerate(zip(CONTESTANTS, "osD^v", strict=True)):
            if found := groups.get((name, contestant)):
                place = median(found, "full"), median(found, "macro_f1")
                (drawn[contestant],) = axes.plot(*place, mark, color=f"C{number}", markersize=8)
        axes.set(xscale="log", title=name, xlim=(400, 500_000))
        axes.xaxis.set_major_locator(LogLocator())
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.margins(y=0.15)
        low, high = axes.get_ylim()
        spread = max(0.1 - (high - low), 0) / 2  # a hair's breadth must not look like a mile
        axes.set_ylim(low - spread, high + spread)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.3)
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    figure.supxlabel("full articles a second, one thread", fontsize="medium")
    figure.supylabel("macro-F1", fontsize="medium")
    figure.legend(
        drawn.values(), drawn, loc="outside upper center", ncols=len(drawn), frameon=False
    )
    figure.savefig(path, dpi=110)


def asked() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder with r8/, semeval-2016/ and fnc-1/")
    add("--article-bias", type=Path, help="folder with its jsons/ and splits/")
    add("--sets", nargs="+", choices=SETS, metavar="SET", help=f"some of {'; '.join(SETS)}")
    add("--repeats", type=int, default=3, help="how often each contestant runs (3)")
    add("--work", type=Path, default=Path(tempfile.gettempdir()) / "newsstand-bench-linear")
    add("--prefix", default="", help="put before each contestant's command: 'taskset -c 0,1'")
    add("--markdown", type=Path, help="write the table here rather than print it")
    add("--plot", type=Path, help="draw macro-F1 against speed, a PNG")
    options = parser.parse_args()
    possible = [x for x in SETS if options.article_bias or SETS[x].folder != "article-bias"]
    names = options.sets or possible
    if set(names) - set(possible):
        parser.error("--article-bias is needed for its sets")
    if find_spec("fasttext") is None:
        parser.error("fastText is missing: pip install 'newsstand[bench]'")
    return options, [name for name in SETS if name in names]


def main() -> None:
    options, names = asked()
    options.work.mkdir(parents=True, exist_ok=True)
    try:
        records = compete(options, names)
    except NewsstandError as error:
        raise SystemExit(f"{error}") from None
    text = table(records, options.repeats)
    if options.markdown:
        options.markdown.write_text(text, encoding="utf-8")
    else:
        print(text)
    if options.plot:
        plot(options.plot, records)


if __name__ == "__main__":
    main()
