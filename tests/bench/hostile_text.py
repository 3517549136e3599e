"""CPU time of thousands of hostile texts in each pass, the slowest first; and a 5 MB article.

    python tests/bench/hostile_text.py --patterns 14000 --length 100000

Growth is that from half the length to the whole one; linear is 2. A pass that takes longer than the
limit is cut off and counts as the limit.
"""

import argparse
import heapq
import resource
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "helpers")]

import conftest  # noqa: E402 - found on the path that was just made

from hostile import Passes, patterns, seconds  # noqa: E402
from newsstand.serve.scorer import Scorer  # noqa: E402
from newsstand.text.article import Article  # noqa: E402

_SHOWN = 15
_WORTH = 0.2  # seconds from which on growth is worth telling
_PARAGRAPH = (
    "Grain prices fell on Monday after “a good harvest” in the région, traders said. The board "
    "expects 3.5 million tonnes, it wrote; no one at R&amp;D would comment. "
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patterns", type=int, default=14_000)
    parser.add_argument("--length", type=int, default=100_000, help="characters")
    parser.add_argument("--limit", type=float, default=10.0, help="seconds a pass")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--passes", nargs="+", default=Passes.NAMES, choices=Passes.NAMES)
    parser.add_argument("--stop", type=float, default=float("inf"), help="seconds in all")
    asked = parser.parse_args()
    topic, stance = conftest.small_topics(), conftest.small_stances()
    score_large(Scorer(topic))
    passes = Passes(topic, stance).all()
    slowest: list[tuple[float, str, str]] = []
    steepest: list[tuple[float, str, str]] = []
    begun, done = time.monotonic(), 0
    for pattern in patterns(asked.patterns, asked.seed):
        if time.monotonic() - begun > asked.stop:
            break
        done += 1
        for name in asked.passes:
            run = passes[name]
            took = seconds(run, pattern.text(asked.length), asked.limit)
            told = f"{name}: {pattern!r}"
            heapq.heappush(slowest, (took, name, told))
            if took > _WORTH:  # the best of three, as other work on the machine tells, too
                took, half = (
                    seconds(run, pattern.text(length), asked.limit, 3)
                    for length in (asked.length, asked.length // 2)
                )
                heapq.heappush(steepest, (took / half, name, f"{told} {took:.2f} s"))
        slowest = heapq.nlargest(_SHOWN, slowest)[::-1]
        steepest = heapq.nlargest(_SHOWN, steepest)[::-1]
    print(f"{done:,} patterns of {asked.length:,} characters")
    for took, _, told in reversed(slowest):
        print(f"{took:8.2f} s  {told}")
    for ratio, _, told in reversed(steepest):
        print(f"{ratio:8.2f} x  {told}")


def score_large(scorer: Scorer) -> None:
    """One article of 5 MB, with evidence."""
    body = "LONDON (Reuters) - " + f"{_PARAGRAPH * 3}\n\n" * (5_000_000 // len(_PARAGRAPH) // 3)
    start = time.process_time()
    score = scorer.score(Article(title="Grain falls", body=body))
    took = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{len(body):,} characters: {took:.1f} s, {peak:.2f} GiB in all, {len(score.evidence)}")


if __name__ == "__main__":
    main()
