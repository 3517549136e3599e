"""Checks the files of an encoder before and after libraries read them.

Such a folder comes from the hub, a colleague or a bundle. Its settings can name code to run, other
folders to read, or networks too large for memory; and libraries would load a folder that lacks its
vocabulary or some weights without an error.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from newsstand.errors import NewsstandError, first_line

_Keys: TypeAlias = tuple[str | int, ...]

TOKENIZER = "tokenizer.json"
# Files with a vocabulary; without any, transformers makes a tokenizer without words.
_VOCABULARIES = (TOKENIZER, "vocab.txt", "vocab.json", "*.model", "*.tiktoken")

_SETTINGS = ("config.json", "tokenizer_config.json", "special_tokens_map.json", TOKENIZER)
_MOST_BYTES = {"config.json": 1 << 20, TOKENIZER: 256 << 20}
_USUAL_BYTES = 16 << 20
# The highest integers in a config, by the first pattern that matches the key.
_MOST = (
    ("length|window|_id$|_ids$|position|ctx|vocab|bucket|label", 10_000_000),
    ("layer|group|block|depth", 256),
    ("^n_heads?$|^num_", 1024),
    ("", 1_000_000),
)
# Buffers that older checkpoints contain and networks create themselves.
_CREATED = re.compile(r"(position_ids|token_type_ids|inv_freq|masked_bias|attn\.bias)$")

# Settings that run code or read weights from elsewhere, refused with any value.
_REFUSED = ("auto_map", "quantization_config", "transformers_weights", "custom_generate")
# Implementations of attention in torch; others may be downloaded from the hub.
_ATTENTION = (None, "eager", "sdpa")

# Texts that a tokenizer inserts into every article, and their maximum length.
_INSERTED = ("content", "prepend", "replacement", "prefix", "suffix", "unk_token")
_MOST_INSERTED = 200


def check_encoder(folder: Path) -> None:
    """Refuses an encoder's folder with dangerous settings or missing files.

    Raises:
        NewsstandError: A file is missing, damaged or too large, or a setting is refused; the
            message names file and key.
    """
    if (folder / "adapter_config.json").exists():
        raise NewsstandError(
            f"{folder / 'adapter_config.json'}: adapters are not supported; merge them into the "
            "weights"
        )
    if not any(path.is_file() for name in _VOCABULARIES for path in folder.glob(name)):
        raise NewsstandError(f"{folder}: no tokenizer, expected {TOKENIZER} or a vocabulary")
    for name in _SETTINGS:
        if (folder / name).exists():
            _check_settings(folder / name)
    for path in folder.glob("*.index.json"):
        _check_index(path)


def _check_settings(path: Path) -> None:
    for keys, value in _walk(_read(path)):
        key = next((x for x in reversed(keys) if isinstance(x, str)), "")
        where = f"{path}: {'.'.join(repr(str(x)[:60])[1:-1] for x in keys)}"
        if key in _REFUSED and value is not None:
            raise NewsstandError(f"{where}: refused, as it can load code or weights from elsewhere")
        if "attn_implementation" in key and value not in _ATTENTION:
            raise NewsstandError(f"{where}: expected eager or sdpa, got {value!r:.60}")
        if path.name == "config.json" and isinstance(value, int | float):
            _check_number(where, key, value)
        if path.name == TOKENIZER and keys[0] not in ("model", "added_tokens"):
            _check_inserted(where, key, value)


def _check_number(where: str, key: str, value: float) -> None:
    most = next(most for pattern, most in _MOST if re.search(pattern, key))
    # Lengths may have a huge number that means "no limit".
    if isinstance(value, int) and value > most and "length" not in key:
        raise NewsstandError(f"{where}: expected {most:,} at most, got {value!r:.60}")


def _check_inserted(where: str, key: str, value: Any) -> None:
    if key in _INSERTED and isinstance(value, str) and len(value) > _MOST_INSERTED:
        raise NewsstandError(
            f"{where}: expected {_MOST_INSERTED} characters at most, got {len(value):,}"
        )


def _check_index(path: Path) -> None:
    """Refuses an index of weights with files outside its folder."""
    index = _read(path)
    weights = index.get("weight_map")
    if not isinstance(weights, dict):
        raise NewsstandError(f"{path}: weight_map: expected the file of each tensor")
    for name in set(map(str, weights.values())):
        if not re.fullmatch(r"[\w.-]+\.safetensors", name):
            raise NewsstandError(f"{path}: weight_map: expected files beside it, got {name!r:.60}")


def _read(path: Path) -> dict[str, Any]:
    """Reads a JSON file with keys and values."""
    most = _MOST_BYTES.get(path.name, _USUAL_BYTES)
    try:
        if (size := path.stat().st_size) > most:
            raise NewsstandError(f"{path}: expected {most:,} bytes at most, got {size:,}")
        values = json.loads(path.read_bytes(), parse_constant=_refuse_constant)
    except (OSError, ValueError, RecursionError) as error:
        raise NewsstandError(f"{path}: damaged, not valid JSON ({first_line(error)})") from None
    if not isinstance(values, dict):
        raise NewsstandError(f"{path}: damaged, expected a JSON object")
    return values


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def _walk(values: Mapping[str, Any]) -> Iterator[tuple[_Keys, Any]]:
    """Yields each value of a JSON object and the keys that lead to it, without vocabularies."""
    pending: list[tuple[_Keys, Any]] = [((key,), inner) for key, inner in values.items()]
    while pending:
        keys, value = pending.pop()
        yield keys, value
        if keys[-1] in ("vocab", "merges"):
            continue
        if isinstance(value, dict):
            pending += (((*keys, key), inner) for key, inner in value.items())
        elif isinstance(value, list):
            pending += (((*keys, number), inner) for number, inner in enumerate(value))


def vocabulary_size(folder: Path) -> int | None:
    """Returns the vocabulary size in the network's config; None if it gives none."""
    size = _read(folder / "config.json").get("vocab_size")
    return size if isinstance(size, int) else None


def class_names(folder: Path) -> list[str]:
    """Returns the class names in a classifier's config, in order; empty if it gives none."""
    names = _read(folder / "config.json").get("id2label")
    if not isinstance(names, dict):
        return []
    return [str(names[key]) for key in sorted(names, key=lambda key: (len(key), key))]


def check_vocabulary(folder: Path, vocabulary: Mapping[str, int], size: int) -> None:
    """Refuses a tokenizer of another network, or without its vocabulary.

    Args:
        folder: The encoder's folder.
        vocabulary: Token ids by token.
        size: Vocabulary size of the network, which may include unused ids.

    Raises:
        NewsstandError: The two do not match.
    """
    if len(vocabulary) < size // 2 or max(vocabulary.values(), default=0) >= size:
        raise NewsstandError(
            f"{folder}: the tokenizer's vocabulary ({len(vocabulary):,} tokens) does not match "
            f"the network's ({size:,})"
        )


def check_loaded(
    folder: Path, info: Mapping[str, Any], network: Any, *, new: Callable[[str], bool]
) -> None:
    """Refuses weights that do not match the network that the config describes.

    Args:
        folder: The encoder's folder.
        info: The loading info of transformers.
        network: The loaded network.
        new: Whether the tensor of a name may be newly initialised.

    Raises:
        NewsstandError: Tensors are missing, of another shape, or unexpected; the message names
            the first.
    """
    prefix = f"{network.base_model_prefix}."
    modules = {name for name, _ in network.base_model.named_children()}

    def unexpected(name: str) -> bool:
        """Whether a tensor belongs to the body; those of pretraining heads are expected."""
        inside = name.removeprefix(prefix)
        in_body = inside != name or inside.split(".")[0] in modules
        return in_body and "pooler." not in name and not _CREATED.search(name)

    for names, problem in (
        ([x for x in info["missing_keys"] if not new(x)], "missing"),
        ([x for x, *_ in info["mismatched_keys"] if not new(x)], "of another shape"),
        ([x for x in info["unexpected_keys"] if unexpected(x)], "unexpected"),
    ):
        if names:
            shown = ", ".join(sorted(names)[:3])
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            raise NewsstandError(
                f"{folder}: weights do not match config.json; {problem}: {shown}{more}"
            )
