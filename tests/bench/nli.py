"""An NLI model made from the corpus's own flips, and how it answers without a further fit.

    python tests/bench/nli.py [--pairs 6000] [--epochs 2] [--encoder NAME] [--device auto]

Arguments and passages of the training split become pairs of text and hypothesis, two for each
stance; the encoder learns them as NLI's three classes. Then it is asked the hypotheses about test
rows, whose targets it never saw: accuracy on rows that are for or against, and the share of texts
with a target of either side that it gets both right of.
"""

import argparse
import json
import random
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

from newsstand.encoders.hub import MINILM
from newsstand.models.hypotheses import Hypotheses
from newsstand.models.transformer import TransformerModel
from newsstand.text.article import Article
from newsstand.text.example import Example, encode
from newsstand.text.normalize import TextSpec
from newsstand.train.finetune.fit_encoder import fit_encoder, open_classifier
from newsstand.train.finetune.tuning import Tuning

CORPUS = Path(__file__).parents[2] / "data/corpus"
CLASSES = ("entailment", "neutral", "contradiction")
WORDINGS = {"favor": "The author supports: {target}.", "against": "The author opposes: {target}."}
LABELS = ("favor", "against", "neutral")
Row = tuple[str, str, str]  # body, target, label


def rows(split: str) -> list[Row]:
    """The stances of short texts."""
    found = []
    for name in ("arguments", "passages"):
        [path] = CORPUS.rglob(f"{name}.jsonl")
        for line in path.read_text(encoding="utf-8").splitlines():
            text = json.loads(line)
            if text["split"] == split:
                found += [(text["body"], x["target"], x["label"]) for x in text["stances"]]
    return found


def example(body: str, target: str) -> Example:
    """A row as the network reads it."""
    return encode(Article(body=body), target, TextSpec())


def pairs(stances: list[Row], most: int) -> tuple[list[Example], np.ndarray]:
    """Texts with hypotheses, and NLI's classes."""
    answers = {"favor": (0, 2), "against": (2, 0), "neutral": (1, 1)}
    found = [
        (example(body, wording.replace("{target}", target)), answer)
        for body, target, label in stances
        for wording, answer in zip(WORDINGS.values(), answers[label], strict=True)
    ]
    kept = random.Random(1).sample(found, min(most, len(found)))
    return [pair for pair, _ in kept], np.array([answer for _, answer in kept])


def main() -> None:
    """Prints what the model is right of."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=6000)
    parser.add_argument("--test", type=int, default=2000, help="test rows at most")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--encoder", default=MINILM)
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    asked = parser.parse_args()
    begun = time.process_time()
    encoder = open_classifier(
        asked.encoder,
        sha256=None,
        labels=3,
        max_tokens=96,
        long_text="head",
        device=asked.device,
        seed=1,
    )
    examples, answers = pairs(rows("train"), asked.pairs)
    with tempfile.TemporaryDirectory() as folder:
        fit_encoder(
            examples,
            answers,
            validation=None,
            encoder=encoder,
            tuning=Tuning(epochs=asked.epochs, learning_rate=1e-4),
            folder=Path(folder),
            seed=1,
            log=lambda *_: None,
            progress=lambda said, done, total: print(f"\r{said} {done}/{total}", end=""),
        )
    print(f"\n{len(examples):,} pairs, {time.process_time() - begun:.0f} s of the processors")
    model = TransformerModel(encoder, hypotheses=Hypotheses((*WORDINGS.values(), None), CLASSES))
    test = rows("test")[: asked.test]
    scores = model.forward([example(body, target) for body, target, _ in test])
    report(test, scores)


def report(test: list[Row], scores: np.ndarray) -> None:
    """Prints the shares."""
    labels = np.array([LABELS.index(label) for _, _, label in test])
    sided = labels < 2
    right = scores[:, :2].argmax(axis=1) == labels
    print(f"for or against: {right[sided].mean():.3f} of {sided.sum():,} rows (chance .5)")
    print(f"three labels: {(scores.argmax(axis=1) == labels).mean():.3f} of {len(test):,} rows")
    texts: dict[str, dict[int, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for (body, _, _), label, good in zip(test, labels.tolist(), right.tolist(), strict=True):
        texts[body][label].append(good)
    flips = [a and b for x in texts.values() for a in x.get(0, ()) for b in x.get(1, ())]
    print(f"both of a flip: {np.mean(flips):.3f} of {len(flips):,} (chance .25)")


if __name__ == "__main__":
    main()
