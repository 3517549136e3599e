"""Fitting and scoring very many articles: seconds, memory, and what a kill costs.

    python tests/bench/large.py FOLDER [--articles 1000000] [--scored 1000 10000 100000 1000000]

FOLDER holds articles as `reprints.py` reads them; larger sets than it holds are made by edits and
read from Parquet. A linear model is fitted to 98 % of them by `newsstand train` with the classifier
`sgd`: first as a whole, with an empty cache; then again, killed (SIGKILL) once it has saved its
state in the first epoch, and started again; the bundles of both must have the same hash. Then
`newsstand score` scores the first so many of them.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from cost import Cost, measured
from reprints import write

_CONFIG = """\
task: topic
labels: [left, center, right]
data:
  format: table
  dates: month-first
  near_duplicates: null
  split: {strategy: random, validation: 0.01, test: 0.01}
model:
  kind: linear
  words: [1, 2]
  min_df: 3
  classifier: sgd
  class_weight: balanced
tracking:
  experiment: large
"""


def train(folder: Path, data: Path) -> list[str]:
    config = folder / "large.yaml"
    config.write_text(_CONFIG)
    return [sys.executable, "-m", "newsstand", "train", str(config), f"data.path={data}", "--json"]


def surroundings(folder: Path) -> dict[str, str]:
    tracked = f"sqlite:///{folder}/mlflow.db"
    return {"HF_DATASETS_CACHE": str(folder / "cache"), "MLFLOW_TRACKING_URI": tracked}


def whole(folder: Path, data: Path) -> tuple[Cost, dict[str, Any]]:
    cost, out = measured(train(folder, data), surroundings(folder))
    return cost, json.loads(out)


def killed(folder: Path, data: Path, after: float) -> None:
    """Begins a run and kills it so many seconds after its fit has saved its state."""
    process = subprocess.Popen(train(folder, data), env={**os.environ, **surroundings(folder)})
    while not list((folder / "cache").rglob("fit-*.pickle")):
        time.sleep(0.5)
        if process.poll() is not None:
            raise SystemExit("the run ended before it had saved anything")
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    process.wait()


def scored(bundle: str, data: Path, count: int, workers: int) -> Cost:
    """The cost of scoring the first so many articles."""
    part = data.with_name(f"{count}.parquet")
    with pq.ParquetFile(data) as file, pq.ParquetWriter(part, file.schema_arrow) as writer:
        left = count
        for batch in file.iter_batches(2000):
            writer.write_batch(batch.slice(0, min(left, len(batch))))
            left -= len(batch)
            if left <= 0:
                break
    command = [sys.executable, "-m", "newsstand", "score", "--model", bundle, str(part)]
    command += ["--format", "jsonl", "--workers", str(workers)]
    shell = ["sh", "-c", '"$@" > /dev/null', "sh", *command]  # scores are many megabytes
    return measured(shell, {})[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--articles", type=int, default=1_000_000)
    parser.add_argument(
        "--scored", type=int, nargs="*", default=[1_000, 10_000, 100_000, 1_000_000]
    )
    parser.add_argument("--workers", type=int, nargs="+", default=[1])
    parser.add_argument("--data", type=Path, help="Parquet that an earlier run has written.")
    parser.add_argument("--kill-after", type=float, default=30.0, help="Seconds.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        data = options.data or folder / "articles.parquet"
        if not data.exists():
            write(data, options.folder, options.articles)
        cost, run = whole(folder, data)
        print("| | seconds | processor seconds | peak memory |")
        print("|---|---:|---:|---:|")
        stages = ", ".join(f"{name} {value:,.0f} s" for name, value in run["seconds"].items())
        print(row(f"fit: {stages}", cost), flush=True)
        killed(folder, data, options.kill_after)
        cost, resumed = whole(folder, data)
        same = "the same" if resumed["bundle_hash"] == run["bundle_hash"] else "ANOTHER"
        print(row(f"the rest of a fit that was killed: {same} bundle hash", cost), flush=True)
        for count in options.scored:
            for workers in options.workers:
                cost = scored(run["bundle"], data, count, workers)
                print(row(f"{count:,} articles scored, {workers} process(es)", cost), flush=True)


def row(name: str, cost: Cost) -> str:
    return f"| {name} | {cost.seconds:,.1f} | {cost.processor:,.0f} | {cost.gigabytes:.2f} GB |"


if __name__ == "__main__":
    main()
