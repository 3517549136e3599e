"""The bundle: whole or not at all, every byte checked, nothing in it that runs code."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from newsstand import bundle as bundles
from newsstand.article import Article
from newsstand.bundle import Bundle, bundle_hash, verify
from newsstand.errors import BundleError
from newsstand.linear import LinearModel

GOLDEN = [
    (Article(title="Rain", body="Snow fell overnight."), None),
    (Article(body="The coach praised the goalkeeper.\u2028 فاز الفريق"), None),
]


@pytest.fixture
def folder(small: Bundle, tmp_path: Path) -> Path:
    small.save(tmp_path / "bundle", GOLDEN)
    return tmp_path / "bundle"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def reseal(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Changes the description and makes all its hashes right again."""
    path = folder / "bundle.json"
    manifest = json.loads(path.read_bytes())
    manifest["files"] = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in manifest["files"]
    }
    change(manifest)
    del manifest["sha256"]
    digest = hashlib.sha256(dumped(manifest)).hexdigest()
    path.write_bytes(dumped({**manifest, "sha256": digest}))


def dumped(manifest: dict[str, Any]) -> bytes:
    return (json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode()


def test_load_gives_back_what_was_saved(small: Bundle, tmp_path: Path) -> None:
    whole = replace(small, data={"digest": "d", "rows": {"train": 18}}, versions={"numpy": "2"})
    digest = whole.save(tmp_path / "b", GOLDEN)
    loaded = Bundle.load(tmp_path / "b")
    for name in ("task", "labels", "text", "calibration", "data", "versions"):
        assert getattr(loaded, name) == getattr(whole, name), name
    examples = [small.encode(article) for article, _ in GOLDEN]
    assert (loaded.probabilities(examples) == small.probabilities(examples)).all()
    assert digest == bundle_hash(tmp_path / "b")
    assert loaded.save(tmp_path / "again", GOLDEN) == digest
    assert contents(tmp_path / "again") == contents(tmp_path / "b")


def test_files_hold_no_pickle_and_are_all_named(folder: Path) -> None:
    found = contents(folder)
    assert sorted(found) == ["bundle.json", "golden.jsonl", "linear.safetensors"]
    manifest = json.loads(found.pop("bundle.json"))
    assert manifest["format"] == 3
    assert manifest["files"] == {k: hashlib.sha256(v).hexdigest() for k, v in found.items()}
    assert int.from_bytes(found["linear.safetensors"][:8], "little") < 5000  # its JSON header
    assert json.loads(found["golden.jsonl"].splitlines()[0])["title"] == "Rain"


@pytest.mark.parametrize("number", [2, 3])
def test_a_bundle_of_an_older_format_scores_as_it_did(number: int) -> None:
    older = Path(__file__).parent / f"bundle-format-{number}"
    assert json.loads((older / "bundle.json").read_text())["format"] == number
    bundle = Bundle.load(older)
    rows = [json.loads(line) for line in (older / "golden.jsonl").read_text().splitlines()]
    found = bundle.probabilities(
        [bundle.encode(Article(title=row["title"], body=row["body"])) for row in rows]
    )
    expected = [row["probabilities"] for row in rows]
    assert len(expected) == 2
    # Another processor may round otherwise.
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_every_changed_byte_is_noticed(folder: Path) -> None:
    Bundle.load(folder)
    for path in sorted(folder.iterdir()):
        whole = path.read_bytes()
        # Every byte of the description; of the others, their hash sees any.
        places = range(len(whole)) if path.name == "bundle.json" else (0, len(whole) // 2, -1)
        for place in places:
            changed = bytearray(whole)
            changed[place] ^= 1
            path.write_bytes(changed)
            with pytest.raises(BundleError, match=r"bundle format|damaged"):
                Bundle.load(folder)
        for changed in (whole + b"\n", whole[:-1], b""):
            path.write_bytes(changed)
            with pytest.raises(BundleError, match="damaged"):
                Bundle.load(folder)
        path.write_bytes(whole)
    Bundle.load(folder)


@pytest.mark.parametrize("name", ["linear.safetensors", "golden.jsonl"])
def test_messages_name_the_file(folder: Path, name: str) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(BundleError) as caught:
        Bundle.load(folder)
    assert str(caught.value) == (
        f"{path}: damaged, its SHA-256 is not the one that bundle.json names; copy the bundle again"
    )
    path.unlink()
    with pytest.raises(BundleError) as caught:
        Bundle.load(folder)
    assert str(caught.value) == f"{path}: missing; copy the bundle again"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", r"/bundle\.json: damaged, not valid JSON \(.*line 1 column 2.*\)$"),
        (b"\xff", r"/bundle\.json: damaged, not valid JSON \(.*byte 0xff.*\)$"),
        (b"[" * 100_000, r"/bundle\.json: damaged, not valid JSON \(.*recursion.*\)$"),
        (
            b"[]",
            r"/bundle\.json: bundle format None, this version of newsstand reads formats 2 and 3$",
        ),
        (
            b'{"format": 4, "later": "keys"}',
            r"/bundle\.json: bundle format 4, this version of newsstand reads formats 2 and 3$",
        ),
        (
            b'{"format": 3}',
            r"/bundle\.json: damaged, its SHA-256 is not the one in its last line; copy",
        ),
    ],
)
def test_descriptions_that_cannot_be_used(folder: Path, content: bytes, message: str) -> None:
    (folder / "bundle.json").write_bytes(content)
    with pytest.raises(BundleError, match=message):
        Bundle.load(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.pop("files"), r"bundle\.json: damaged, it does not name the bundle's files$"),
        (lambda m: m.pop("labels"), r"bundle\.json: not a bundle's description \(.*'labels'"),
        (lambda m: m.update(model="x"), r"bundle\.json: not a bundle's description \("),
        (lambda m: m["text"].update(shout=True), r"bundle\.json: not a bundle's .*shout"),
        (lambda m: m["model"].update(kind="forest"), "unknown model family 'forest'$"),
        (lambda m: m["model"].update(bits=11), r"linear\.safetensors: not weights of this model"),
    ],
)
def test_descriptions_of_another_make(
    folder: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    reseal(folder, change)
    with pytest.raises(BundleError, match=message):
        Bundle.load(folder)


def test_folders_that_are_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"nowhere: no such bundle folder$"):
        Bundle.load(tmp_path / "nowhere")
    with pytest.raises(BundleError, match=r": not a bundle, it has no bundle\.json$"):
        Bundle.load(tmp_path)


def test_save_replaces_a_bundle_whole(folder: Path, small_stance: Bundle) -> None:
    (folder / "notes.txt").write_text("of the old one")
    digest = small_stance.save(folder)
    assert Bundle.load(folder).task == "stance"
    assert bundle_hash(folder) == digest
    assert "notes.txt" not in contents(folder)
    assert list(folder.parent.iterdir()) == [folder]


def test_save_makes_parents_and_takes_a_relative_path(
    small: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    small.save(Path("b"))
    small.save(Path("models/of/today"))
    assert sorted(os.listdir()) == ["b", "models"]
    assert verify(Path("models/of/today")) == 0


@pytest.mark.parametrize("kind", ["file", "empty folder", "folder"])
def test_save_does_not_replace_anything_else(small: Bundle, tmp_path: Path, kind: str) -> None:
    taken = tmp_path / "taken"
    if kind == "file":
        taken.write_text("mine")
    else:
        taken.mkdir()
    if kind == "folder":
        (taken / "thesis.txt").write_text("mine")
    with pytest.raises(BundleError, match="taken: exists and is not a bundle, so it is not"):
        small.save(taken)
    assert list(tmp_path.iterdir()) == [taken]
    assert not taken.is_dir() or list(taken.iterdir()) == [taken / "thesis.txt"] * (
        kind == "folder"
    )


class Interrupted(BaseException):
    pass


@pytest.mark.parametrize("moment", ["weights", "golden", "manifest", "rename", "replace"])
@pytest.mark.parametrize("old", [True, False])
def test_a_save_that_fails_leaves_all_as_it_was(
    folder: Path,
    small_stance: Bundle,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
    old: bool,
) -> None:
    if not old:
        shutil.rmtree(folder)
    before = contents(folder) if old else None

    def fail(*_: object) -> None:
        raise Interrupted

    rename = Path.rename

    def fail_to_replace(path: Path, to: Path) -> Path:
        if to == folder and (path / "golden.jsonl").read_bytes() == b"":
            raise Interrupted
        return rename(path, to)

    if moment == "weights":
        monkeypatch.setattr(LinearModel, "save", fail)
    elif moment == "golden":
        monkeypatch.setattr(bundles, "_write_golden", fail)
    elif moment == "manifest":
        monkeypatch.setattr(Path, "write_bytes", fail)
    else:
        monkeypatch.setattr(Path, "rename", fail if moment == "rename" else fail_to_replace)
    with pytest.raises(Interrupted):
        small_stance.save(folder)
    monkeypatch.undo()
    assert list(folder.parent.iterdir()) == [folder] * old
    if old:
        assert contents(folder) == before


@pytest.mark.parametrize(("mask", "modes"), [(0o022, (0o755, 0o644)), (0o077, (0o700, 0o600))])
def test_permissions_follow_the_umask(
    small: Bundle, tmp_path: Path, mask: int, modes: tuple[int, int]
) -> None:
    usual = os.umask(mask)
    try:
        small.save(tmp_path / "b", GOLDEN)
    finally:
        assert os.umask(usual) == mask
    assert (tmp_path / "b").stat().st_mode & 0o777 == modes[0]
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "b").iterdir()} == {modes[1]}


def test_verify_counts_golden_rows_and_sees_one_that_differs(folder: Path) -> None:
    assert verify(folder) == 2
    path = folder / "golden.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[1]["probabilities"][0] += 1e-9
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(BundleError, match=r"golden\.jsonl: damaged"):
        verify(folder)
    reseal(folder, lambda _: None)
    Bundle.load(folder)
    with pytest.raises(BundleError, match=r"golden rows score differently here, by up to 1e-09$"):
        verify(folder)
    for wrong in ("{", "[]", '{"title": ""}', json.dumps({**rows[0], "probabilities": [1, 2]})):
        path.write_text(wrong + "\n")
        reseal(folder, lambda _: None)
        with pytest.raises(BundleError, match=r"golden\.jsonl: not rows of this model"):
            verify(folder)
