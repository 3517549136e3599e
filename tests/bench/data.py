"""What preparing data costs as it grows: seconds and memory for 10,000 to 640,000 articles.

    python tests/bench/data.py FOLDER [--sizes 10000 40000 160000 640000] [--plot data-cost.png]

FOLDER holds articles as `reprints.py` reads them; larger sets than it holds are made by edits.
Each size is read from Parquet by `newsstand data` in a process of its own with an empty cache, then
again from the cache. In brackets: processor seconds, which other work changes less.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from cost import Cost, measured
from reprints import write

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


def run(config: Path, data: Path, cache: Path, *overrides: str) -> Cost:
    command = [sys.executable, "-m", "newsstand", "data", str(config), f"data.path={data}"]
    return measured([*command, "--json", *overrides], {"HF_DATASETS_CACHE": str(cache)})[0]


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
