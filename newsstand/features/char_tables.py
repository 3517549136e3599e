"""Character tables of n-grams: the lower case of each character, and which separate words."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

APOSTROPHE = ord("'")
_CASELESS = 0x20000  # from here on, no character has a lower case or separates words

# Ranges (first, last) of the characters above ASCII that separate words. Listed here because
# `unicodedata` changes with the Python version, and a saved model must always see the same words.
SEPARATORS = (
    *((0x80, 0xBF), (0xD7, 0xD7), (0xF7, 0xF7), (0x37E, 0x37E), (0x387, 0x387), (0x55D, 0x55D)),
    *((0x589, 0x58A), (0x5BE, 0x5BE), (0x5C0, 0x5C0), (0x5C3, 0x5C3), (0x609, 0x60D)),
    *((0x61B, 0x61F), (0x66A, 0x66D), (0x6D4, 0x6D4), (0x700, 0x70D), (0x964, 0x965)),
    *((0xF08, 0xF12), (0x104A, 0x104F), (0x1360, 0x1368), (0x1680, 0x1680), (0x17D4, 0x17D6)),
    *((0x17D8, 0x17DA), (0x1800, 0x1805), (0x1808, 0x1809)),  # so far: Latin-1 to Mongolian
    *((0x2000, 0x206F), (0x20A0, 0x20CF), (0x2190, 0x2BFF), (0x2E00, 0x2E7F)),  # dashes, quotes, €
    *((0x3000, 0x3004), (0x3008, 0x3020), (0x3030, 0x303F), (0x30FB, 0x30FB)),  # CJK
    *((0xD800, 0xF8FF), (0xFE10, 0xFE1F), (0xFE30, 0xFE6F)),  # lone surrogates, private use
    *((0xFEFF, 0xFF0F), (0xFF1A, 0xFF20), (0xFF3B, 0xFF40), (0xFF5B, 0xFF65), (0xFFE0, 0xFFFF)),
)


def lowercase(codes: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Maps each code point to its lower case, and separators of words to zero."""
    values = _lowercase_table().take(codes, mode="clip")  # faster than "raise"
    if (high := np.flatnonzero(codes >= _CASELESS)).size:
        values[high] = codes[high]
    return values


@cache
def _lowercase_table() -> NDArray[np.uint32]:
    """Returns `lowercase` of each code point below `_CASELESS`.

    A table of all code points would take 20 ms, 5% of the time to score one article in a new
    process.
    """
    codes = np.arange(_CASELESS, dtype="<u4")
    # The only letter whose lower case is two characters would shift all that follow it.
    text = codes.tobytes().decode("utf-32-le", "surrogatepass").replace("İ", "i").lower()
    table = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint32)
    table[0x3C2] = 0x3C3  # both lower-case sigmas count as the usual one
    table[:128] *= np.array([chr(code).isalnum() or code == ord("_") for code in range(128)])
    for first, last in SEPARATORS:
        table[first : last + 1] = 0
    table[[APOSTROPHE, 0x2019]] = APOSTROPHE
    table.flags.writeable = False
    return table
