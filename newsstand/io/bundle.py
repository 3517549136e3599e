"""The bundle: a trained model as a folder with checksums and without pickles.

`bundle.json` lists all other files of the folder with their SHA-256 and ends with its own, so the
digest of that one file identifies the model: two runs that learn the same weights have the same
bundle hash.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from newsstand.errors import BundleError, ConfigError, InputError, first_line, reported
from newsstand.io.manifest import FORMAT, checked, read_bytes
from newsstand.io.manifest import MANIFEST as MANIFEST
from newsstand.labels import LabelSet
from newsstand.models.base import FAMILIES, Model
from newsstand.models.calibration import Calibration
from newsstand.models.controls import NOT_FOUND, NOT_SIMILAR, Controls
from newsstand.models.decision import Decision
from newsstand.text.article import Article
from newsstand.text.example import Example, encode
from newsstand.text.normalize import TextSpec
from newsstand.text.targets import mentions_target
from newsstand.types import Device
from newsstand.version import __version__

if TYPE_CHECKING:
    from newsstand.io.reference import Reference

GOLDEN = "golden.jsonl"
REFERENCE = "reference.safetensors"

# Files that file managers create. No model reads these, or names that begin with a dot.
_INERT = ("Thumbs.db", "desktop.ini")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A trained model with everything that scoring needs.

    Args:
        task: `topic` or `stance`.
        labels: The labels, in the order of the model's outputs.
        text: How articles are prepared.
        model: A model of any family.
        calibration: Converts scores to probabilities.
        decision: Converts probabilities to labels.
        data: Digest of the training data and number of rows by split.
        versions: Versions of the libraries that the model was fitted with.
        controls: The controls of the stance run; None for topics and bundles without controls.
        reference: Held-out rows, which `save` writes too. None after `load`, as scoring does not
            need them: `read_reference` reads them.
    """

    task: str
    labels: LabelSet
    text: TextSpec
    model: Model
    calibration: Calibration
    decision: Decision = field(default_factory=Decision)
    data: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    controls: Controls | None = None
    reference: "Reference | None" = None

    def encode(self, article: Article, target: str | None = None) -> Example:
        """Prepares an article and its target in the same way as in training."""
        return encode(article, target, self.text)

    def probabilities(self, examples: Sequence[Example]) -> NDArray[np.float64]:
        """Calibrated probabilities, shape (examples, labels), each row summing to 1.

        Raises:
            BundleError: The model's scores are not finite.
        """
        with np.errstate(all="ignore"):
            scores = self.model.forward(examples)
        return self.calibrated(scores)

    def calibrated(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Calibrated probabilities of the model's scores; as `probabilities` for examples."""
        with np.errstate(all="ignore"):
            probabilities = self.calibration.apply(scores)
        if not (np.abs(probabilities.sum(axis=1) - 1) < 1e-6).all():
            raise BundleError("the model's scores are not finite numbers, so it cannot be used")
        return probabilities

    def unchecked(self, examples: Sequence[Example]) -> NDArray[np.float64]:
        """The same as `probabilities`, but rows may be NaN; for callers that check each row."""
        with np.errstate(all="ignore"):
            return self.calibration.apply(self.model.forward(examples))

    def warnings(self, examples: Sequence[Example]) -> list[tuple[str, ...]]:
        """Reasons not to trust the stance toward each example's target; none for topics.

        There are two: the model failed its controls, or the text isn't about the target. It is if
        it has the target's words or, where the bundle has a least similarity, reaches that.
        """
        if self.task != "stance":
            return [()] * len(examples)
        controls = self.controls or Controls()
        about = np.array([mentions_target(example) for example in examples], dtype=np.bool_)
        unrelated, least = NOT_FOUND, controls.least_similarity
        if least is not None:
            rest = np.flatnonzero(~about)
            similarity = self.model.similarity([examples[row] for row in rest.tolist()])
            if similarity is not None:
                unrelated = NOT_SIMILAR
                about[rest] = similarity >= least
        failed = () if controls.warning is None else (controls.warning,)
        return [failed if is_about else (*failed, unrelated) for is_about in about.tolist()]

    def save(self, folder: Path, golden: Sequence[tuple[Article, str | None]] = ()) -> str:
        """Writes the bundle to a temporary folder and renames it, so that it is complete or absent.

        Args:
            folder: The folder of the bundle; an existing bundle is replaced.
            golden: Articles with their targets or None, which are stored with their probabilities
                for `verify`.

        Returns:
            The bundle's hash.

        Raises:
            BundleError: The folder exists and is not a bundle.
        """
        if folder.exists() and not (folder / MANIFEST).is_file():
            raise BundleError(f"{folder}: exists and is not a bundle, so it is not replaced")
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            settings = self.model.save(temporary)
            _write_golden(temporary / GOLDEN, golden, self)
            if self.reference is not None:
                self.reference.save(temporary / REFERENCE)
            manifest = {
                "format": FORMAT,
                "newsstand": __version__,
                "task": self.task,
                "labels": {"scheme": self.labels.scheme, "names": dict(self.labels.names)},
                "text": self.text.to_dict(),
                "model": {"kind": self.model.kind, **settings},
                "calibration": self.calibration.to_dict(),
                "data": dict(self.data),
                "versions": dict(self.versions),
                **({"controls": self.controls.to_dict()} if self.controls else {}),
                "files": {
                    path.relative_to(temporary).as_posix(): _sha256(path)
                    for path in sorted(temporary.rglob("*"))
                    if path.is_file()
                },
            }
            sealed = _sealed(manifest)
            checked(_unsealed(json.loads(sealed)), folder / MANIFEST)
            (temporary / MANIFEST).write_bytes(sealed)
            _open_to_readers(temporary)
            _replace(temporary, folder)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        return bundle_hash(folder)

    @classmethod
    def load(cls, folder: Path, device: Device = "auto") -> Self:
        """Reads a bundle and verifies the checksums of all files but the reference data.

        Args:
            folder: The bundle.
            device: Where an encoder runs.

        Raises:
            BundleError: Files are missing, damaged or additional, the format is unknown, or values
                are invalid.
            NewsstandError: A library is not installed, or cannot read the encoder.
        """
        manifest = _read_manifest(folder)
        _check_folder(folder, manifest["files"])
        _check_files(folder, manifest["files"], unread=(REFERENCE,))
        try:
            text = TextSpec.from_dict(manifest["text"])
        except (TypeError, ValueError, ConfigError) as error:
            raise BundleError(f"{folder / MANIFEST}: text: {first_line(error)}") from None
        settings = dict(manifest["model"])
        family = FAMILIES[settings.pop("kind")].model_class
        with reported(f"{folder}: the model cannot be read"):
            model = family.load(folder, settings, device)
            outputs = model.outputs
        labels = LabelSet(manifest["labels"]["scheme"], manifest["labels"]["names"])
        if outputs != len(labels):
            raise BundleError(
                f"{folder}: the model has {outputs} outputs, {MANIFEST} names {len(labels)} labels"
            )
        return cls(
            task=manifest["task"],
            labels=labels,
            text=text,
            model=model,
            calibration=Calibration.from_dict(manifest["calibration"]),
            data=manifest["data"],
            versions=manifest["versions"],
            controls=Controls.from_dict(manifest["controls"]) if "controls" in manifest else None,
        )


def bundle_hash(folder: Path) -> str:
    """The SHA-256 of the bundle's description, which contains those of all other files."""
    return _sha256(folder / MANIFEST)


def read_description(folder: Path) -> dict[str, Any]:
    """The valid description of a bundle, with the keys of the newest format.

    Raises:
        BundleError: It is missing, damaged, or of an unknown format.
    """
    return _read_manifest(folder)


def read_reference(folder: Path) -> "Reference":
    """The reference data of a bundle.

    Raises:
        BundleError: The bundle has none, or it is damaged.
    """
    from newsstand.io.reference import Reference

    manifest = _read_manifest(folder)
    if REFERENCE not in manifest["files"]:
        raise BundleError(
            f"{folder}: the model has no reference data, as newsstand {manifest['newsstand']} "
            "trained it; train it again with this version"
        )
    _check_files(folder, {REFERENCE: manifest["files"][REFERENCE]})
    return Reference.load(folder / REFERENCE, len(manifest["labels"]["names"]))


def verify(folder: Path) -> int:
    """Scores the bundle's golden rows and compares the probabilities with the stored ones.

    They must be bit-identical, but for models with an encoder within 1e-4, exported within 0.05.

    Returns:
        The number of rows.

    Raises:
        BundleError: The bundle is damaged, or a probability differs (another version of NumPy or
            another processor may round differently); the message gives the difference.
    """
    bundle = Bundle.load(folder)
    if (folder / REFERENCE).is_file():
        read_reference(folder)
    try:
        lines = (folder / GOLDEN).read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines]
        if not rows:
            return 0
        examples = [bundle.encode(Article.from_mapping(row), row["target"]) for row in rows]
        expected = np.array([row["probabilities"] for row in rows], dtype=np.float64)
        if expected.shape != (len(rows), len(bundle.labels)) or not np.isfinite(expected).all():
            raise ValueError("expected a probability for each label")
    except (OSError, KeyError, TypeError, ValueError, RecursionError, InputError) as error:
        raise BundleError(f"{folder / GOLDEN}: not rows of this model ({error!r})") from error
    worst = float(np.abs(bundle.probabilities(examples) - expected).max())
    if worst > bundle.model.tolerance:
        raise BundleError(f"{folder}: golden rows score differently here, by up to {worst:.3g}")
    return len(rows)


def _write_golden(path: Path, golden: Sequence[tuple[Article, str | None]], bundle: Bundle) -> None:
    bundle = replace(bundle, model=bundle.model.uncached())  # as after loading
    examples = [bundle.encode(article, target) for article, target in golden]
    values = bundle.probabilities(examples).tolist() if golden else []
    with path.open("w", encoding="utf-8") as stream:
        for (article, target), probabilities in zip(golden, values, strict=True):
            row = {"title": article.title, "body": article.body, "target": target}
            places = {"mentions": article.mentions} if article.mentions else {}
            stream.write(json.dumps({**row, **places, "probabilities": probabilities}) + "\n")


def _open_to_readers(folder: Path) -> None:
    """Sets the permissions of a new folder, which temporary folders and safetensors files lack."""
    new = folder / ".new"
    new.mkdir()
    usual = new.stat().st_mode & 0o777
    new.rmdir()
    for path in (folder, *folder.rglob("*")):
        path.chmod(usual if path.is_dir() else usual & 0o666)


def _sealed(manifest: Mapping[str, Any]) -> bytes:
    """The bytes of a description as stored; its last key is the SHA-256 of the rest."""

    def written(values: Mapping[str, Any]) -> bytes:
        text = json.dumps(values, indent=2, ensure_ascii=False) + "\n"
        return text.encode("utf-8", "surrogatepass")

    return written({**manifest, "sha256": hashlib.sha256(written(manifest)).hexdigest()})


def _replace(temporary: Path, folder: Path) -> None:
    if not folder.exists():
        temporary.rename(folder)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{folder.name}.old.", dir=folder.parent))
    kept = old / "bundle"
    try:
        folder.rename(kept)
        temporary.rename(folder)
    except BaseException:
        if kept.exists():
            kept.rename(folder)
        old.rmdir()
        raise
    shutil.rmtree(old, ignore_errors=True)


def _unsealed(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in manifest.items() if key != "sha256"}


def _read_manifest(folder: Path) -> dict[str, Any]:
    """The description of a bundle, if its checksum is right and its values are valid."""
    if not folder.is_dir():
        raise BundleError(f"{folder}: no such bundle folder")
    path = folder / MANIFEST
    if not path.is_file():
        raise BundleError(f"{folder}: not a bundle, it has no {MANIFEST}")
    raw, sealed = read_bytes(path)
    manifest = _unsealed(sealed)
    try:
        whole = _sealed(manifest) == raw
    except RecursionError:
        whole = False
    if not whole:
        raise BundleError(
            f"{path}: damaged, its SHA-256 is not the one in its last line; copy the bundle again"
        )
    return checked(manifest, path)


def _check_files(folder: Path, files: Mapping[str, str], unread: Sequence[str] = ()) -> None:
    """Refuses missing files, and files whose SHA-256 is not that in the description.

    Args:
        folder: The bundle.
        files: SHA-256 by name.
        unread: Names of files of which only the presence is checked.
    """
    for name, expected in files.items():
        path = folder / name
        if not path.is_file():
            raise BundleError(f"{path}: missing; copy the bundle again")
        if name in unread:
            continue
        try:
            digest = _sha256(path)
        except OSError as error:
            raise BundleError(f"{path}: cannot be read ({error.strerror})") from None
        if digest != expected:
            raise BundleError(
                f"{path}: damaged, its SHA-256 is not the one that {MANIFEST} names; "
                "copy the bundle again"
            )


def _check_folder(folder: Path, files: Mapping[str, str]) -> None:
    """Refuses links, and files that the description does not list: a library might read them."""
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in (*folders, *names):
            path = Path(place, name)
            inside = path.relative_to(folder).as_posix()
            if name.startswith(".") or name in _INERT:
                continue
            if path.is_symlink():
                raise BundleError(f"{path}: a link; copy the bundle with its files (cp -rL)")
            if name not in folders and inside not in files and inside != MANIFEST:
                raise BundleError(
                    f"{path}: {MANIFEST} does not name this file, which could change the model; "
                    "delete it"
                )


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
