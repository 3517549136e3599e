"""Kinds of damage to cached files, accidental and malicious."""

import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

# Takes a file, the same file of another data set, and a random generator.
Damage = Callable[[Path, Path, Random], None]


def cut(path: Path, _other: Path, random: Random) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: random.randrange(len(whole))])


def empty(path: Path, _other: Path, _random: Random) -> None:
    path.write_bytes(b"")


def grow(path: Path, _other: Path, random: Random) -> None:
    path.write_bytes(path.read_bytes() + random.randbytes(random.randint(1, 99)))


def zero_tail(path: Path, _other: Path, random: Random) -> None:
    whole = path.read_bytes()
    start = random.randrange(len(whole))
    path.write_bytes(whole[:start] + bytes(len(whole) - start))


def zero_some(path: Path, _other: Path, random: Random) -> None:
    whole = bytearray(path.read_bytes())
    start = random.randrange(len(whole))
    size = len(whole[start : start + random.randint(1, 64)])
    whole[start : start + size] = bytes(size)
    path.write_bytes(whole)


def flip(path: Path, _other: Path, random: Random) -> None:
    whole = bytearray(path.read_bytes())
    whole[random.randrange(len(whole))] ^= 1 << random.randrange(8)
    path.write_bytes(whole)


def scramble(path: Path, _other: Path, random: Random) -> None:
    path.write_bytes(random.randbytes(path.stat().st_size))


def delete(path: Path, _other: Path, _random: Random) -> None:
    path.unlink()


def become_folder(path: Path, _other: Path, _random: Random) -> None:
    path.unlink()
    path.mkdir()
    (path / "within").write_text("here")


def become_dangling(path: Path, _other: Path, _random: Random) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def become_link(path: Path, other: Path, _random: Random) -> None:
    path.unlink()
    path.symlink_to(other)


def swap(path: Path, other: Path, _random: Random) -> None:
    shutil.copy(other, path)


def forbid(path: Path, _other: Path, _random: Random) -> None:
    path.chmod(0)


def swap_all(path: Path, other: Path, _random: Random) -> None:
    """Replaces the whole folder by another one."""
    shutil.rmtree(path.parent)
    shutil.copytree(other.parent, path.parent)


def empty_folder(path: Path, _other: Path, _random: Random) -> None:
    shutil.rmtree(path.parent)
    path.parent.mkdir()


def folder_becomes_file(path: Path, _other: Path, _random: Random) -> None:
    shutil.rmtree(path.parent)
    path.parent.write_text("here")


def forbid_folder(path: Path, _other: Path, _random: Random) -> None:
    path.parent.chmod(0)


OF_FILES: tuple[Damage, ...] = (
    *(cut, empty, grow, zero_tail, zero_some, flip, scramble, delete, become_folder),
    *(become_dangling, become_link, swap, forbid),
)
OF_FOLDERS: tuple[Damage, ...] = (swap_all, empty_folder, folder_becomes_file, forbid_folder)
