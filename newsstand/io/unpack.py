"""Opens a file as plain bytes: decompressed, and text converted to UTF-8.

The first bytes of a file determine what it is; names only distinguish kinds of text. Decompressed
and converted content goes to an unnamed temporary file, which is deleted after reading.
"""

import bz2
import codecs
import gzip
import io
import lzma
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import IO, Any, BinaryIO, cast

PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip")

_MAGIC = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
}
# First bytes of files that are not tables.
_FOREIGN = {
    b"%PDF": "a PDF",
    b"\xd0\xcf\x11\xe0": "an old Excel or Word file",
    b"SQLite format 3\0": "a SQLite database",
    b"ARROW1": "an Arrow file",
    b"{\\rtf": "an RTF document",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    b"Rar!": "a RAR archive",
}
_OFFICE = {
    "[Content_Types].xml": "an Excel or Word file",
    "mimetype": "an OpenDocument file",
    "Index/Document.iwa": "an Apple Numbers or Pages file",
}
_MARKS = {  # longer ones first
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_SAVE = "save it as CSV (UTF-8)"

_CHUNK = 1 << 20
_IN_MEMORY = 1 << 26  # bytes; more is written to a file
# Text compresses to a tenth, repetitive tables to a fiftieth; only a decompression bomb is worse.
_LEAST, _GROWTH = 1 << 26, 200
_XZ_MEMORY = 1 << 28  # maximum that a header may request, in bytes


class Unreadable(Exception):  # noqa: N818 - a problem of a file, turned into a `Problem`
    """A file that is not a table, is damaged, or decompresses to too many bytes."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The plain bytes of a file.

    Args:
        stream: A seekable stream, at its beginning.
        suffix: Suffix of the name without that of a compression: `.csv` of `rows.csv.gz`.
        parquet: Whether the first bytes are those of Parquet.
    """

    stream: BinaryIO
    suffix: str
    parquet: bool


def table_suffix(path: PurePath) -> str:
    """The suffix of a file's name in lower case, without that of a compression.

    >>> table_suffix(PurePath("rows.CSV.gz")), table_suffix(PurePath("rows.zip"))
    ('.csv', '.zip')
    """
    suffix = path.suffix.lower()
    return PurePath(path.stem).suffix.lower() or suffix if suffix in PACKED else suffix


@contextmanager
def opened(path: Path, encoding: str | None = None) -> Iterator[Opened]:
    """The plain bytes of a file.

    Args:
        path: Text or Parquet, compressed by gzip, bzip2, xz, zstd or zip (one file) or not.
        encoding: Encoding of the text; None for UTF-8, or that of a byte order mark.

    Raises:
        Unreadable: The file cannot be read; the message says what it is and what to do.
    """
    with ExitStack() as stack:
        raw: BinaryIO = stack.enter_context(path.open("rb"))
        head = _head(raw)
        _refuse_foreign(head)
        packing = next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)
        suffix = table_suffix(path)
        if packing == "bzip2" and head[4:10] != b"1AY&SY":
            packing = None  # text that begins with BZh
        if packing:
            target = stack.enter_context(_temporary())
            try:
                inside, name = _unpacked(raw, packing, stack)
                _copy(inside, target, _most(path))
            except (EOFError, OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as error:
                raise Unreadable(f"damaged, not readable as {packing} ({error})") from None
            suffix = table_suffix(PurePath(name)) if name else suffix
            raw, head = target, _head(target)
            _refuse_foreign(head)
        parquet = head.startswith(b"PAR1")
        mark = next((name for bom, name in _MARKS.items() if head.startswith(bom)), None)
        if not parquet and (mark or encoding):
            raw = _in_utf8(raw, mark or str(encoding), stack)
        yield Opened(raw, suffix, parquet)


def _head(stream: BinaryIO) -> bytes:
    stream.seek(0)
    head = stream.read(16)
    stream.seek(0)
    return head


def _refuse_foreign(head: bytes) -> None:
    kind = next((name for magic, name in _FOREIGN.items() if head.startswith(magic)), None)
    if kind:
        raise Unreadable(f"this is {kind}; {_SAVE}")


def _temporary() -> BinaryIO:
    return cast(BinaryIO, tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY))


def _most(path: Path) -> int:
    return max(_LEAST, _GROWTH * path.stat().st_size)


def _copy(source: IO[bytes], target: BinaryIO, most: int) -> None:
    size = 0
    while chunk := source.read(_CHUNK):
        size += len(chunk)
        if size > most:
            raise Unreadable(
                f"unpacks to more than {most:,} bytes, {_GROWTH} times its size, unlike any table; "
                "unpack it yourself if that is correct"
            )
        target.write(chunk)


def _unpacked(raw: BinaryIO, packing: str, stack: ExitStack) -> tuple[IO[bytes], str]:
    """A stream of the decompressed content, and its file name if known."""
    if packing == "gzip":
        return cast(IO[bytes], gzip.GzipFile(fileobj=raw)), ""
    if packing == "bzip2":
        return bz2.BZ2File(raw), ""
    if packing == "xz":
        return cast(IO[bytes], io.BufferedReader(_Xz(raw), _CHUNK)), ""
    if packing == "zstd":
        return _zstd(raw), ""
    return _zipped(raw, stack)


class _Xz(io.RawIOBase):
    """Decompresses xz in bounded memory, unlike `lzma.open`."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw, self._rest = raw, b""
        self._decoder = self._new()

    @staticmethod
    def _new() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            if self._decoder.eof:
                self._rest = self._decoder.unused_data.lstrip(b"\0") or self._raw.read(_CHUNK)
                if not self._rest:
                    return 0
                self._decoder = self._new()
            elif self._decoder.needs_input and not self._rest:
                self._rest = self._raw.read(_CHUNK)
                if not self._rest:
                    raise EOFError("unexpected end of file")
            chunk = self._decoder.decompress(self._rest, max_length=len(buffer))
            self._rest = b""
            if chunk:
                buffer[: len(chunk)] = chunk
                return len(chunk)


def _zstd(raw: BinaryIO) -> IO[bytes]:
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]

        return cast(IO[bytes], zstd.open(raw))
    except ModuleNotFoundError:
        pass
    try:
        import zstandard  # type: ignore[import-not-found,unused-ignore]
    except ModuleNotFoundError:
        raise Unreadable(
            "packed with zstd, which this Python cannot read: pip install zstandard, or unpack it"
        ) from None
    return cast(IO[bytes], zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True))


def _zipped(raw: BinaryIO, stack: ExitStack) -> tuple[IO[bytes], str]:
    archive = stack.enter_context(zipfile.ZipFile(raw))
    names = archive.namelist()
    kind = next((_OFFICE[name] for name in names if name in _OFFICE), None)
    if kind:
        raise Unreadable(f"this is {kind}; {_SAVE}")
    files = [x for x in names if not x.endswith("/") and not x.startswith("__MACOSX/")]
    if len(files) != 1:
        raise Unreadable(f"a zip archive of {len(files)} files, expected one table; unpack it")
    try:
        return archive.open(files[0]), files[0]
    except (RuntimeError, NotImplementedError) as error:  # encrypted; a rare method
        reason = "it is encrypted" if isinstance(error, RuntimeError) else str(error)
        raise Unreadable(f"a zip archive that cannot be unpacked ({reason}); unpack it") from None


def _in_utf8(raw: BinaryIO, encoding: str, stack: ExitStack) -> BinaryIO:
    if raw.read(3) != codecs.BOM_UTF8:  # some programs write it before any encoding
        raw.seek(0)
    target = stack.enter_context(_temporary())
    decoder = codecs.getincrementaldecoder(encoding)()
    offset = 0
    while True:
        chunk = raw.read(_CHUNK)
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeError as error:
            place = offset + getattr(error, "start", 0)
            reason = getattr(error, "reason", error)
            raise Unreadable(f"near byte {place}: expected {encoding} text ({reason})") from None
        target.write(text.encode("utf-8", "surrogatepass"))
        if not chunk:
            break
        offset += len(chunk)
    target.seek(0)
    return target
