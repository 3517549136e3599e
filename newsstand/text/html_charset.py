"""Decodes web pages, whatever their encoding, as browsers do."""

import codecs
import re

# Bytes that are searched for a declaration of the encoding (browsers search 1,024).
_HEAD = 4096
_META = re.compile(
    rb"<meta\b[^>]{0,500}?charset\s{0,9}=\s{0,9}[\"']?\s{0,9}([\w.:()-]{2,40})", re.I
)
_XML = re.compile(rb"<\?xml\b[^>]{0,200}?encoding\s{0,9}=\s{0,9}[\"']([\w.:()-]{2,40})", re.I)
_COMMENT = re.compile(rb"<!--.*?-->", re.S)

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
# Python's codecs, each with the names that pages declare (https://encoding.spec.whatwg.org/#names-and-labels).
# A label means the encoding that browsers use: Windows-1252 for Latin-1, GB 18030 for GB 2312.
_LABELS = {
    "utf-8": "utf8 unicode-1-1-utf-8 unicode11utf8 unicode20utf8 x-unicode20utf8",
    # A page that declares UTF-16 in an ASCII declaration is not UTF-16.
    "utf-8 ": "utf-16 utf-16le utf-16be unicode ucs-2 iso-10646-ucs-2 unicodefeff unicodefffe",
    "cp1252": "windows-1252 x-cp1252 iso-8859-1 iso8859-1 iso88591 iso_8859-1 latin1 "
    "latin-1 l1 iso_8859-1:1987 ascii us-ascii ansi_x3.4-1968 cp819 ibm819 iso-ir-100 csisolatin1",
    "cp1250": "windows-1250 x-cp1250",
    "cp1251": "windows-1251 x-cp1251 win-1251",
    "cp1253": "windows-1253 x-cp1253",
    "cp1254": "windows-1254 x-cp1254 iso-8859-9 iso8859-9 iso88599 latin5 l5 csisolatin5",
    "cp1255": "windows-1255 x-cp1255",
    "cp1256": "windows-1256 x-cp1256",
    "cp1257": "windows-1257 x-cp1257",
    "cp1258": "windows-1258 x-cp1258",
    "cp866": "ibm866 866 csibm866",
    "cp874": "windows-874 dos-874 tis-620 iso-8859-11 iso8859-11",
    "iso8859-2": "iso-8859-2 iso88592 iso_8859-2 latin2 l2 csisolatin2",
    "iso8859-3": "iso-8859-3 iso88593 iso_8859-3 latin3 l3 csisolatin3",
    "iso8859-4": "iso-8859-4 iso88594 iso_8859-4 latin4 l4 csisolatin4",
    "iso8859-5": "iso-8859-5 iso88595 iso_8859-5 cyrillic csisolatincyrillic",
    "iso8859-6": "iso-8859-6 iso88596 iso_8859-6 arabic ecma-114 asmo-708",
    "iso8859-7": "iso-8859-7 iso88597 iso_8859-7 greek greek8 elot_928 ecma-118",
    "iso8859-8": "iso-8859-8 iso88598 iso_8859-8 hebrew visual iso-8859-8-e iso-8859-8-i logical",
    "iso8859-10": "iso-8859-10 iso885910 latin6 l6",
    "iso8859-13": "iso-8859-13 iso885913",
    "iso8859-14": "iso-8859-14 iso885914",
    "iso8859-15": "iso-8859-15 iso885915 iso_8859-15 latin-9 latin9 l9",
    "iso8859-16": "iso-8859-16",
    "koi8-r": "koi8 koi8_r koi cskoi8r",
    "koi8-u": "koi8-ru",
    "mac-roman": "macintosh mac x-mac-roman csmacintosh",
    "mac-cyrillic": "x-mac-cyrillic x-mac-ukrainian",
    "gb18030": "gbk gb2312 gb_2312 gb_2312-80 x-gbk chinese csgb2312 iso-ir-58 cp936 gb-2312",
    "big5hkscs": "big5 big5-hkscs big-5 cn-big5 x-x-big5 csbig5 cp950",
    "euc_jp": "euc-jp x-euc-jp cseucpkdfmtjapanese eucjp",
    "cp932": "shift_jis shift-jis sjis x-sjis ms932 ms_kanji windows-31j csshiftjis",
    "iso2022_jp": "iso-2022-jp csiso2022jp",
    "cp949": "euc-kr ks_c_5601-1987 ks_c_5601-1989 ks_c_5601 ksc5601 ksc_5601 korean windows-949 "
    "iso-ir-149 cseuckr csksc56011987",
}
_CODECS = {
    label: codec.strip()
    for codec, labels in _LABELS.items()
    for label in (codec.strip(), *labels.split())
}


def page_text(page: str | bytes) -> str:
    """Decodes a page, whatever its encoding.

    The encoding is that of a byte order mark, else UTF-8 if the bytes are valid UTF-8 (text in
    another encoding rarely is, and many pages declare a wrong one), else the declared encoding,
    else Windows-1252. Invalid bytes become U+FFFD.
    """
    return _decoded(page).replace("\0", "").removeprefix("\ufeff")


def _decoded(page: str | bytes) -> str:
    if isinstance(page, str):
        # A lone surrogate can be neither printed nor saved.
        return page.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    for mark, codec in _MARKS:
        if page.startswith(mark):
            return page.decode(codec, "replace")
    declared = declared_codec(page[:_HEAD])
    # All bytes of this encoding are ASCII, and so valid UTF-8.
    if declared != "iso2022_jp":
        try:
            return page.decode("utf-8")
        except UnicodeDecodeError:
            pass
        text = page.decode("utf-8", "replace")
        # A page in UTF-8 with a truncated letter, or with a comment in another encoding.
        if _foreign(text) > 10 * text.count("\ufffd"):
            return text
    if declared in (None, "utf-8", "cp1252"):
        return codecs.charmap_decode(page, "replace", _WINDOWS)[0]
    return page.decode(declared, "replace")


def declared_codec(head: bytes) -> str | None:
    """Returns Python's name of the encoding declared in a page's first bytes, or None."""
    match = _XML.match(head.lstrip()) or _META.search(_COMMENT.sub(b"", head))
    return _CODECS.get(match[1].decode("ascii", "replace").strip().lower()) if match else None


def _foreign(text: str) -> int:
    """Returns the number of characters outside ASCII, without U+FFFD."""
    return len(text) - len(text.encode("ascii", "ignore")) - text.count("\ufffd")


# The five bytes that are undefined in Windows-1252 are decoded as Latin-1, as in browsers.
_WINDOWS = "".join(
    chr(number) if number in (0x81, 0x8D, 0x8F, 0x90, 0x9D) else bytes([number]).decode("cp1252")
    for number in range(256)
)
