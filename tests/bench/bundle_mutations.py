"""Changes bundles of every family in ways that no training does, and counts what comes of it.

Each changed bundle is loaded and scored in a process of its own, forked, with limits on time and
memory, which is answered "y" whatever it asks. Wanted: refused in one line, or the same answer; of
changes whose hashes were made right again also the answer of another model, probabilities that sum
to 1. Run as

    python tests/bench/bundle_mutations.py [--sealed 1000] [--raw 300] [--seed 0] [FAMILY ...]
"""

import argparse
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))
os.environ.update(OMP_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false", HF_HUB_OFFLINE="1")

import numpy as np
from numpy.typing import NDArray

from mutations import changed, outcome, probabilities
from newsstand.io.bundle import Bundle
from tiny_models import make_bundle, make_encoder

FAMILIES = ("linear", "embedding", "transformer", "exported")
SECONDS = 30  # of a processor, and four times as many on the clock
MOST_BYTES = 1 << 30


def judged(folder: Path, expected: NDArray[np.float64]) -> tuple[str, int]:
    """What comes of a bundle in a process of its own, and the most memory that it held."""
    read, write = os.pipe()
    answers, asked = os.pipe()
    os.write(asked, b"y\n" * 20)
    os.close(asked)
    child = os.fork()
    if not child:
        os.dup2(answers, 0)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        signal.alarm(4 * SECONDS)
        try:
            said = outcome(folder, expected)
        except BaseException as error:
            said = f"wrong: {type(error).__name__}: {error}"
        os.write(write, said.encode("utf-8", "replace")[:1000])
        os._exit(0)
    os.close(write)
    os.close(answers)
    _, status, usage = os.wait4(child, 0)
    with os.fdopen(read, "rb") as stream:
        said = stream.read().decode()
    held = usage.ru_maxrss * 1024
    if os.WIFSIGNALED(status):
        said = f"wrong: ended by {signal.Signals(os.WTERMSIG(status)).name}"
    elif (folder.parent / "marker").exists():
        said = "wrong: code was run"
    elif held > MOST_BYTES:
        said = f"wrong: {held / 2**30:.1f} GiB"
    return said, held


def main() -> None:
    """Measures the families asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("families", nargs="*", default=FAMILIES)
    parser.add_argument("--sealed", type=int, default=1000)
    parser.add_argument("--raw", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as scratch:
        encoder = Path(scratch) / "encoder"
        make_encoder(encoder)
        for family in asked.families:
            whole = Path(scratch) / family
            make_bundle(family, whole, encoder)
            expected = probabilities(Bundle.load(whole))
            for sealed, count in ((True, asked.sealed), (False, asked.raw)):
                found, most, begun = Counter[str](), 0, time.perf_counter()
                for number in range(count):
                    rng = random.Random(f"{asked.seed} {family} {sealed} {number}")
                    room = Path(tempfile.mkdtemp(dir=scratch))
                    way = changed(rng, whole, room / "bundle", sealed=sealed)
                    said, held = judged(room / "bundle", expected)
                    shutil.rmtree(room)
                    kind = said.split(":")[0]
                    if kind == "other" and not sealed:
                        kind, said = "wrong", "wrong: another answer"
                    found[kind] += 1
                    most = max(most, held)
                    if kind == "wrong":
                        print(f"  {family} {number} ({way}): {said[:300]}", flush=True)
                wrong += found["wrong"]
                kinds = ", ".join(f"{found[x]} {x}" for x in ("refused", "same", "other", "wrong"))
                took = time.perf_counter() - begun
                ways = "re-sealed" if sealed else "raw"
                print(
                    f"{family}, {count} {ways}: {kinds}; {most / 2**20:,.0f} MiB, {took:.0f} s",
                    flush=True,
                )
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
