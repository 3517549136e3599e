"""What starting costs: `import newsstand`, and one article scored by a whole process.

    python tests/bench/start.py BUNDLE [--article FILE] [--runs 15]

Medians of processor seconds (user and system, which other programs disturb least) and of wall
clock seconds, with the minimum of each. Byte code is compiled by a run that does not count, in a
folder of its own. The runs take turns.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cost import processor_seconds

ARTICLE = Path(__file__).parents[2] / "docs/sample-article.txt"
# Most seconds on a quiet machine.
IMPORT, SCORE = 0.1, 0.5


def took(command: list[str], env: dict[str, str], folder: str) -> tuple[float, float]:
    """Processor and wall clock seconds of a command."""
    processor, clock = processor_seconds(), time.perf_counter()
    subprocess.run(command, cwd=folder, env=env, stdout=subprocess.DEVNULL, check=True)
    return processor_seconds() - processor, time.perf_counter() - clock


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--article", type=Path, default=ARTICLE)
    parser.add_argument("--runs", type=int, default=15)
    args = parser.parse_args()
    score = ["-m", "newsstand", "score", "--format", "jsonl", "--model"]
    commands = {
        "bare": ["-c", "pass"],
        "import": ["-c", "import newsstand"],
        "score": [*score, str(args.bundle.resolve()), str(args.article.resolve())],
    }
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as folder:
        env["PYTHONPYCACHEPREFIX"] = str(Path(folder, "bytecode"))
        for number in range(args.runs + 1):
            for name, command in commands.items():
                cost = took([sys.executable, *command], env, folder)
                if number:
                    runs[name].append(cost)
    for kind, column in (("processor", 0), ("wall clock", 1)):
        middle = {k: statistics.median(x[column] for x in v) for k, v in runs.items()}
        least = {k: min(x[column] for x in v) for k, v in runs.items()}
        for title, name, bare, most in (
            ("import newsstand, over bare Python", "import", "bare", IMPORT),
            ("score of one article, whole process", "score", "", SCORE),
        ):
            shown = [x[name] - (x[bare] if bare else 0) for x in (middle, least)]
            print(
                f"{title:36} {kind:10} median {shown[0]:.3f} s, minimum {shown[1]:.3f} s "
                f"(at most {most} s)"
            )


if __name__ == "__main__":
    main()
