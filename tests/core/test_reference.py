"""Reference data of a bundle: small, without texts, read only when asked for, checked then."""

import json
import shutil
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from mutations import reseal
from newsstand.errors import BundleError
from newsstand.io import reference as module
from newsstand.io.bundle import REFERENCE, Bundle, read_reference, verify
from newsstand.io.reference import BITS, Reference, hashed_words
from references import small_reference


@pytest.fixture
def folder(small: Bundle, tmp_path: Path) -> Path:
    replace(small, reference=small_reference(3)).save(tmp_path / "bundle")
    return tmp_path / "bundle"


def same(one: Any, other: Any) -> bool:
    if hasattr(one, "toarray"):
        one, other = one.toarray(), other.toarray()
    return bool(np.array_equal(one, other))


def test_what_was_saved_is_read_back(folder: Path) -> None:
    whole, found = small_reference(3), read_reference(folder)
    for field in fields(Reference):
        one, other = getattr(found, field.name), getattr(whole, field.name)
        if field.name == "probabilities":
            np.testing.assert_allclose(one, other, atol=1e-6)
        else:
            assert same(one, other), field.name
    assert (found.truth.dtype, found.probabilities.dtype) == (np.int64, np.float64)


def test_equal_data_gives_equal_bytes(folder: Path, tmp_path: Path) -> None:
    read_reference(folder).save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (folder / REFERENCE).read_bytes()


def test_scoring_does_not_read_it(folder: Path) -> None:
    (folder / REFERENCE).write_bytes(b"damaged")
    assert Bundle.load(folder).reference is None
    for read in (read_reference, verify):
        with pytest.raises(BundleError, match=r"reference\.safetensors: damaged, its SHA-256"):
            read(folder)
    (folder / REFERENCE).unlink()
    with pytest.raises(BundleError, match=r"reference\.safetensors: missing; copy the bundle"):
        Bundle.load(folder)


def test_a_bundle_of_an_older_version_says_what_to_do(tmp_path: Path) -> None:
    shutil.copytree(Path(__file__).parent / "bundle-format-7", tmp_path / "b")
    with pytest.raises(BundleError) as caught:
        read_reference(tmp_path / "b")
    assert str(caught.value) == (
        f"{tmp_path / 'b'}: the model has no reference data, as newsstand 0.1.0 trained it; train "
        "it again with this version"
    )


def names(**more: Any) -> np.ndarray[Any, Any]:
    values = json.dumps({"outlets": ["The Post"], "targets": [], **more}).encode()
    return np.frombuffer(values, dtype=np.uint8).copy()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("truth"), "'truth': expected 1 to 2,000 values"),
        (lambda t: t["truth"].fill(3), r"'truth': expected numbers from 0 to 2\)$"),
        (lambda t: t.update(truth=t["truth"] * 1.0), "'truth': expected I32 of shape"),
        (
            lambda t: t.update(probabilities=t["probabilities"][:, :2].copy()),
            r"'probabilities': expected F32 of shape \[6, 3\], got F32 of shape \[6, 2\]",
        ),
        (lambda t: t["probabilities"].fill(0.5), "'probabilities': expected rows that sum to 1"),
        (lambda t: t["probabilities"].fill(np.nan), "'probabilities' holds numbers that are not"),
        (lambda t: t["outlet"].fill(1), "'outlet': expected numbers from -2 to 0"),
        (lambda t: t["target"].fill(-3), "'target': expected numbers from -2 to -1"),
        (lambda t: t["groups"].fill(-1), "'groups': expected numbers from 0 to"),
        (lambda t: t["words"].fill(-1), "'words': expected numbers from 0 to"),
        (lambda t: t["presence.buckets"].fill(1 << BITS), "'presence.buckets': expected numbers"),
        (lambda t: t["presence.buckets"].fill(5), "'presence.buckets': expected ascending numbers"),
        (lambda t: t["presence.offsets"].fill(3), "'presence.offsets': expected ascending numbers"),
        (lambda t: t.update(names=names(targets=3)), "'names': targets: expected a list of at"),
        (lambda t: t.update(names=names(more=[])), "'names': expected outlets and targets"),
        (lambda t: t.update(names=names(targets=["x" * 101])), "texts of at most 100 characters"),
        (lambda t: t.update(names=names()[:-1].copy()), "not reference data of this model"),
        (lambda t: t.update(more=t["truth"]), "'more': expected none"),
    ],
)
def test_damaged_data_is_refused_in_one_line(
    folder: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    tensors = {name: value.copy() for name, value in load_file(folder / REFERENCE).items()}
    change(tensors)
    save_file(tensors, folder / REFERENCE)
    reseal(folder, lambda _: None)
    Bundle.load(folder)
    with pytest.raises(BundleError, match=message) as caught:
        read_reference(folder)
    assert len(str(caught.value).splitlines()) == 1


def test_hashed_words_are_those_of_the_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_WORDS", 2)
    found = hashed_words(["rain  rain\nsnow", "rain", "snow", ""])
    assert found.shape == (4, 1 << BITS)
    assert found.sum(axis=1).tolist() == [1, 1, 1, 0]
    assert same(found[[0]], found[[1]])
