"""Damaged files of every format, for training and scoring: nothing escapes, nothing is lost unsaid.

Usage: python tests/bench/damaged_tables.py [FIRST [COUNT]]

Each seed damages good files in one way (`tests/helpers/damages.py`): bytes, ends, delimiters,
quotes, encodings, packings, types, lists. Prints each finding, and how many there are of each kind;
exit status 1 if there is any.
"""

import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

from damaged import flaws, outcome, unequal
from damages import make


def findings(seed: int) -> list[tuple[str, str]]:
    """Kind and text of whatever is wrong with what comes of one damage."""
    name, case = make(seed)
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        try:
            rows, said = outcome(case, root)
            lost, other = flaws(case, rows, said, root), unequal(case, rows, said, root)
        except Exception as error:
            return [("traceback", f"{name}: {error!r}")]
    return [("difference", f"{name}: {x}") for x in lost] + [
        ("training and scoring", f"{name}: {x}") for x in other
    ]


def main() -> None:
    """Prints what is found for the seeds asked for."""
    first = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    number = int(sys.argv[2]) if len(sys.argv) > 2 else 700
    kinds: Counter[str] = Counter()
    for seed in range(first, first + number):
        for kind, text in findings(seed):
            kinds[kind] += 1
            print(f"{seed}: {kind}: {text:.300}")
    told = ", ".join(f"{kinds[x]} {x}" for x in ("traceback", "difference", "training and scoring"))
    print(f"{number} damaged tables: {told}")
    sys.exit(bool(kinds))


if __name__ == "__main__":
    main()
