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
from safetensors.numpy import load_file, save_file

from mutations import reseal
from newsstand.errors import BundleError
from newsstand.io import bundle as bundles
from newsstand.io.bundle import Bundle, bundle_hash, verify
from newsstand.models.controls import FAILURES, NOT_FOUND, NOT_SIMILAR
from newsstand.models.linear import LinearModel
from newsstand.text.article import Article

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
    assert manifest["format"] == 8
    assert manifest["files"] == {k: hashlib.sha256(v).hexdigest() for k, v in found.items()}
    assert int.from_bytes(found["linear.safetensors"][:8], "little") < 5000  # its JSON header
    assert json.loads(found["golden.jsonl"].splitlines()[0])["title"] == "Rain"


@pytest.mark.parametrize("name", ["2", "3", "4", "6", "6-embedding", "7"])
def test_a_bundle_of_an_older_format_scores_as_it_did(name: str) -> None:
    older = Path(__file__).parent / f"bundle-format-{name}"
    assert json.loads((older / "bundle.json").read_text())["format"] == int(name[0])
    bundle = Bundle.load(older)
    rows = [json.loads(line) for line in (older / "golden.jsonl").read_text().splitlines()]
    found = bundle.probabilities(
        [bundle.encode(Article.from_mapping(row), row["target"]) for row in rows]
    )
    expected = [row["probabilities"] for row in rows]
    assert len(expected) == 2
    # Another processor may round otherwise.
    np.testing.assert_allclose(found, expected, atol=max(1e-6, bundle.model.tolerance))


def test_controls_of_older_formats_warn_as_they_did() -> None:
    rows = [("The levy is fair.", "the levy"), ("The council met.", "the levy")]
    rows += [("The tax harms shops.", "Monday")]
    warnings = {}
    for name in ("6", "6-embedding", "7"):
        bundle = Bundle.load(Path(__file__).parent / f"bundle-format-{name}")
        examples = [bundle.encode(Article(body=text), target) for text, target in rows]
        warnings[name] = bundle.warnings(examples)
    ignored = FAILURES["target_changes_answer"]
    assert (
        warnings["6"] == warnings["7"] == [(ignored,), (ignored, NOT_FOUND), (ignored, NOT_FOUND)]
    )
    assert warnings["6-embedding"] == [(), (), (NOT_SIMILAR,)]


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
            r"/bundle\.json: bundle format None, this version of newsstand reads formats 2, 3, 4",
        ),
        (
            b'{"format": 9, "later": "keys"}',
            r"/bundle\.json: bundle format 9, this version of newsstand reads formats .*, 7 and 8$",
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
        (lambda m: m.pop("files"), r"bundle\.json: files: missing$"),
        (lambda m: m.pop("labels"), r"bundle\.json: labels: missing$"),
        (lambda m: m.update(model="x"), r"bundle\.json: model: expected keys and values, got 'x'$"),
        (lambda m: m["text"].update(shout=True), r"bundle\.json: text: text: unknown name 'shout'"),
        (
            lambda m: m["model"].update(kind="forest"),
            "model.kind: expected one of linear, embedding, transformer, got 'forest'$",
        ),
        (
            lambda m: m.update(model={"kind": "pairs"}),
            r"/bundle\.json: model\.kind: 'pairs' models are no longer supported; train a linear,",
        ),
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


def test_a_model_whose_weights_are_no_numbers_is_refused(folder: Path, small: Bundle) -> None:
    path = folder / "linear.safetensors"
    whole = load_file(path)
    for name, value in (("coefficients", np.nan), ("intercepts", np.inf), ("weights.1", -np.inf)):
        tensors = {key: values.copy() for key, values in whole.items()}
        tensors[name].flat[3 % tensors[name].size] = value
        save_file(tensors, path)
        reseal(folder, lambda _: None)
        for command in (Bundle.load, verify):
            with pytest.raises(BundleError, match=f"'{name}' holds numbers that are not finite"):
                command(folder)


def test_scores_that_are_no_numbers_are_refused(small: Bundle, tmp_path: Path) -> None:
    model = small.model
    assert isinstance(model, LinearModel)
    # Each is finite, and their sums are not.
    endless = replace(small, model=replace(model, coefficients=model.coefficients * 0 + 3e38))
    examples = [small.encode(article) for article, _ in GOLDEN]
    with pytest.raises(BundleError, match="scores are not finite"):
        endless.probabilities(examples)
    with pytest.raises(BundleError, match="scores are not finite"):
        endless.save(tmp_path / "b", GOLDEN)
    assert not list(tmp_path.iterdir())


def test_weights_that_are_not_as_the_description_says_are_refused(folder: Path) -> None:
    path = folder / "linear.safetensors"
    whole = load_file(path)
    buckets = whole["buckets.0"]
    changes = {
        "'coefficients': expected F32": {"coefficients": whole["coefficients"][:-1]},
        "'intercepts': expected F32": {"intercepts": whole["intercepts"].astype(np.float64)},
        "'other': expected none": {"other": buckets},
        "'buckets.0': expected ascending": {"buckets.0": buckets[::-1].copy()},
        "'buckets.0': expected ascending numbers from 0 to 16383": {"buckets.0": buckets + 16000},
    }
    for message, change in changes.items():
        save_file({**whole, **change}, path)
        reseal(folder, lambda _: None)
        with pytest.raises(BundleError, match=f"not weights of this model .{message}"):
            Bundle.load(folder)
    # The size of its header is no reason to make room for it.
    path.write_bytes((1 << 40).to_bytes(8, "little") + b"{}")
    reseal(folder, lambda _: None)
    with pytest.raises(BundleError, match="a header of 1,099,511,627,776 bytes"):
        Bundle.load(folder)


def test_a_model_of_other_labels_is_refused(folder: Path) -> None:
    reseal(folder, lambda manifest: manifest["labels"]["names"].update(more="more"))
    with pytest.raises(BundleError, match=r"the model has 3 outputs, bundle\.json names 4 labels$"):
        Bundle.load(folder)


def test_files_that_are_not_named_are_refused(folder: Path, tmp_path: Path) -> None:
    for name in (".DS_Store", "Thumbs.db", "desktop.ini"):
        (folder / name).write_text("of the system")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "x").touch()
    Bundle.load(folder)
    extra = folder / "encoder" / "adapter_config.json"
    extra.parent.mkdir()
    extra.write_text("{}")
    with pytest.raises(BundleError, match=r"adapter_config\.json: bundle\.json does not name this"):
        Bundle.load(folder)
    extra.unlink()
    for place in (folder / "golden.jsonl", folder / "encoder"):
        place.rename(tmp_path / "elsewhere")
        place.symlink_to(tmp_path / "elsewhere")
        with pytest.raises(BundleError, match=f"{place.name}: a link; copy the bundle"):
            Bundle.load(folder)
        place.unlink()
        (tmp_path / "elsewhere").rename(place)
    (tmp_path / "today").symlink_to(folder)  # the folder itself may be reached through one
    Bundle.load(tmp_path / "today")


def test_verify_refuses_golden_rows_that_are_no_numbers(folder: Path) -> None:
    path = folder / "golden.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for wrong in ([float("nan")] * 3, [0.5], 1, [[1, 0, 0]]):
        path.write_text("".join(json.dumps({**x, "probabilities": wrong}) + "\n" for x in rows))
        reseal(folder, lambda _: None)
        with pytest.raises(BundleError, match=r"golden\.jsonl: not rows of this model"):
            verify(folder)
