"""Tokenises articles, pairs and long texts for an encoder."""

import unicodedata
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from newsstand.encoders.long_text import Excerpt, LongText, excerpts, similarities_to
from newsstand.errors import NewsstandError, reported
from newsstand.features.coverage import first_words_known
from newsstand.models.hypotheses import TARGET
from newsstand.text.article import Span
from newsstand.text.example import Example
from newsstand.text.targets import content_spans
from newsstand.types import Bools, Floats, Ints

# Tokens of the vocabulary that `similarity` compares a target with, and the expected increase of
# the similarity with the logarithm of the number of distinct tokens of a text.
_SAMPLED_TOKENS = 1000
_LENGTH_SLOPE = 0.8


@dataclass(frozen=True, slots=True)
class Tokens:
    """Token ids of inputs, special tokens included, without padding.

    Args:
        ids: Token ids of each input.
        segments: Token type ids of each input: 0, or 1 for tokens of the target; None for
            networks without token types.
    """

    ids: list[list[int]]
    segments: list[list[int]] | None

    def lengths(self) -> Ints:
        """Returns the number of tokens of each input."""
        return np.array([len(tokens) for tokens in self.ids], dtype=np.int64)


class TokenReader(ABC):
    """Tokenises texts; thread-safe.

    Args:
        words: A tokenizer of the library tokenizers; its truncation and padding are turned off.
        typed: Whether the network takes token type ids.
        max_tokens: Inputs are truncated to this number of tokens, special tokens included.
        long_text: What is read of a longer article.

    Raises:
        NewsstandError: More than half of `max_tokens` are needed for special tokens.
    """

    def __init__(self, words: Any, *, typed: bool, max_tokens: int, long_text: LongText) -> None:
        # Truncation is a state of a tokenizer that threads would share, so each truncation
        # strategy has its own tokenizer, created when it is needed.
        words.no_padding()
        words.no_truncation()
        self._words = words
        self._truncating: dict[str, Any] = {}  # by strategy
        self._sampled: Floats | None = None  # embeddings of tokens sampled from the vocabulary
        self.typed = typed
        self.max_tokens = max_tokens
        self.long_text = long_text
        special = int(words.num_special_tokens_to_add(True))
        if special > max_tokens // 2:
            raise NewsstandError(
                f"the encoder's tokenizer adds {special} special tokens to a pair, too many for "
                f"max_tokens={max_tokens}"
            )

    def tokens(self, texts: Sequence[str], beside: Sequence[str] | None = None) -> Tokens:
        """Tokenises texts, or pairs of texts, of which only the first is truncated to fit.

        The second, a target, is truncated to half of `max_tokens` beforehand.
        """
        inputs: list[Any] = list(texts)
        if beside is not None:
            short = {
                text: self._truncated(text, self.max_tokens // 2) for text in dict.fromkeys(beside)
            }
            inputs = [(text, short[other]) for text, other in zip(texts, beside, strict=True)]
        encodings = self._encoded(
            inputs, truncation="longest_first" if beside is None else "only_first"
        )
        segments = [encoding.type_ids for encoding in encodings] if self.typed and texts else None
        return Tokens([encoding.ids for encoding in encodings], segments)

    def knows(self, texts: Sequence[str]) -> Bools:
        """Whether each text has a known token with a letter, digit or emoji, shape (texts,).

        Special tokens and the token for unknown characters do not count.
        """
        unknown = self._unknown

        def knows(beginnings: Sequence[str]) -> Bools:
            encodings = self._encoded(beginnings, truncation=None)
            known = (
                any(
                    token not in unknown and any(map(_is_content, text[start:end]))
                    for token, (start, end) in zip(encoding.ids, encoding.offsets, strict=True)
                )
                for text, encoding in zip(beginnings, encodings, strict=True)
            )
            return np.fromiter(known, dtype=np.bool_, count=len(beginnings))

        return first_words_known(texts, knows)

    @property
    def has_embeddings(self) -> bool:
        """Whether the input embeddings, which `similarity` needs, are available."""
        return True

    def similarity(self, example: Example) -> float:
        """Computes how similar a text is to its target, beyond what its length makes likely.

        This is `similarities_to` of the whole text to the first tokens of the target's content
        words (endings are similar to each other), standardised by the similarity of tokens sampled
        from the vocabulary, less the increase expected from the logarithm of the text's number of
        distinct tokens; minus infinity for a target or text without known tokens.
        """
        target, unknown = example.target or "", self._unknown
        located = list(zip(*self._located(target), strict=True))
        firsts = (
            next((token for token, (start, end) in located if a < end and start < b), None)
            for a, b in content_spans(target)
        )
        target_ids = [token for token in firsts if token is not None and token not in unknown]
        text_ids = sorted(set(self._located(example.text)[0]) - unknown)
        if not target_ids or not text_ids:
            return -np.inf
        if self._sampled is None:
            size = int(self._words.get_vocab_size())
            ids = np.linspace(size // 20, size - 1, _SAMPLED_TOKENS)  # after the special tokens
            self._sampled = self._embedded(ids.astype(np.int64).tolist())
        embedded = self._embedded(target_ids)
        [best] = similarities_to(embedded, self._embedded(text_ids), [0, len(text_ids)])
        cosines = self._sampled @ embedded.T
        deviation = max(float(cosines.std(axis=0).mean()), 1e-9)
        expected = _LENGTH_SLOPE * float(np.log(len(text_ids)))
        return (best - float(cosines.mean())) / deviation - expected

    @property
    def _unknown(self) -> set[int | None]:
        """Ids of the token for unknown characters."""
        names = (getattr(self._words.model, "unk_token", None), "[UNK]", "<unk>")
        return {self._words.token_to_id(name) for name in names if name}

    def _encoded(self, inputs: Sequence[Any], *, truncation: str | None) -> list[Any]:
        """Encodes texts or pairs: truncated and with special tokens, or neither."""
        words = self._words
        if truncation is not None:
            words = self._truncating.get(truncation) or self._truncating_tokenizer(truncation)
        with reported("the encoder's tokenizer cannot read a text"):
            encodings: list[Any] = words.encode_batch(
                inputs, add_special_tokens=truncation is not None
            )
        return encodings

    def _truncating_tokenizer(self, strategy: str) -> Any:
        """Returns a copy of the tokenizer that truncates inputs to `max_tokens`."""
        words = type(self._words).from_str(self._words.to_str())
        words.enable_truncation(self.max_tokens, strategy=strategy)
        self._truncating[strategy] = words
        return words

    def worded(self, wording: str, target: str) -> str:
        """Inserts a target into a wording, truncated to fit half of `max_tokens` with it."""
        whole = wording.replace(TARGET, target)
        # A token has at least one character, so most texts need not be tokenised.
        if len(whole) <= self.max_tokens // 2:
            return whole
        return wording.replace(TARGET, self._truncated(target, self.room_for_target(wording)))

    def room_for_target(self, wording: str) -> int:
        """Returns the number of tokens that a wording leaves for the target."""
        return self.max_tokens // 2 - len(self._located(wording.replace(TARGET, ""))[1])

    def _truncated(self, text: str, most: int) -> str:
        """Returns the first `most` tokens of a text."""
        ends = [end for _, end in self._located(text)[1]]
        return text[: ends[most - 1] if most > 0 else 0] if len(ends) > most else text

    def _located(self, text: str) -> tuple[list[int], list[Span]]:
        """Returns the ids and spans of a text's tokens, untruncated and without special tokens."""
        [encoding] = self._encoded([text], truncation=None)
        return encoding.ids, [(int(a), int(b)) for a, b in encoding.offsets]

    def _room(self, beside: Sequence[str]) -> int:
        """Returns the number of tokens left for a text beside the longest of other texts."""
        room = self.max_tokens - int(self._words.num_special_tokens_to_add(bool(beside)))
        short = (self._truncated(text, self.max_tokens // 2) for text in beside)
        return room - max((len(self._located(text)[1]) for text in short), default=0)

    def excerpts(self, example: Example, *, beside: Sequence[str] = ()) -> list[Excerpt]:
        """Selects what is read of an article, according to `long_text`.

        Args:
            example: The article, with its target for `relevant`.
            beside: The second texts, such as the target, of the pairs that it is read in; the
                excerpts leave room for the longest.
        """
        # A token has at least one character, so most short texts need not be tokenised.
        most = self.max_tokens - int(self._words.num_special_tokens_to_add(bool(beside)))
        if self.long_text == "head" or len(example.text) <= most // 2:
            return [((0, len(example.text)),)]
        room = self._room(beside)
        ids, places = self._located(example.text)
        starts = [start for start, _ in places]

        def similarity(pieces: Sequence[Span]) -> Sequence[float]:
            bounds = [bisect_left(starts, start) for start, _ in pieces]
            bounds.append(bisect_left(starts, pieces[-1][1]) if pieces else 0)
            target_ids, _ = self._located(example.target or "")
            return similarities_to(self._embedded(target_ids), self._embedded(ids), bounds)

        how = self.long_text
        return excerpts(example, how=how, room=room, places=places, similarity=similarity)

    def tokens_read(self, example: Example, *, beside: Sequence[str] = ()) -> tuple[int, int]:
        """Returns the number of a text's tokens that are read, and its number of tokens."""
        places = self._located(example.text)[1]
        whole = len(places)
        if self.long_text == "head":
            return min(self._room(beside), whole), whole
        read = chain.from_iterable(self.excerpts(example, beside=beside))
        starts = [start for start, _ in places]
        spans = set(read)  # disjoint; each window contains the title
        return sum(bisect_left(starts, b) - bisect_left(starts, a) for a, b in spans), whole

    @abstractmethod
    def _embedded(self, ids: Sequence[int]) -> Floats:
        """Returns the input embeddings of tokens, of norm 1, shape (tokens, width)."""


def _is_content(char: str) -> bool:
    """Whether a character is a letter, digit or emoji."""
    return char.isalnum() or unicodedata.category(char) == "So"
