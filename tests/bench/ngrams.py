"""Speed of the n-gram features beside scikit-learn's, on your own articles.

    python tests/bench/ngrams.py ARTICLES.jsonl [--articles 4000] [--rounds 5]
    python tests/bench/ngrams.py FOLDER_OF_JSON

Every contestant has a process of its own, with one thread, which reads the articles, fits, and
runs once to warm up. Then they take turns, one at a time, so that a busy moment of the machine
doesn't strike only one of them.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from newsstand.features.hashed_ngrams import HashedNgrams

COLUMNS = ("content_original", "content", "body", "text")
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
Run = Callable[[list[str]], object]


def read(path: Path, articles: int) -> list[str]:
    """The first texts of a JSON Lines file, or of a folder's JSON files by name."""
    if path.is_dir():
        raw: Iterator[str] = (file.read_text("utf-8") for file in sorted(path.glob("*.json")))
    else:
        raw = iter(path.read_text("utf-8").splitlines())
    texts = []
    for _, line in zip(range(articles), raw, strict=False):
        row = json.loads(line)
        texts.append(next((row[name] for name in COLUMNS if row.get(name)), ""))
    return texts


def tfidf(texts: list[str]) -> Run:
    """The vectoriser that most people would take, as it comes but for the bigrams."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    run: Run = TfidfVectorizer(ngram_range=(1, 2)).fit(texts).transform
    return run


def hashing(texts: list[str]) -> Run:
    """scikit-learn's own hashing, weights not included."""
    from sklearn.feature_extraction.text import HashingVectorizer

    run: Run = HashingVectorizer(ngram_range=(1, 2), norm=None, alternate_sign=False).transform
    return run


def counts(texts: list[str]) -> Run:
    return HashedNgrams(words=(1, 2)).counts


def weighted(texts: list[str]) -> Run:
    """Counts, then what TfidfVectorizer does to them: idf and unit length, 1 + log on top."""
    ngrams = HashedNgrams(words=(1, 2))
    fitted = ngrams.counts(texts)
    seen = np.bincount(fitted.indices, minlength=fitted.shape[1])
    idf = np.where(seen, np.log((1 + len(texts)) / (1 + seen)) + 1, 0).astype(np.float32)

    def run(texts: list[str]) -> csr_array:
        matrix = ngrams.counts(texts)
        values = np.log(matrix.data, out=matrix.data)
        values += 1
        values *= idf.take(matrix.indices)
        sizes = np.diff(matrix.indptr)
        rows = np.repeat(np.arange(len(texts)), sizes)
        lengths = np.sqrt(np.bincount(rows, weights=values * values, minlength=len(texts)))
        values /= np.repeat(np.maximum(lengths, 1e-12).astype(np.float32), sizes)
        return matrix

    return run


CONTESTANTS: dict[str, Callable[[list[str]], Run]] = {
    "TfidfVectorizer.transform": tfidf,
    "HashingVectorizer.transform": hashing,
    "HashedNgrams.counts": counts,
    "HashedNgrams.counts, log, idf, l2": weighted,
}


def work(name: str, texts: list[str]) -> None:
    """A contestant's process: one run, and its seconds out, for each line in."""
    run = CONTESTANTS[name](texts)
    run(texts)
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        result = run(texts)
        print(time.perf_counter() - start, flush=True)
        del result


def compete(path: Path, articles: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of each contestant's runs."""
    environment = os.environ | dict.fromkeys(ONE_THREAD, "1")
    command = [sys.executable, __file__, str(path), "--articles", str(articles), "--work"]
    workers = {}
    for name in CONTESTANTS:  # one after the other, or they would slow each other's start
        workers[name] = subprocess.Popen(
            [*command, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        ask(workers[name], "")
    seconds: dict[str, list[float]] = {name: [] for name in workers}
    for _ in range(rounds):
        for name, worker in workers.items():
            seconds[name].append(float(ask(worker, "run\n")))
    for worker in workers.values():
        worker.communicate()
    return seconds


def ask(worker: subprocess.Popen[str], line: str) -> str:
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write(line)
    worker.stdin.flush()
    answer = worker.stdout.readline()
    if not answer:
        raise SystemExit(f"a contestant failed: {worker.args!r}")
    return answer


def report(texts: list[str], seconds: dict[str, list[float]]) -> None:
    words = statistics.median(len(text.split()) for text in texts)
    print(
        f"{len(texts)} articles, median {words:.0f} words, {sum(map(len, texts)) / 1e6:.1f} million"
        f" characters; Python {platform.python_version()}, NumPy {np.__version__}; one thread\n"
    )
    print("| word uni- and bigrams | median s | least to most | articles/s | times as fast |")
    print("|---|---:|---:|---:|---:|")
    base = statistics.median(seconds["TfidfVectorizer.transform"])
    for name, runs in seconds.items():
        median = statistics.median(runs)
        print(
            f"| {name} | {median:.3f} | {min(runs):.3f} to {max(runs):.3f} "
            f"| {len(texts) / median:,.0f} | {base / median:.1f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("path", type=Path)
    parser.add_argument("--articles", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--work", choices=CONTESTANTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    texts = read(options.path, options.articles)
    if options.work:
        work(options.work, texts)
    else:
        report(texts, compete(options.path, options.articles, options.rounds))


if __name__ == "__main__":
    main()
