"""A tiny network for natural language inference, taught on invented sentences whose label flips."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import torch

from newsstand.encoders.torch_encoder import ENCODER_FOLDER, Encoder
from newsstand.models.transformer import TransformerModel
from newsstand.text.example import Example
from newsstand.train.finetune.fit_encoder import open_classifier
from small_fit import example
from tiny_models import make_encoder

FAVOR, AGAINST = "The author supports {target}.", "The author opposes {target}."
SAID = {
    "favor": ("We praise {} today.", "We welcome {}."),
    "against": ("We condemn {} today.", "We reject {}."),
    "neutral": ("We describe {} today.", "We visit {}."),
}
TARGETS = ("the zoo", "the port", "the levy", "the tram")
UNSEEN = ("the mast", "the fee")
TWO = ("entailment", "not_entailment")
THREE = ("CONTRADICTION", "Entailment", "neutral")


def said(targets: Sequence[str]) -> list[tuple[str, str, str]]:
    """Text, target and label of all that can be said of targets."""
    return [
        (text.format(target), target, label)
        for target, (label, texts) in product(targets, SAID.items())
        for text in texts
    ]


def make_nli(folder: Path) -> Path:
    """Writes a classifier for NLI, of two classes, that has learned from `TARGETS`.

    Returns:
        The folder inside that has it in transformers' format.
    """
    known = [text for text, _, _ in said((*TARGETS, *UNSEEN))]
    make_encoder(folder / "plain", [*known, FAVOR, AGAINST])
    encoder = open_classifier(
        str(folder / "plain"),
        sha256=None,
        labels=2,
        max_tokens=48,
        long_text="head",
        device="cpu",
        seed=1,
    )
    pairs = [
        (example(text, wording.replace("{target}", target)), int(label != entailed))
        for text, target, label in said(TARGETS)
        for entailed, wording in (("favor", FAVOR), ("against", AGAINST))
    ]
    _teach(encoder, [pair for pair, _ in pairs], [answer for _, answer in pairs])
    return _named(encoder, TWO, folder)


def with_three_classes(nli: Path, folder: Path) -> Path:
    """The same classifier, its second class called contradiction, and a third that is unlikely."""
    encoder = Encoder.open(nli, max_tokens=48, labels=2, device="cpu")
    head = encoder.network.classifier
    with torch.no_grad():
        head.weight = torch.nn.Parameter(head.weight[[1, 0, 1]] * torch.tensor([[1], [1], [0]]))
        head.bias = torch.nn.Parameter(torch.tensor([*head.bias[[1, 0]], -5.0]))
    return _named(encoder, THREE, folder)


def _teach(encoder: Encoder, examples: list[Example], answers: list[int]) -> None:
    """All rows at once, step after step, until hardly any is wrong."""
    tokens = TransformerModel(encoder).inputs(examples).tokens
    batch = encoder.padded(tokens, range(len(examples)))
    optimizer = torch.optim.AdamW(encoder.network.parameters(), lr=5e-3)
    for _ in range(300):
        logits = encoder.network(**batch).logits
        loss = torch.nn.functional.cross_entropy(logits, torch.tensor(answers))
        if loss.item() < 0.05:
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def _named(encoder: Encoder, names: Sequence[str], folder: Path) -> Path:
    encoder.network.config.id2label = dict(enumerate(names))
    encoder.network.config.label2id = {name: number for number, name in enumerate(names)}
    encoder.save(folder)
    return folder / ENCODER_FOLDER
