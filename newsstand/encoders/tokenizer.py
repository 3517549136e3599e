"""From text to token numbers: what an encoder reads of articles, pairs, and long texts."""

import unicodedata
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from newsstand.encoders.long_text import Excerpt, LongText, Span, excerpts, likeness_to
from newsstand.errors import NewsstandError, reported
from newsstand.features.coverage import first_words_known
from newsstand.models.hypotheses import TARGET
from newsstand.text.example import Example
from newsstand.text.targets import content_spans
from newsstand.types import Bools

# Tokens that `likeness` compares a target with, and how much a text's length makes likely.
_DRAWN = 1000
_BY_LENGTH = 0.8


@dataclass(frozen=True, slots=True)
class Tokens:
    """Token numbers of each input, special tokens included, without padding.

    Args:
        ids: Of each input, its token numbers.
        segments: Of each input, which text each token is of: 0, or 1 for the target's; None for
            networks that are not told.
    """

    ids: list[list[int]]
    segments: list[list[int]] | None

    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each input."""
        return np.array([len(tokens) for tokens in self.ids], dtype=np.int64)


class TokenReader(ABC):
    """Cuts texts into tokens; threads may share one.

    Args:
        words: A tokenizer of the library tokenizers, whose cutting and padding are switched off.
        typed: Whether the network is told which text a token is of.
        max_tokens: Inputs are cut to so many tokens, special tokens included.
        long_text: What is read of a longer article.

    Raises:
        NewsstandError: Inputs are cut to so few tokens that special ones take most of them.
    """

    def __init__(self, words: Any, *, typed: bool, max_tokens: int, long_text: LongText) -> None:
        # Where texts are cut is a state of a tokenizer. Changed between two calls, it would be
        # another thread's, too: so each way has a tokenizer of its own, made when it is needed.
        words.no_padding()
        words.no_truncation()
        self._words = words
        self._cutting: dict[str, Any] = {}
        self._usual: NDArray[np.float64] | None = None  # embeddings of tokens of any kind
        self.typed = typed
        self.max_tokens = max_tokens
        self.long_text = long_text
        special = int(words.num_special_tokens_to_add(True))
        if special > max_tokens // 2:
            raise NewsstandError(
                f"the encoder's tokenizer adds {special} special tokens to a pair, which leaves no "
                f"room in {max_tokens}"
            )

    def tokens(self, texts: Sequence[str], beside: Sequence[str] | None = None) -> Tokens:
        """Token numbers of texts, or of pairs of two texts; of these, only the first is cut.

        The second, a target, may have half of the tokens at most, and is cut to that.
        """
        inputs: list[Any] = list(texts)
        if beside is not None:
            short = {text: self._cut(text, self.max_tokens // 2) for text in dict.fromkeys(beside)}
            inputs = [(text, short[other]) for text, other in zip(texts, beside, strict=True)]
        found = self._encoded(inputs, cut="longest_first" if beside is None else "only_first")
        segments = [encoding.type_ids for encoding in found] if self.typed and texts else None
        return Tokens([encoding.ids for encoding in found], segments)

    def knows(self, texts: Sequence[str]) -> Bools:
        """Whether each text has a token for a letter, digit or emoji, shape (texts,).

        Special tokens and the one for what the tokenizer does not know are none.
        """
        unknown = self._unknown

        def knows(beginnings: Sequence[str]) -> Bools:
            found = zip(beginnings, self._encoded(beginnings, cut=None), strict=True)
            flags = (
                any(
                    number not in unknown and any(map(_says, text[start:end]))
                    for number, (start, end) in zip(read.ids, read.offsets, strict=True)
                )
                for text, read in found
            )
            return np.fromiter(flags, dtype=np.bool_, count=len(beginnings))

        return first_words_known(texts, knows)

    @property
    def compares(self) -> bool:
        """Whether the input embeddings, which `likeness` needs, are at hand."""
        return True

    def likeness(self, example: Example) -> float:
        """How much more like its target a text is than its length alone would make it.

        As `likeness_to` of the whole text to the content words of the target, of each its first
        token (endings are alike by themselves), in standard deviations above tokens drawn from the
        vocabulary, less what the logarithm of the text's number of distinct tokens makes likely;
        minus infinity for a target without known tokens.
        """
        target, unknown = example.target or "", self._unknown
        found = list(zip(*self._parts(target), strict=True))
        firsts = (
            next((number for number, (start, end) in found if a < end and start < b), None)
            for a, b in content_spans(target)
        )
        wanted = [number for number in firsts if number is not None and number not in unknown]
        said = sorted(set(self._parts(example.text)[0]) - unknown)
        if not wanted or not said:
            return -np.inf
        if self._usual is None:
            size = int(self._words.get_vocab_size())
            drawn = np.linspace(size // 20, size - 1, _DRAWN)  # behind the special ones
            self._usual = self._embedded(drawn.astype(np.int64).tolist())
        meant = self._embedded(wanted)
        [best] = likeness_to(meant, self._embedded(said), [0, len(said)])
        cosines = self._usual @ meant.T
        spread = max(float(cosines.std(axis=0).mean()), 1e-9)
        return (best - float(cosines.mean())) / spread - _BY_LENGTH * float(np.log(len(said)))

    @property
    def _unknown(self) -> set[int | None]:
        """The numbers that stand for what the tokenizer does not know."""
        named = (getattr(self._words.model, "unk_token", None), "[UNK]", "<unk>")
        return {self._words.token_to_id(name) for name in named if name}

    def _encoded(self, inputs: Sequence[Any], *, cut: str | None) -> list[Any]:
        """Encodings of texts or pairs: cut and with special tokens, or neither."""
        words = self._words if cut is None else self._cutting.get(cut) or self._cuts(cut)
        with reported("the encoder's tokenizer cannot read a text"):
            found: list[Any] = words.encode_batch(inputs, add_special_tokens=cut is not None)
        return found

    def _cuts(self, how: str) -> Any:
        """A copy of the tokenizer that cuts inputs to what the network reads."""
        words = type(self._words).from_str(self._words.to_str())
        words.enable_truncation(self.max_tokens, strategy=how)
        self._cutting[how] = words
        return words

    def worded(self, wording: str, target: str) -> str:
        """What is read beside a text: a wording with the target, which is cut to what has room."""
        whole = wording.replace(TARGET, target)
        # A token has a character at least: most need no look at their tokens.
        if len(whole) <= self.max_tokens // 2:
            return whole
        return wording.replace(TARGET, self._cut(target, self.room_for_target(wording)))

    def room_for_target(self, wording: str) -> int:
        """Tokens that a wording leaves for the target, of the half that is read beside a text."""
        return self.max_tokens // 2 - len(self._parts(wording.replace(TARGET, ""))[1])

    def _cut(self, text: str, most: int) -> str:
        """A text's first tokens, so many at most."""
        ends = [end for _, end in self._parts(text)[1]]
        return text[: ends[most - 1] if most > 0 else 0] if len(ends) > most else text

    def _parts(self, text: str) -> tuple[list[int], list[Span]]:
        """Numbers and places of a text's tokens, without special tokens and uncut."""
        [found] = self._encoded([text], cut=None)
        return found.ids, [(int(a), int(b)) for a, b in found.offsets]

    def _room(self, beside: Sequence[str]) -> int:
        """Tokens that are left for the text beside the longest of others."""
        room = self.max_tokens - int(self._words.num_special_tokens_to_add(bool(beside)))
        short = (self._cut(text, self.max_tokens // 2) for text in beside)
        return room - max((len(self._parts(text)[1]) for text in short), default=0)

    def excerpts(self, example: Example, *, beside: Sequence[str] = ()) -> list[Excerpt]:
        """What is read of an article, as `long_text` says.

        Args:
            example: The article, with its target for `relevant`.
            beside: The texts, such as the target, that it is read in a pair with, one after
                another; the longest of them takes room.
        """
        # A token has a character at least: most short texts need no look at their tokens.
        most = self.max_tokens - int(self._words.num_special_tokens_to_add(bool(beside)))
        if self.long_text == "head" or len(example.text) <= most // 2:
            return [((0, len(example.text)),)]
        room = self._room(beside)
        ids, places = self._parts(example.text)
        starts = [start for start, _ in places]

        def likeness(pieces: Sequence[Span]) -> Sequence[float]:
            bounds = [bisect_left(starts, start) for start, _ in pieces]
            bounds.append(bisect_left(starts, pieces[-1][1]) if pieces else 0)
            wanted, _ = self._parts(example.target or "")
            return likeness_to(self._embedded(wanted), self._embedded(ids), bounds)

        return excerpts(example, how=self.long_text, room=room, places=places, likeness=likeness)

    def tokens_read(self, example: Example, *, beside: Sequence[str] = ()) -> tuple[int, int]:
        """How many of a text's tokens are read, and how many it has."""
        places = self._parts(example.text)[1]
        whole = len(places)
        if self.long_text == "head":
            return min(self._room(beside), whole), whole
        read = chain.from_iterable(self.excerpts(example, beside=beside))
        starts = [start for start, _ in places]
        spans = set(read)  # disjoint; the title is in each window
        return sum(bisect_left(starts, b) - bisect_left(starts, a) for a, b in spans), whole

    @abstractmethod
    def _embedded(self, ids: Sequence[int]) -> NDArray[np.float64]:
        """The network's input embeddings of tokens, of length 1, shape (tokens, width)."""


def _says(char: str) -> bool:
    """Whether a character is more than a mark: a letter, a digit, an emoji."""
    return char.isalnum() or unicodedata.category(char) == "So"
