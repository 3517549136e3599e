"""Hashed n-grams agree with a slow reference implementation, whatever the chunks."""

# ruff: noqa: RUF001 (texts in many scripts are what is tested)

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsstand.features import hashed_ngrams as engine
from newsstand.features.char_tables import SEPARATORS, lowercase
from newsstand.features.hashed_ngrams import HashedNgrams, text_key

WRAP = 2**64
BETWEEN = "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in SEPARATORS)
LETTER = rf"[^\x00-/:-@\[-^`{{-\x7f{BETWEEN}]"
WORD = re.compile(rf"{LETTER}+(?:['’]{LETTER}+)*")

GOLDEN = [68831, 503673, 311972, 974623, 869037, 488853, 242526, 197235, 104596]
GOLDEN += [205060, 320665, 737328, 448937]
GOLDEN_KEY = 1513695681954575237

TEXTS = [
    "",
    " ",
    "a",
    "Don't — “quote” 'like this' it’s rock 'n' roll, the boys’ 'tis a''b ''' '",
    "AMSTERDAM (Reuters) - U.S. grain_prices fell 3.5%, to €42 a tonne…\n\nRead more: http://x.org/a-b",
    "Ünïcödé ÉTÉ straße İstanbul ΟΔΟΣ Москва ЁЛКА, «да»",
    "中文新闻。今日头条，台北！ 日本語・ニュース 人々",
    "สวัสดีชาวโลก خبر عاجل، هل تعلم؟ हिन्दी समाचार। דואר־אלקטרוני",
    "nul\0inside \ud800 lone\udfff surrogates 😀 emoji👍🏽 \ufeff \ufffd",
    "x" * 300 + " " + "ß" * 40,
]
CONFIGS = [
    {"words": (1, 1)},
    {"words": (1, 2)},
    {"words": (2, 3), "seed": 7},
    {"words": None, "chars": (1, 2), "bits": 10},
    {"words": None, "chars": (3, 5)},
    {"words": (1, 3), "chars": (5, 6), "bits": 24},
]
configs = pytest.mark.parametrize("config", CONFIGS, ids=str)

ODD = [*"'’ \n.,-_aZ09İΣςß\0\ud800\udc00", "\u2028", "\u3000", "中", "😀"]
texts = st.text(st.one_of(st.sampled_from(ODD), st.characters()), max_size=60)
english = st.text(st.sampled_from("ab'’ .Zé"), max_size=40)


def lower(text: str) -> str:
    """Lower-cases each character by itself, so that the length stays the same."""
    return "".join({"İ": "i", "ς": "σ", "’": "'"}.get(c, c.lower()) for c in text)


def reference(text: str, words=None, chars=None) -> Iterator[tuple[str, str, int, int]]:
    """Yields kind, n-gram, start and end of each n-gram, in the order of `positions`."""
    found = [(lower(match[0]), *match.span()) for match in WORD.finditer(text)]
    for length in range(words[0], words[1] + 1) if words else ():
        for first in range(len(found) - length + 1):
            gram = found[first : first + length]
            yield "words", " ".join(word for word, _, _ in gram), gram[0][1], gram[-1][2]
    for length in range(chars[0], chars[1] + 1) if chars else ():
        for word, start, end in found:
            marked = f"\x01{word}\x01" if length > 1 else word
            if len(marked) < length and length == chars[0]:
                yield "chars", marked, start, end
            for first in range(len(marked) - length + 1):
                gram, place = marked[first : first + length], start + first - (length > 1)
                yield "chars", gram, max(place, start), min(place + length, end)


def mix(number: int) -> int:
    number ^= number >> 33
    number = number * 0xFF51AFD7ED558CCD % WRAP
    number ^= number >> 29
    return number * 0xC4CEB9FE1A85EC53 % WRAP


def bucket(kind: str, gram: str, bits: int, seed: int, key: int = 0) -> int:
    """Returns the bucket of one n-gram, computed with Python integers."""
    base, number = 0x9E3779B97F4A7C15, 0
    for part in gram.split(" ") if kind == "words" else [gram]:
        number = number * 0xD1B54A32D192ED03
        number += sum(ord(c) * pow(base, place, WRAP) for place, c in enumerate(part))
    if kind == "chars":
        number += 0xA0761D6478BD642F
    salt = mix((key + mix((seed + 1) * base % WRAP)) % WRAP)
    return mix(number % WRAP ^ salt) >> (64 - bits)


def check(text: str, config: dict, key: int = 0) -> None:
    ngrams = HashedNgrams(**config)
    expected = list(reference(text, ngrams.words, ngrams.chars))
    positions = ngrams.positions(text, key)
    assert positions.starts.tolist() == [start for _, _, start, _ in expected]
    assert positions.ends.tolist() == [end for *_, end in expected]
    assert positions.buckets.tolist() == [
        bucket(kind, gram, ngrams.bits, ngrams.seed, key) for kind, gram, _, _ in expected
    ]
    row = ngrams.counts([text], np.array([[key]], dtype=np.uint64))
    assert dict(zip(row.indices.tolist(), row.data.tolist(), strict=True)) == Counter(
        positions.buckets.tolist()
    )


def same(left, right) -> bool:
    pairs = ((getattr(left, part), getattr(right, part)) for part in ("indptr", "indices", "data"))
    return left.shape == right.shape and all(np.array_equal(a, b) for a, b in pairs)


@configs
@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_curated_texts_match_the_reference(text, config):
    check(text, config)


@given(text=texts, config=st.sampled_from(CONFIGS), key=st.integers(0, WRAP - 1))
@settings(deadline=None, max_examples=200)
def test_any_text_matches_the_reference(text, config, key):
    check(text, config, key)


@given(text=english)
@settings(deadline=None)
def test_words_match_a_plain_pattern(text):
    positions = HashedNgrams(words=(1, 1)).positions(text)
    found = [text[start:end] for start, end in zip(positions.starts, positions.ends, strict=True)]
    assert found == re.findall(r"\w+(?:['’]\w+)*", text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't say 'like this'.", ["Don't", "say", "like", "this"]),
        ("“It’s over”—he said…", ["It’s", "over", "he", "said"]),
        ("Prix\u00a0: 5\u202f000 €", ["Prix", "5", "000"]),
        ("«Да», сказал он", ["Да", "сказал", "он"]),
        ("今日头条，台北！「新闻」", ["今日头条", "台北", "新闻"]),
        ("هل تعلم؟ نعم، أعلم", ["هل", "تعلم", "نعم", "أعلم"]),
        ("naïve cafés, naïve", ["naïve", "cafés", "naïve"]),
        ("a_b\0c\ud800d", ["a_b", "c", "d"]),
    ],
)
def test_words_of_news_text(text, words):
    positions = HashedNgrams(words=(1, 1)).positions(text)
    found = [text[start:end] for start, end in zip(positions.starts, positions.ends, strict=True)]
    assert found == words


def test_an_ngram_has_the_same_bucket_alone_and_in_a_text():
    text = TEXTS[4]
    for length in (1, 2, 3):
        ngrams = HashedNgrams(words=(length, length))
        positions = ngrams.positions(text)
        for at, start, end in zip(positions.buckets, positions.starts, positions.ends, strict=True):
            assert ngrams.counts([text[start:end]]).indices.tolist() == [at]


def test_word_order_matters_but_not_case_or_punctuation():
    ngrams = HashedNgrams(words=(1, 2), chars=(2, 4))
    assert same(ngrams.counts(["Don't PANIC: ÉTÉ ΟΔΟΣ"]), ngrams.counts(["don’t “panic” été οδος"]))
    one, other = HashedNgrams(words=(2, 2)).counts(["dog bites man", "man bites dog"]).toarray()
    assert one.sum() == other.sum() == 2
    assert not np.any(one * other)


def test_lowercase_agrees_with_python_on_every_code_point():
    table = lowercase(np.arange(sys.maxunicode + 1, dtype=np.uint32))
    assert len(table) == sys.maxunicode + 1
    changed = [code for code in range(len(table)) if len(chr(code).lower()) != 1]
    assert [chr(code) for code in changed] == ["İ"]
    for code, value in enumerate(table.tolist()):
        if value:
            assert chr(value) == lower(chr(code))
    # Lower case keeps letters as letters; otherwise headlines in capitals would have other words.
    assert np.all(table[table[table > 0]] == table[table > 0])
    assert engine._EDGE not in table


def test_words_include_every_letter_and_digit():
    table = lowercase(np.arange(sys.maxunicode + 1, dtype=np.uint32))
    lost = {code for code in range(0x2E80) if chr(code).isalnum() and not table[code]}
    # Superscripts, fractions and circled numbers, the ordinal signs and the micro sign.
    assert all(code < 0xC0 or code >= 0x2000 for code in lost)
    assert not any(table[code] for code in range(0x80) if chr(code).isspace())
    assert not any(table[ord(c)] for c in '\u00a0\u2003\u3000—–…“”„«»•·،؛؟。，！？（）$€£"')


@configs
@given(batch=st.lists(texts, max_size=12), cut=st.integers(1, 40))
@settings(deadline=None, max_examples=40)
def test_rows_are_independent_of_other_texts(config, batch, cut):
    ngrams = HashedNgrams(**config)
    whole = ngrams.counts(batch)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "_CHUNK", cut)
        assert same(ngrams.counts(batch), whole)
    assert same(ngrams.counts(batch[::-1]), whole[::-1])
    for row, text in enumerate(batch):
        assert same(ngrams.counts([text]), whole[[row]])


@pytest.mark.parametrize("bits", [10, 20, 24])
def test_the_matrix_has_canonical_format(bits):
    matrix = HashedNgrams(bits=bits).counts(TEXTS * 60)
    assert matrix.shape == (len(TEXTS) * 60, 2**bits)
    assert (matrix.dtype, matrix.indices.dtype, matrix.indptr.dtype) == ("f4", "i4", "i4")
    matrix.check_format(full_check=True)
    again = matrix.copy()
    again.has_canonical_format = False
    again.sum_duplicates()
    assert same(matrix, again)
    assert matrix.data.min() >= 1
    assert same(matrix[: len(TEXTS)], HashedNgrams(bits=bits).counts(TEXTS))


@given(batch=st.lists(st.tuples(texts, *[st.integers(0, WRAP - 1)] * 3), max_size=6))
@settings(deadline=None, max_examples=50)
def test_counts_with_several_keys_are_sums(batch):
    ngrams = HashedNgrams(words=(1, 2), chars=(3, 3), bits=12)
    batch_texts = [text for text, *_ in batch]
    keys = np.array([keys for _, *keys in batch], dtype=np.uint64).reshape(len(batch), 3)
    together = ngrams.counts(batch_texts, keys)
    apart = sum(ngrams.counts(batch_texts, keys[:, [column]]) for column in range(3))
    assert np.array_equal(together.toarray(), apart.toarray() if batch else np.zeros((0, 2**12)))
    for row, (text, *own) in enumerate(batch):
        found = np.concatenate([ngrams.positions(text, key).buckets for key in own])
        assert np.array_equal(together[[row]].toarray()[0], np.bincount(found, minlength=2**12))


def test_keys_and_seeds_change_the_buckets():
    text = " ".join(f"word{number}" for number in range(300))
    plain = HashedNgrams(words=(1, 1)).positions(text).buckets
    assert np.array_equal(HashedNgrams(words=(1, 1)).positions(text, 0).buckets, plain)
    zeros = np.zeros((1, 1), dtype=np.uint64)
    assert same(HashedNgrams().counts([text], zeros), HashedNgrams().counts([text]))
    for key, seed in ((1, 0), (2, 0), (3, 0), (0, 1), (0, 2), (text_key("a target"), 0)):
        other = HashedNgrams(words=(1, 1), seed=seed).positions(text, key).buckets
        assert len(np.intersect1d(plain, other)) <= 3  # 0.09 by chance


def test_hashes_are_uniform():
    words = [f"{first}{last}" for first in "abcdefghijklmnopqrst" for last in range(5_000)]
    for key in (0, 1, 2**63):
        buckets = HashedNgrams(words=(1, 1)).positions(" ".join(words), key).buckets
        expected = 2**20 * -np.expm1(len(words) * np.log1p(-(2**-20)))
        assert abs(len(np.unique(buckets)) - expected) < 400  # five standard deviations
        assert np.bincount(buckets >> 12, minlength=2**8).std() < 1.3 * (len(words) / 2**8) ** 0.5
    pairs = HashedNgrams(words=(2, 2), bits=24).positions(" ".join(words)).buckets
    assert len(np.unique(pairs)) > len(words) * (1 - 1.2 * len(words) / 2**25)


def test_buckets_are_stable_for_saved_models():
    """These numbers are part of the bundle format: if they change, raise its version."""
    ngrams = HashedNgrams(words=(1, 2), chars=(5, 5), bits=20)
    assert ngrams.positions("Don’t, Ökonom 中").buckets.tolist() == GOLDEN
    assert text_key("US troops in Iraq", seed=3) == GOLDEN_KEY


@pytest.mark.parametrize("hash_seed", ["0", "12345"])
def test_buckets_are_the_same_in_another_process(hash_seed):
    code = (
        "import sys, numpy as np;"
        "from newsstand.features.hashed_ngrams import HashedNgrams, text_key;"
        "print(text_key('a b'), *HashedNgrams(chars=(3, 4)).positions(sys.argv[1]).buckets)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, TEXTS[5]],
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    here = [text_key("a b"), *HashedNgrams(chars=(3, 4)).positions(TEXTS[5]).buckets.tolist()]
    assert [int(number) for number in done.stdout.split()] == here


@pytest.mark.parametrize("length", [1, 2, 5])
@given(batch=st.lists(texts, max_size=8), cut=st.integers(1, 40))
@settings(deadline=None, max_examples=50)
def test_hashes_identify_ngrams_across_texts(length, batch, cut):
    ngrams = HashedNgrams(words=(length, length))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "_CHUNK", cut)
        hashes, numbers, starts = ngrams.hashes(batch)
    expected = [
        (number, start, gram)
        for number, text in enumerate(batch)
        for _, gram, start, _ in reference(text, words=(length, length))
    ]
    positions = zip(numbers.tolist(), starts.tolist(), strict=True)
    assert list(positions) == [(number, start) for number, start, _ in expected]
    # Hashes differ exactly where n-grams differ; their high bits are the buckets.
    grams = [gram for *_, gram in expected]
    pairs = set(zip(grams, hashes.tolist(), strict=True))
    assert len(pairs) == len(set(grams)) == len(set(hashes.tolist()))
    assert [number >> 44 for number in hashes.tolist()] == [
        bucket("words", gram, 20, 0) for gram in grams
    ]


def test_texts_without_ngrams():
    for config in CONFIGS:
        ngrams = HashedNgrams(**config)
        assert ngrams.counts([]).shape == (0, 2**ngrams.bits)
        assert ngrams.counts(["", " ", "\0", "'", "\ud800"]).nnz == 0
        assert len(ngrams.positions("").buckets) == len(ngrams.positions(" . ").starts) == 0


def test_one_huge_text_between_small_ones():
    sentence = "Wheat futures don’t fall on Monday, zürich traders said. "
    huge = sentence * (5_000_000 // len(sentence))
    matrix = HashedNgrams(words=(1, 2)).counts([sentence, huge, sentence])
    assert same(matrix[[0]], matrix[[2]])
    once, many = matrix[[0]].toarray()[0], matrix[[1]].toarray()[0]
    assert np.array_equal(many[once > 0], once[once > 0] * (5_000_000 // len(sentence)))
    assert many.sum() == 2 * 9 * (5_000_000 // len(sentence)) - 1


def test_many_tiny_texts():
    tiny = [f"story {number % 7}" for number in range(100_000)]
    for bits in (18, 24):
        matrix = HashedNgrams(bits=bits).counts(tiny)
        assert np.array_equal(np.diff(matrix.indptr), np.full(len(tiny), 3))
        assert same(matrix[:7], matrix[70_000:70_007])


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"words": None}, "at least one"),
        ({"words": (0, 2)}, "words: expected"),
        ({"words": (2, 1)}, "words: expected"),
        ({"chars": (4, 3)}, "chars: expected"),
        ({"bits": 9}, "bits: expected 10 to 24, got 9"),
        ({"bits": 25}, "bits: expected"),
    ],
)
def test_invalid_settings_are_refused(config, message):
    with pytest.raises(ValueError, match=message):
        HashedNgrams(**config)


def test_invalid_inputs_are_refused():
    with pytest.raises(TypeError, match="sequence of texts"):
        HashedNgrams().counts("one text")
    for shape in ((1, 1), (2,), (2, 0), (3, 1)):
        with pytest.raises(ValueError, match=r"keys: expected shape \(2, k\)"):
            HashedNgrams().counts(["a", "b"], np.zeros(shape, dtype=np.uint64))


@given(text=texts, seed=st.integers())
def test_text_key_ignores_case_and_blanks_only(text, seed):
    key = text_key(text, seed)
    assert 0 <= key < WRAP
    spaced = f"\n {text} ".replace(" ", " \t")
    assert key == text_key(spaced.swapcase() if text.isascii() else spaced, seed)
    assert key != text_key(text + " x", seed)
    assert key != text_key(text, seed + 1)
