"""Files that are whole or not there: what stands when a write fails, and what is cleared away."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from newsstand.io.files import distrusted, remove, replacing, scratch_folder, write_whole


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_takes_the_place_of_another_and_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    before = os.umask(0o027)
    try:
        write_whole(path, "first ż")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640
    path.chmod(0o604)
    (tmp_path / "link").symlink_to(path)
    write_whole(tmp_path / "link", "second")
    assert (tmp_path / "link").is_symlink()
    assert path.read_text() == "second"
    assert path.stat().st_mode & 0o777 == 0o604
    assert names(tmp_path) == ["link", "report.html"]


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "a" * 10_000 + "\ud800")
    with pytest.raises(SystemExit), replacing(path) as scratch:
        sys.exit(scratch.write_text("half"))
    with pytest.raises(OSError, match="full") as caught, replacing(path):
        raise OSError(28, "full")
    assert caught.value.filename == str(path)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["report.html"]
    with pytest.raises(FileNotFoundError) as missing:
        write_whole(tmp_path / "none" / "report.html", "")
    assert missing.value.filename == str(tmp_path / "none" / "report.html")


def test_a_pipe_is_written_to_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read: list[str] = []
    thread = threading.Thread(target=lambda: read.append(path.read_text()))
    thread.start()
    write_whole(path, "through")
    thread.join()
    assert read == ["through"]
    assert path.is_fifo()


KILLED = """
import sys, time
from pathlib import Path
from newsstand.io.files import replacing, scratch_folder

root = Path(sys.argv[1])
with replacing(root / "report[1].html") as scratch, scratch_folder(root) as folder:
    scratch.write_text("half")
    (folder / "half").touch()
    print("begun", flush=True)
    time.sleep(600)
"""


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_writes_is_not(
    tmp_path: Path,
) -> None:
    path = tmp_path / "report[1].html"
    path.write_text("old")
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"begun\n"
        assert len(names(tmp_path)) == 3
        write_whole(path, "new")
        with scratch_folder(tmp_path) as folder:
            assert len(names(tmp_path)) == 4
        assert not folder.exists()
        assert len(names(tmp_path)) == 3
        other.send_signal(signal.SIGKILL)
    assert len(names(tmp_path)) == 3
    write_whole(path, "newer")
    with scratch_folder(tmp_path):
        pass
    assert names(tmp_path) == ["report[1].html"]
    assert path.read_text() == "newer"


def test_without_locks_age_tells_what_is_abandoned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", none)
    for name, hours in (("unfinished-new", 1), ("unfinished-old", 48)):
        (tmp_path / name).mkdir()
        when = time.time() - 3600 * hours
        os.utime(tmp_path / name, (when, when))
    with scratch_folder(tmp_path) as folder:
        assert names(tmp_path) == sorted([folder.name, "unfinished-new"])


def test_a_folder_is_removed_whatever_its_permissions(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").touch()
    (tmp_path / "folder").chmod(0)
    (tmp_path / "link").symlink_to(tmp_path)
    for name in ("folder", "link", "none"):
        remove(tmp_path / name)
    assert names(tmp_path) == []


def test_what_others_may_write_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o755)
    (folder / "a").touch(mode=0o644)
    (folder / "b").touch()
    (folder / "b").chmod(0o664)
    assert distrusted(folder) == f"others may write to {folder / 'b'}"
    folder.chmod(0o700)  # nobody else gets in
    assert distrusted(folder) is None
    folder.chmod(0o770)
    assert distrusted(folder) == f"others may write to {folder}"
    monkeypatch.setattr(os, "getuid", lambda: folder.stat().st_uid + 1)
    assert distrusted(folder) == f"{folder} belongs to another user"
