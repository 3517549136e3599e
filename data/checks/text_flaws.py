"""Flaws of a text: damaged encoding, left-over markup, missing values written as text."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# What tables and scrapers write for missing text.
NO_VALUES = frozenset(
    [
        "na",
        "n/a",
        "#n/a",
        "nan",
        "none",
        "null",
        "nil",
        "undefined",
        "[removed]",
        "[deleted]",
        "-",
        "--",
        "?",
        "...",
        "n.a.",
    ]
)

FLAWS = {
    "mojibake": "UTF-8 read as another encoding (Ã© for é)",
    "replacement": "replacement characters (�) for lost letters",
    "html": "remains of HTML or scripts",
    "no-value": "a missing value written as text (NA, nan, None, null)",
    "no-text": "few letters, or unbroken strings",
}

# Windows-1252 decodes the bytes 80 to FF as these; misread UTF-8 is a run of two or more.
_BYTES = {bytes([x]).decode("cp1252", "ignore") or chr(x): x for x in range(0x80, 0x100)}
_RUN = re.compile(f"[{''.join(map(re.escape, _BYTES))}]{{2,}}")
# A single decoded character must be common in news: others are coincidences, such as the one behind
# German 'ß“'. Letters of other alphabets must come several in a row.
_USUAL = re.compile(r"[\u00a0-\u017f\u2010-\u205f\u20ac\u2122\ufeff\ufffd\U0001f300-\U0001faff]")
_ALPHABETS = re.compile(r"[\u0370-\u06ff\u0900-\u0dff\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]{2,}")

# Remains after preparation: unknown tags, truncated entities, scripts and styles.
_TAGS = re.compile(
    r"</[a-zA-Z][\w:-]*\s*>|<[a-zA-Z][\w:-]*(?:\s++[\w:-]++=[^<>]*+|:\w++\s*+/?)>|<!--|<!\[CDATA\["
)
_ENTITIES = re.compile(r"&(?:[a-zA-Z]{2,8}|#\d{2,6}|#x[\da-fA-F]{2,6});")
_CODE = re.compile(r"\bfunction\s?\(\w*\)\s?\{|[\w-]\s?\{\s?[\w-]{2,30}:[^{}\n]{1,80};")
_MARKUP = {"<": _TAGS, "&": _ENTITIES, "{": _CODE}
_UNBROKEN = re.compile(r"(?<!\S)(?!https?:|www\.)[!-~]{120}")
_LONG = 120  # bytes without whitespace
_LEAST_LETTERS = 0.5  # share of the characters other than whitespace

# The bytes that begin a letter: ASCII letters, and the first byte of every further character.
_LETTER_BYTES = np.zeros(256, dtype=np.bool_)
_LETTER_BYTES[[*range(65, 91), *range(97, 123), *range(0xC3, 0x100)]] = True
# Language identification: no false alarm on 16,500 English texts, and 94% of foreign texts are
# found (docs/experiments.md).
_READ, _LEAST, _SURE = 300, 100, 0.9  # characters, characters, probability
_NO_LANGUAGE = ("zxx", "und")
_SAME = {"nb": "no", "nn": "no", "hr": "sr", "bs": "sr", "ms": "id"}


@dataclass(frozen=True, slots=True)
class TextFacts:
    """Facts about one text.

    Args:
        body: Digest of the body in the files.
        title: Digest of the title in the files.
        prepared: Digest of the prepared body.
        letters: Number of letters in the prepared title and body.
        characters: Number of characters in the prepared title and body.
        flaws: Keys of `FLAWS`.
    """

    body: str
    title: str
    prepared: str
    letters: int
    characters: int
    flaws: tuple[str, ...]


def text_facts(raw_title: str, raw_body: str, title: str, body: str) -> TextFacts:
    """Examines a title and body, both raw (as in the files) and prepared.

    >>> text_facts("", "", "", "The cafÃ© opens at noon.").flaws
    ('mojibake',)
    """
    text = f"{title}\n{body}" if title else body
    encoded = text.encode("utf-8", "surrogatepass")
    codes = np.frombuffer(encoded, dtype=np.uint8)
    letters = int(np.count_nonzero(_LETTER_BYTES[codes]))
    blanks = np.flatnonzero(codes <= ord(" "))
    present = {
        # The first byte of a letter is misread as one of Â to ô, which are C3 and another byte.
        "mojibake": b"\xc3" in encoded and has_mojibake(text),
        "replacement": "\ufffd" in text,
        "html": any(sign in text and form.search(text) for sign, form in _MARKUP.items()),
        "no-value": any(part.strip().casefold() in NO_VALUES for part in (title, body)),
        "no-text": letters < _LEAST_LETTERS * (len(text) - len(blanks))
        or (_longest(blanks, len(codes)) >= _LONG and _UNBROKEN.search(text) is not None),
    }
    flaws = tuple(name for name, there in present.items() if there)
    return TextFacts(digest(raw_body), digest(raw_title), digest(body), letters, len(text), flaws)


def _longest(blanks: NDArray[np.int64], size: int) -> int:
    """Returns the length in bytes of the longest stretch without whitespace."""
    return int(np.diff(blanks, prepend=-1, append=size).max()) - 1


def digest(text: str) -> str:
    """Returns a digest of a text, 16 hexadecimal digits."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def has_mojibake(text: str) -> bool:
    """Returns whether some of the text is UTF-8 that was read as Windows-1252.

    >>> has_mojibake("itâ€™s"), has_mojibake("so ein Spaß“"), has_mojibake("ÉTÉ »")
    (True, False, False)
    """
    for run in _RUN.findall(text):
        decoded = bytes(_BYTES[char] for char in run).decode("utf-8", "ignore")
        if _USUAL.search(decoded) or _ALPHABETS.search(decoded):
            return True
    return False


def languages(texts: Iterable[str]) -> list[str | None]:
    """Identifies the language of each text: an ISO 639 code, or None below probability 0.9.

    Closely related languages count as one (`canonical`).

    >>> languages(["Ja."])
    [None]
    """
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    model = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identified: list[str | None] = []
    for text in texts:
        code, sure = model.classify(text[:_READ]) if len(text) >= _LEAST else ("", 0.0)
        known = sure >= _SURE and code not in _NO_LANGUAGE
        identified.append(canonical(str(code)) if known else None)
    return identified


def canonical(tag: str) -> str:
    """Returns the language of a BCP 47 tag, as the code that `languages` uses.

    >>> canonical("en-GB"), canonical("nb_NO")
    ('en', 'no')
    """
    code = tag.lower().replace("_", "-").split("-")[0]
    return _SAME.get(code, code)
