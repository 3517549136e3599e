"""Near-duplicates on your own articles: recall on made reprints, datasketch, time and memory.

    python tests/bench/duplicates.py FOLDER_OF_JSON [--pairs 2000] [--half 1]
    python tests/bench/duplicates.py FOLDER_OF_JSON --datasketch
    python tests/bench/duplicates.py FOLDER_OF_JSON --sizes 10000 40000 160000

Reprints are made from the articles and put among them: cut (30 to 90 % kept, from the head, the
middle or the end), given another head or an introduction, shuffled by paragraph, merged with
another story, lightly edited. Which words come from where is known, so what share of the shorter
text two of them have in common is known as well. Only articles of one half are taken with
`--half`: choose settings on one, report the other.
"""

import argparse
import json
import multiprocessing
import os
import random
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from newsstand.config.data_specs import NearDuplicateSpec
from newsstand.data.splits.near_duplicates import near_duplicates
from newsstand.text.article import Article
from newsstand.text.normalize import TextSpec, normalise

COLUMNS = ("content_original", "content", "body", "text")
BATCH = 1000
KINDS = ("cut head", "cut middle", "cut end", "new head", "prefix", "shuffle", "merge", "edits")
SPEC = TextSpec()
Word = tuple[str, int]  # and the article it comes from, -1 for none
Paragraphs = list[list[Word]]
Pairs = set[tuple[int, int]]


def prepared(path: Path) -> str:
    row = json.loads(path.read_text("utf-8"))
    body = next((row[name] for name in COLUMNS if row.get(name)), "")
    return normalise(Article(title=row.get("title") or "", body=body), SPEC).body.text


def read(folder: Path, half: int | None = None) -> list[str]:
    """The folder's articles by name, as a model sees them, each body once."""
    paths = sorted(folder.glob("*.json"))
    paths = paths if half is None else paths[half::2]
    with multiprocessing.Pool(2) as pool:
        return list(dict.fromkeys(pool.map(prepared, paths, chunksize=256)))


@dataclass
class Made:
    """A reprint: its text, how it was made, and what share of the shorter text is the origin's."""

    text: str
    kinds: tuple[str, ...]
    origin: int
    share: float


def make(texts: list[str], pairs: int, seed: int) -> list[Made]:
    chance = random.Random(seed)
    long = [number for number, text in enumerate(texts) if len(text.split()) >= 150]
    return [reprint(texts, number, long, chance) for number in chance.sample(long, pairs)]


def reprint(texts: list[str], number: int, long: list[int], chance: random.Random) -> Made:
    body = paragraphs(texts, number)
    length = sum(map(len, body))
    kinds = tuple(kind for kind in KINDS if chance.random() < 0.25) or (chance.choice(KINDS),)
    for kind in kinds:
        other = paragraphs(texts, chance.choice(long))
        body = EDITS[kind](body, other, chance)
    words = [word for paragraph in body for word in paragraph]
    kept = sum(origin == number for _, origin in words)
    text = "\n\n".join(" ".join(word for word, _ in paragraph) for paragraph in body)
    return Made(text, kinds, number, kept / min(len(words), length))


def paragraphs(texts: list[str], number: int) -> Paragraphs:
    lines = (line.split() for line in texts[number].split("\n"))
    return [[(word, number) for word in line] for line in lines if line]


def cut(body: Paragraphs, start: float, stop: float) -> Paragraphs:
    """The words from one share of the text to another."""
    size = sum(map(len, body))
    at, kept = 0, []
    for paragraph in body:
        first, last = round(start * size) - at, round(stop * size) - at
        kept.append(paragraph[max(first, 0) : max(last, 0)])
        at += len(paragraph)
    return [paragraph for paragraph in kept if paragraph]


def cut_middle(body: Paragraphs, chance: random.Random) -> Paragraphs:
    gone = 1 - chance.uniform(0.3, 0.9)
    start = chance.uniform(0.05, 0.95 - gone) if gone < 0.9 else 0.0
    return cut(body, 0, start) + cut(body, start + gone, 1)


def edited(body: Paragraphs, chance: random.Random) -> Paragraphs:
    """One word in fifty is changed, dropped or doubled by another."""
    result: Paragraphs = []
    for paragraph in body:
        line: list[Word] = []
        for word in paragraph:
            kind = chance.random() * 150
            new = (f"edit{chance.randrange(10**6)}", -1)
            line += [word] if kind >= 3 else [[new], [], [word, new]][int(kind)]
        result.append(line or paragraph)
    return result


def foreign(other: Paragraphs, words: int) -> Paragraphs:
    """The beginning of another article, as text that comes from nowhere."""
    line = [(word, -1) for paragraph in other for word, _ in paragraph][:words]
    return [line] if line else []


EDITS: dict[str, Callable[[Paragraphs, Paragraphs, random.Random], Paragraphs]] = {
    "cut head": lambda body, _, chance: cut(body, 1 - chance.uniform(0.3, 0.9), 1),
    "cut middle": lambda body, _, chance: cut_middle(body, chance),
    "cut end": lambda body, _, chance: cut(body, 0, chance.uniform(0.3, 0.9)),
    "new head": lambda body, other, _: foreign(other, 25) + body[1:] if body[1:] else body,
    "prefix": lambda body, other, chance: foreign(other, chance.randint(10, 80)) + body,
    "shuffle": lambda body, _, chance: chance.sample(body, len(body)),
    "merge": lambda body, other, chance: body + cut(other, 0, chance.uniform(0.3, 1)),
    "edits": lambda body, _, chance: edited(body, chance),
}


def batches(texts: list[str]) -> Iterator[list[str]]:
    return (texts[start : start + BATCH] for start in range(0, len(texts), BATCH))


# --- Contestants --------------------------------------------------------------------------


def shingles(text: str) -> list[bytes]:
    words = text.lower().split()
    return list({" ".join(words[at : at + 5]).encode() for at in range(max(len(words) - 4, 1))})


def contest(texts: list[str], made: list[Made]) -> None:
    from datasketch import MinHash, MinHashLSH, MinHashLSHEnsemble

    start = time.perf_counter()
    sets = [shingles(text) for text in texts]
    hashes = MinHash.bulk(sets, num_perm=128)
    signing = time.perf_counter() - start
    for threshold in (0.3, 0.4, 0.5):
        start = time.perf_counter()
        index = MinHashLSH(threshold=threshold, num_perm=128)
        with index.insertion_session() as session:
            for number, minhash in enumerate(hashes):
                session.insert(number, minhash)
        found = {
            (other, number)
            for number, minhash in enumerate(hashes)
            for other in index.query(minhash)
            if other < number
        }
        seconds = signing + time.perf_counter() - start
        row(f"MinHashLSH, Jaccard {threshold}", texts, made, found, seconds)
        close = {(i, j) for i, j in found if hashes[i].jaccard(hashes[j]) >= threshold}
        row("the same, estimate checked", texts, made, close, time.perf_counter() - start + signing)
    for threshold in (0.5, 0.7):
        start = time.perf_counter()
        ensemble = MinHashLSHEnsemble(threshold=threshold, num_perm=128, num_part=16)
        ensemble.index((at, hashes[at], len(sets[at])) for at in range(len(texts)))
        found = {
            (min(other, number), max(other, number))
            for number, minhash in enumerate(hashes)
            for other in ensemble.query(minhash, len(sets[number]))
            if other != number
        }
        seconds = signing + time.perf_counter() - start
        row(f"MinHashLSHEnsemble, containment {threshold}", texts, made, found, seconds)


def row(name: str, texts: list[str], made: list[Made], found: Pairs, seconds: float) -> None:
    """A line of the table; a found pair is right when 4 of 10 shingles are shared."""
    first = len(texts) - len(made)
    share = [(one.origin, first + at) in found for at, one in enumerate(made) if one.share >= 0.5]
    some = random.Random(0).sample(sorted(found), min(len(found), 2000))
    right = sum(contained(texts[one], texts[other]) >= 0.4 for one, other in some)
    print(
        f"| {name} | {np.mean(share):.3f} | {len(found):,} | {right / max(len(some), 1):.3f} "
        f"| {seconds:.0f} |",
        flush=True,
    )


def contained(one: str, other: str) -> float:
    left, right = set(shingles(one)), set(shingles(other))
    return len(left & right) / min(len(left), len(right))


def compete(texts: list[str], made: list[Made], datasketch: bool) -> None:
    texts = texts + [one.text for one in made]
    print("| | recall, half or more shared | found pairs | of them right | seconds |")
    print("|---|---:|---:|---:|---:|")
    start = time.perf_counter()
    near = near_duplicates(batches(texts), NearDuplicateSpec())
    seconds = time.perf_counter() - start
    members: dict[int, list[int]] = {}
    for number, name in enumerate(near.cluster.tolist()):
        members.setdefault(name, []).append(number)
    together = {(i, j) for group in members.values() for i in group for j in group if i < j}
    row("newsstand, links", texts, made, set(map(tuple, near.pairs.tolist())), seconds)
    row("newsstand, clusters", texts, made, together, seconds)
    if datasketch:
        contest(texts, made)
    detail(made, near.cluster, len(texts) - len(made))


def detail(made: list[Made], cluster: np.ndarray, first: int) -> None:
    """Recall by share and by kind of edit."""
    found = np.array([cluster[one.origin] == cluster[first + at] for at, one in enumerate(made)])
    share = np.array([one.share for one in made])
    print("\n| share of the shorter text | pairs | found |\n|---|---:|---:|")
    for low, high in ((0, 0.3), (0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (0.6, 0.8), (0.8, 1.01)):
        inside = (share >= low) & (share < high)
        print(f"| {low:.1f} to {min(high, 1):.1f} | {inside.sum()} | {found[inside].mean():.3f} |")
    for kind in KINDS:
        inside = (share >= 0.5) & np.array([kind in one.kinds for one in made])
        print(f"| .5 or more, with {kind} | {inside.sum()} | {found[inside].mean():.3f} |")


# --- Growth ----------------------------------------------------------------------------------


def grown(texts: list[str], size: int, seed: int = 0) -> Iterator[str]:
    """The articles, then articles with every other word changed, and one reprint in ten."""
    chance, long = random.Random(seed), [at for at, text in enumerate(texts) if len(text) > 900]
    words = np.array(" ".join(texts[:500]).split())
    for number in range(size):
        text = texts[number % len(texts)]
        if number < len(texts):
            yield text
        elif number % 10 == 0:
            kinds = ("cut head", "cut end", "prefix", "edits")
            body = paragraphs(texts, number % len(texts))
            for kind in chance.sample(kinds, 2):
                body = EDITS[kind](body, paragraphs(texts, chance.choice(long)), chance)
            yield "\n\n".join(" ".join(word for word, _ in line) for line in body)
        else:
            draw = np.random.default_rng(number)
            own = np.array(text.split() or ["."], dtype=object)
            places = draw.random(len(own)) < 0.5
            own[places] = draw.choice(words, int(places.sum()))
            yield " ".join(own)


def growth(folder: Path, sizes: list[int]) -> None:
    print("Without the time it takes to make the articles.\n")
    print("| articles | seconds | CPU seconds | peak MB | of them before the start |")
    print("|---:|---:|---:|---:|---:|")
    for size in sizes:
        child = os.fork()
        if not child:
            measure(read(folder), size)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status:
            sys.exit("a run failed")


def measure(texts: list[str], size: int) -> None:
    clocks = (time.perf_counter, time.process_time)
    making = [0.0, 0.0]

    def some() -> Iterator[list[str]]:
        stream = grown(texts, size)
        for start in range(0, size, BATCH):
            before = [clock() for clock in clocks]
            batch = list(islice(stream, min(BATCH, size - start)))
            for at, clock in enumerate(clocks):
                making[at] += clock() - before[at]
            yield batch

    memory, before = peak(), [clock() for clock in clocks]
    near_duplicates(some(), NearDuplicateSpec())
    wall, cpu = (clock() - before[at] - making[at] for at, clock in enumerate(clocks))
    print(f"| {size:,} | {wall:.1f} | {cpu:.1f} | {peak():,} | {memory:,} |", flush=True)


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--half", type=int, choices=(0, 1))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--datasketch", action="store_true", help="compare; must be installed")
    parser.add_argument("--sizes", type=int, nargs="+", help="measure time and memory instead")
    options = parser.parse_args()
    if options.sizes:
        growth(options.folder, options.sizes)
        return
    texts = read(options.folder, options.half)
    compete(texts, make(texts, options.pairs, options.seed), options.datasketch)


if __name__ == "__main__":
    main()
