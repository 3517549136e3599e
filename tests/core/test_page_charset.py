"""The encoding of a page: from a byte order mark, UTF-8, a declaration, or Windows-1252."""

import codecs

import pytest

from newsstand.text.article import Article
from newsstand.text.html_charset import declared_codec, page_text

META = '<meta charset="{}">'
HTTP = "<META content='text/html; charset={}' http-equiv=Content-Type>"


@pytest.mark.parametrize(
    ("label", "codec", "text"),
    [
        ("iso-8859-1", "cp1252", "“Café” 5 €"),
        ("US-ASCII", "cp1252", "naïve"),
        ("windows-1251", "cp1251", "Лёд сошёл"),
        ("KOI8-R", "koi8-r", "Рыбаки вышли в море"),
        ("iso-8859-2", "iso8859-2", "Żółć gęślą"),
        ("gb2312", "gbk", "镕基水库"),
        ("GBK", "gb18030", "北岭县水库"),
        ("big5", "big5hkscs", "渡輪停航"),
        ("Shift_JIS", "cp932", "①髙橋"),
        ("euc-jp", "euc_jp", "渡し船"),
        ("iso-2022-jp", "iso2022_jp", "渡し船"),
        ("ks_c_5601-1987", "cp949", "똠방각하"),
        ("euc-kr", "cp949", "나룻배"),
        ("windows-1256", "cp1256", "العبارة"),
        ("windows-1255", "cp1255", "מעבורת"),
        ("tis-620", "cp874", "เรือ"),
    ],
)
@pytest.mark.parametrize("declaration", [META, HTTP, '<?xml version="1.0" encoding="{}"?>'])
def test_a_declared_encoding_is_used(label: str, codec: str, text: str, declaration: str) -> None:
    page = f"{declaration.format(label)}<p>{text}</p>"
    assert page_text(page.encode(codec)) == page


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("é".encode(), "é"),
        ("é".encode("latin-1"), "é"),
        (b"\x93x\x94 \x81", "“x” \x81"),
        # A byte order mark is preferred to a declaration, and valid UTF-8 to a wrong one.
        (codecs.BOM_UTF8 + META.format("gbk").encode() + "é".encode(), META.format("gbk") + "é"),
        (META.format("iso-8859-1").encode() + "é".encode(), META.format("iso-8859-1") + "é"),
        (META.format("gbk").encode() + b"x", META.format("gbk") + "x"),
        ("é<p>".encode("utf-16"), "é<p>"),
        (codecs.BOM_UTF16_BE + "é<p>".encode("utf-16-be"), "é<p>"),
        ("<p>é".encode("utf-16-le"), "<p>é"),
        # UTF-16 cannot declare itself in ASCII.
        (META.format("utf-16").encode() + "é".encode(), META.format("utf-16") + "é"),
        # A page that ends within a letter.
        (("é" * 40).encode()[:-1], "é" * 39 + "\ufffd"),
        # Wrong, unknown and dangerous declarations.
        (META.format("utf-8").encode() + b"\xe9", META.format("utf-8") + "é"),
        (META.format("klingon").encode() + b"\xe9", META.format("klingon") + "é"),
        (b"<meta charset=unicode_escape>\\x41\xe9", "<meta charset=unicode_escape>\\x41é"),
        (
            META.format("shift_jis").encode() + b"\x82<p>",
            META.format("shift_jis") + "\ufffd<p>",
        ),
        (b"<!-- <meta charset=gbk> -->\xe9", "<!-- <meta charset=gbk> -->é"),
        (b"a\0b", "ab"),
        (bytes(range(256)), None),
        (b"", ""),
    ],
)
def test_any_bytes_are_decoded(page: bytes, text: str | None) -> None:
    decoded = page_text(page)
    assert text is None or decoded == text


def test_lone_surrogates_are_replaced() -> None:
    assert page_text("\ud83d\ude00 \ud83d\ufeff") == "😀 \ufffd\ufeff"
    Article.from_html("<p>\ud800</p>").body.encode()


def test_labels_name_text_codecs() -> None:
    labels = ["utf8", "latin1", "sjis", "x-gbk", "windows-31j", "koi8-u", "macintosh", "cp1252"]
    for label in labels:
        codec = declared_codec(META.format(label).encode())
        assert codec is not None
        assert codecs.lookup(codec)._is_text_encoding
    assert declared_codec(META.format("hex").encode()) is None
