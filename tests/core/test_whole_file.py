"""A file is written whole or stays as it was."""

import os
from pathlib import Path

import pytest

from newsstand.whole_file import write_whole


def test_an_old_file_is_replaced_through_a_link_with_its_mode(folder: Path) -> None:
    Path("page.html").write_text("old")
    Path("page.html").chmod(0o640)
    Path("link").symlink_to("page.html")
    write_whole(Path("link"), "né\n")
    assert Path("page.html").read_bytes() == "né\n".encode()
    assert Path("page.html").stat().st_mode & 0o777 == 0o640
    assert Path("link").is_symlink()
    assert sorted(os.listdir()) == ["link", "page.html"]


def test_where_it_cannot_be_written_the_old_file_stays(folder: Path) -> None:
    import resource

    Path("page.html").write_text("old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_whole(Path("page.html"), "new" * 10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert Path("page.html").read_text() == "old"
    assert os.listdir() == ["page.html"]


def test_a_device_is_written_to(folder: Path) -> None:
    write_whole(Path("/dev/null"), "x")
    assert Path("/dev/null").is_char_device()
