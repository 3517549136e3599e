"""What preparing data costs as it grows: seconds and memory for 10,000 to 640,000 articles.

    python tests/bench/data.py FOLDER [--sizes 10000 40000 160000 640000] [--plot data-cost.png]

FOLDER holds articles as JSON files (`title`, `content_original`, `date`, `source`, `bias_text`),
such as the `jsons` of article-bias. Larger sets than it holds are made from them by edits:
sentences dropped and moved, words replaced, a line put before. Each size is read from Parquet by
`newsstand data` in a process of its own with an empty cache, then again from the cache. Memory is
the highest sum over the process and its workers, sampled five times a second; pages of the cache
that are mapped in do not count, as they can be dropped at any time. In brackets: processor seconds,
which other work on the machine changes less. Linux only.
"""

import argparse
import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

_CONFIG = """\
task: topic
labels: from-data
data:
  format: table
  dates: month-first
model:
  kind: linear
tracking:
  experiment: bench
"""
_GROUP = 2000


@dataclass(frozen=True)
class Cost:
    """One run."""

    seconds: float
    processor: float
    gigabytes: float


def edited(text: str, rng: random.Random) -> str:
    """A reprint: about a tenth of the sentences dropped, two moved, some words replaced."""
    sentences = [x for x in re.split(r"(?<=[.!?])\s+", text) if rng.random() > 0.1] or [text]
    for _ in range(2):
        sentences.insert(
            rng.randrange(len(sentences)), sentences.pop(rng.randrange(len(sentences)))
        )
    words = " ".join(sentences).split(" ")
    for _ in range(len(words) // 40):
        words[rng.randrange(len(words))] = f"{rng.choice(words)}{rng.randrange(100)}"
    return f"Edition {rng.randrange(10**6)}. " + " ".join(words)


def articles(folder: Path, count: int) -> Iterator[dict[str, str | None]]:
    """The folder's articles, then edited ones, up to a count."""
    files = sorted(folder.glob("*.json"))
    rng = random.Random(1)
    for number in range(count):
        row = json.loads(files[number % len(files)].read_text(encoding="utf-8"))
        body = row["content_original"]
        yield {
            "id": str(number),
            "title": row["title"],
            "body": body if number < len(files) else edited(body, rng),
            "label": row["bias_text"],
            "outlet": row["source"],
            "published": row["date"] or None,
        }


def write(path: Path, folder: Path, count: int) -> None:
    names = ("id", "title", "body", "label", "outlet", "published")
    schema = pa.schema([(name, pa.string()) for name in names])
    with pq.ParquetWriter(path, schema) as writer:
        rows: list[dict[str, str | None]] = []
        for row in articles(folder, count):
            rows.append(row)
            if len(rows) == _GROUP:
                writer.write_table(pa.Table.from_pylist(rows, schema))
                rows.clear()
        if rows:
            writer.write_table(pa.Table.from_pylist(rows, schema))


def family(root: int) -> list[int]:
    """A process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(path.parent.name))
    found = [root]
    for process in found:
        found += children.get(process, [])
    return found


def held(process: int) -> int:
    """Kilobytes of memory that a process holds, its share of shared pages."""
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0
    # Pages of files that are mapped in, such as the cache, can be dropped at any time.
    found = re.search(r"Pss_Anon:\s+(\d+)", text)
    return int(found[1]) if found else 0


def processor_seconds() -> float:
    """What all ended processes of this one took of the processors, their own included."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(config: Path, data: Path, cache: Path, *overrides: str) -> Cost:
    command = [
        sys.executable,
        "-m",
        "newsstand",
        "data",
        str(config),
        f"data.path={data}",
        "--json",
    ]
    env = {**os.environ, "HF_DATASETS_CACHE": str(cache)}
    started, before = time.perf_counter(), processor_seconds()
    process = subprocess.Popen([*command, *overrides], stdout=subprocess.PIPE, env=env)
    peak = 0
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.2):
            peak = max(peak, sum(map(held, family(process.pid))))

    watcher = threading.Thread(target=watch)
    watcher.start()
    process.communicate()
    done.set()
    watcher.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit status {process.returncode}")
    seconds = time.perf_counter() - started
    return Cost(seconds, processor_seconds() - before, peak / 2**20)


def plot(path: Path, costs: dict[int, list[Cost]]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    time_axes, memory_axes = figure.subplots(1, 2)
    sizes = sorted(costs)
    names = ("without near-duplicates", "with near-duplicates", "again, from the cache")
    for number, name in enumerate(names):
        time_axes.plot(sizes, [costs[n][number].seconds for n in sizes], marker="o", label=name)
        memory_axes.plot(sizes, [costs[n][number].gigabytes for n in sizes], marker="o", label=name)
    first = costs[sizes[0]][1].seconds / sizes[0]
    time_axes.plot(sizes, [first * n for n in sizes], color="0.7", linestyle=":", label="linear")
    time_axes.set(xscale="log", yscale="log", xlabel="articles", ylabel="seconds")
    memory_axes.set(xscale="log", xlabel="articles", ylabel="peak memory, GB", ylim=(0, None))
    time_axes.legend(frameon=False)
    for axes in (time_axes, memory_axes):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 40_000, 160_000, 640_000])
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    costs: dict[int, list[Cost]] = {}
    print("| articles | first, without near-duplicates | with | again | peak memory |")
    print("|---:|---:|---:|---:|---:|")
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as scratch:
            config, data = Path(scratch) / "bench.yaml", Path(scratch) / "articles.parquet"
            config.write_text(_CONFIG)
            write(data, options.folder, size)
            plain = run(config, data, Path(scratch) / "plain", "data.near_duplicates=null")
            shutil.rmtree(Path(scratch) / "plain")
            full = run(config, data, Path(scratch) / "full")
            again = run(config, data, Path(scratch) / "full")
        costs[size] = [plain, full, again]
        peak = max(cost.gigabytes for cost in costs[size])
        times = " | ".join(f"{x.seconds:,.1f} s ({x.processor:,.0f})" for x in costs[size])
        print(f"| {size:,} | {times} | {peak:.2f} GB |", flush=True)
    if options.plot:
        plot(options.plot, costs)


if __name__ == "__main__":
    main()
