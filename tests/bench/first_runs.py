"""First runs that are killed, or begun at once: does the next run work, and is none lost?

    python tests/bench/first_runs.py [--kills 20] [--pairs 10]

Each try has a folder of its own. A first run is killed at a moment of its last stages, drawn by
chance, and the next one must succeed. Two first runs at once must both be in the database.
"""

import argparse
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

CONFIG = """
task: topic
labels: from-data
data: {format: table, path: rows.csv}
model: {kind: linear, words: [1, 1], bits: 12}
tracking: {experiment: quick, register_as: quick, alias: champion}
"""
NEWSSTAND = [sys.executable, "-m", "newsstand"]


def prepare(folder: Path) -> None:
    folder.mkdir()
    lines = ["body,label,split"]
    for split in ("train", "validation", "test"):
        for label, word in (("sport", "goal"), ("economy", "shares")):
            lines += [f"the {word} {word} {split} {i},{label},{split}" for i in range(3)]
    (folder / "rows.csv").write_text("\n".join(lines) + "\n")
    (folder / "quick.yaml").write_text(CONFIG)


def begin(folder: Path) -> subprocess.Popen[str]:
    env = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
    return subprocess.Popen(
        [*NEWSSTAND, "train", "quick.yaml", "--json"],
        cwd=folder,
        env={**env, "HF_DATASETS_CACHE": str(folder / "cache")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen[str]) -> str:
    """The run's id; what went wrong ends the script."""
    out, err = process.communicate()
    if process.returncode:
        sys.exit(f"FAILED with status {process.returncode}: {err}")
    return str(json.loads(out)["run_id"])


def runs(folder: Path) -> dict[str, str]:
    with closing(sqlite3.connect(folder / "mlflow.db")) as database:
        return dict(database.execute("SELECT run_uuid, status FROM runs").fetchall())


def killed(folder: Path, draw: random.Random) -> str:
    """A first run is killed once it makes the database or later; the next one must work."""
    prepare(folder)
    process = begin(folder)
    while not list(folder.glob("mlflow.db*")) and process.poll() is None:
        time.sleep(0.005)
    time.sleep(draw.uniform(0, 3.0))
    process.kill()
    process.communicate()
    left = sorted(path.name for path in folder.glob("mlflow.db*"))
    run_id = finished(begin(folder))
    assert runs(folder)[run_id] == "FINISHED"
    return ", ".join(left)


def at_once(folder: Path) -> None:
    """Two first runs; both must be there."""
    prepare(folder)
    processes = [begin(folder) for _ in range(2)]
    found = {finished(process) for process in processes}
    assert found == runs(folder).keys()
    assert set(runs(folder).values()) == {"FINISHED"}


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--kills", type=int, default=20)
    options.add_argument("--pairs", type=int, default=10)
    wanted = options.parse_args()
    draw = random.Random(0)
    with tempfile.TemporaryDirectory() as name:
        for number in range(wanted.kills):
            left = killed(Path(name) / f"kill-{number}", draw)
            print(f"killed {number + 1}: left {left}; the next run works", flush=True)
        for number in range(wanted.pairs):
            at_once(Path(name) / f"pair-{number}")
            print(f"pair {number + 1}: both are there", flush=True)


if __name__ == "__main__":
    main()
