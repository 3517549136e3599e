"""Fits the pair model: Adam on minibatches, in NumPy."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from newsstand.encode import Example
from newsstand.matches import Matches
from newsstand.pairs import Network, PairModel

Weights = NDArray[np.float32]
Ints = NDArray[np.int64]

_BATCH = 256
_MOMENTS = np.float32(0.9), np.float32(0.999)  # Adam's, as Kingma and Ba (2015) set them


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """How networks are fitted. The config documents each setting."""

    hidden: int = 100
    networks: int = 5
    epochs: int = 8
    learning_rate: float = 0.002
    dropout: float = 0.3
    l2: float = 1e-3
    balance: float = 0.6


def fit_pairs(
    examples: Sequence[Example],
    labels: Ints,
    *,
    terms: int,
    fitting: Fitting,
    seed: int,
) -> PairModel:
    """Fits features and networks.

    Args:
        examples: Training examples, with targets.
        labels: int64, shape (examples,); every label from 0 to the highest must occur.
        terms: So many of the articles' words are features of their own.
        fitting: How networks are fitted.
        seed: The same seed gives the same weights.
    """
    matches, rows = Matches.fit_rows(examples, terms=terms)
    random = np.random.default_rng(seed)
    counts = np.bincount(labels)
    weights = ((counts.sum() / counts) ** fitting.balance)[labels]
    weights = (weights / weights.mean()).astype(np.float32)
    truth = np.eye(len(counts), dtype=np.float32)[labels]
    networks = [
        _network(rows, truth, weights, fitting, random, matches.dense)
        for _ in range(fitting.networks)
    ]
    return PairModel(matches, Network.mean(networks))


def _network(
    rows: csr_array,
    truth: Weights,
    weights: Weights,
    fitting: Fitting,
    random: np.random.Generator,
    dense: int,
) -> Network:
    layers = _start(rows.shape[1], fitting.hidden, truth.shape[1], dense, random)
    adam = _Adam(layers)
    steps = fitting.epochs * -(-len(truth) // _BATCH)
    keep = np.float32(1 - fitting.dropout)
    for step, chosen in enumerate(_batches(len(truth), fitting.epochs, random)):
        batch = csr_array(rows[chosen])
        hidden, hidden_bias, output, output_bias = layers
        units = np.maximum(batch @ hidden + hidden_bias, 0)
        kept = (random.random(units.shape, dtype=np.float32) < keep) / keep
        passed = units * kept
        error = _softmax(passed @ output + output_bias) - truth[chosen]
        error *= weights[chosen, None] / np.float32(len(chosen))
        back = (error @ output.T) * kept * (units > 0)
        slopes = [
            batch.T @ back + np.float32(fitting.l2) * hidden,
            back.sum(axis=0),
            passed.T @ error + np.float32(fitting.l2) * output,
            error.sum(axis=0),
        ]
        adam.step(slopes, fitting.learning_rate * (1 - step / steps))
    return Network(*layers)


def _start(
    features: int, units: int, scores: int, dense: int, random: np.random.Generator
) -> list[Weights]:
    """He's start, by the number of features that a row has rather than of all there are."""
    hidden = random.standard_normal((features, units), dtype=np.float32)
    hidden *= np.float32(np.sqrt(2 / (dense + 1)))  # its words have length 1 together
    output = random.standard_normal((units, scores), dtype=np.float32)
    output *= np.float32(np.sqrt(1 / units))
    return [hidden, np.zeros(units, np.float32), output, np.zeros(scores, np.float32)]


def _batches(rows: int, epochs: int, random: np.random.Generator) -> Iterator[Ints]:
    for _ in range(epochs):
        order = random.permutation(rows)
        for start in range(0, rows, _BATCH):
            yield order[start : start + _BATCH]


def _softmax(scores: NDArray[Any]) -> Weights:
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: Weights = odds / odds.sum(axis=1, keepdims=True)
    return shares


class _Adam:
    """Kingma and Ba (2015), changing the layers in place."""

    def __init__(self, layers: Sequence[Weights]) -> None:
        self._layers = layers
        self._means = [np.zeros_like(layer) for layer in layers]
        self._squares = [np.zeros_like(layer) for layer in layers]
        self._steps = 0

    def step(self, slopes: Sequence[Weights], rate: float) -> None:
        self._steps += 1
        first, second = _MOMENTS
        scale = np.float32(rate / (1 - first**self._steps))
        root = np.float32(1 / np.sqrt(1 - second**self._steps))
        every = zip(self._layers, slopes, self._means, self._squares, strict=True)
        for layer, slope, mean, square in every:
            mean *= first
            mean += (1 - first) * slope
            square *= second
            square += (1 - second) * slope * slope
            layer -= scale * mean / (root * np.sqrt(square) + np.float32(1e-8))
