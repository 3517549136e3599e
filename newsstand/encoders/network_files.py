"""The files of an encoder: what is looked at before any library reads them.

Such a folder comes from the hub, a colleague, or inside a bundle. Settings in it can name code to
run, other folders to read, or networks that no memory holds; and one that lacks its vocabulary, or
some of its weights, would be taken for whole.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from newsstand.errors import NewsstandError, first_line

_Keys: TypeAlias = tuple[str | int, ...]

TOKENIZER = "tokenizer.json"
# Any of these holds a vocabulary; without, transformers makes a tokenizer that knows no word.
_VOCABULARIES = (TOKENIZER, "vocab.txt", "vocab.json", "*.model", "*.tiktoken")

_SETTINGS = ("config.json", "tokenizer_config.json", "special_tokens_map.json", TOKENIZER)
_MOST_BYTES = {"config.json": 1 << 20, TOKENIZER: 256 << 20}
_USUAL_BYTES = 16 << 20
# The highest whole numbers in a config, the first that a key fits; others size nothing.
_MOST = (
    ("length|window|_id$|_ids$|position|ctx|vocab|bucket|label", 10_000_000),
    ("layer|group|block|depth", 256),
    ("^n_heads?$|^num_", 1024),
    ("", 1_000_000),
)
# Buffers that older checkpoints hold and networks make for themselves.
_MADE = re.compile(r"(position_ids|token_type_ids|inv_freq|masked_bias|attn\.bias)$")

# Settings that would run code or read weights from elsewhere, whatever they are set to.
_REFUSED = ("auto_map", "quantization_config", "transformers_weights", "custom_generate")
# Ways to compute attention that are part of torch; the others may be fetched from the hub.
_ATTENTION = (None, "eager", "sdpa")

# In a tokenizer, texts that are put into every article, and how long they may be.
_INSERTED = ("content", "prepend", "replacement", "prefix", "suffix", "unk_token")
_MOST_INSERTED = 200


def check_encoder(folder: Path) -> None:
    """Refuses an encoder's folder with settings that no encoder needs.

    Raises:
        NewsstandError: A file is missing, damaged or too large, or one of its settings is refused;
            the message names file and key.
    """
    if (folder / "adapter_config.json").exists():
        raise NewsstandError(
            f"{folder / 'adapter_config.json'}: adapters are not read; merge them into the weights"
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
    # A number beyond all others stands for "no limit" in keys that size nothing.
    if isinstance(value, int) and value > most and "length" not in key:
        raise NewsstandError(f"{where}: expected {most:,} at most, got {value!r:.60}")


def _check_inserted(where: str, key: str, value: Any) -> None:
    if key in _INSERTED and isinstance(value, str) and len(value) > _MOST_INSERTED:
        raise NewsstandError(
            f"{where}: expected {_MOST_INSERTED} characters at most, got {len(value):,}"
        )


def _check_index(path: Path) -> None:
    """Weights in several files: all of them in the same folder."""
    index = _read(path)
    weights = index.get("weight_map")
    if not isinstance(weights, dict):
        raise NewsstandError(f"{path}: weight_map: expected the file of each tensor")
    for name in set(map(str, weights.values())):
        if not re.fullmatch(r"[\w.-]+\.safetensors", name):
            raise NewsstandError(f"{path}: weight_map: expected files beside it, got {name!r:.60}")


def _read(path: Path) -> dict[str, Any]:
    """Keys and values of a file in JSON."""
    most = _MOST_BYTES.get(path.name, _USUAL_BYTES)
    try:
        if path.stat().st_size > most:
            raise NewsstandError(f"{path}: expected {most:,} bytes at most")
        found = json.loads(path.read_bytes(), parse_constant=_no_number)
    except (OSError, ValueError, RecursionError) as error:
        raise NewsstandError(f"{path}: damaged, not valid JSON ({first_line(error)})") from None
    if not isinstance(found, dict):
        raise NewsstandError(f"{path}: damaged, expected keys and values")
    return found


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _walk(values: Mapping[str, Any]) -> Iterator[tuple[_Keys, Any]]:
    """Every value of a file in JSON, vocabularies passed over, and the keys that lead to it."""
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
    """How many tokens the network knows by its config; None where that does not say."""
    size = _read(folder / "config.json").get("vocab_size")
    return size if isinstance(size, int) else None


def class_names(folder: Path) -> list[str]:
    """What the outputs of a classifier stand for, by its config; empty where that does not say."""
    names = _read(folder / "config.json").get("id2label")
    if not isinstance(names, dict):
        return []
    return [str(names[key]) for key in sorted(names, key=lambda key: (len(key), key))]


def check_vocabulary(folder: Path, vocabulary: Mapping[str, int], size: int) -> None:
    """Refuses a tokenizer that is another network's, or that has lost its vocabulary.

    Args:
        folder: The encoder's.
        vocabulary: Number by token.
        size: How many tokens the network knows; some keep places free.

    Raises:
        NewsstandError: The two do not fit.
    """
    if len(vocabulary) < size // 2 or max(vocabulary.values(), default=0) >= size:
        raise NewsstandError(
            f"{folder}: the tokenizer's vocabulary ({len(vocabulary):,} tokens) is not the "
            f"network's ({size:,})"
        )


def check_loaded(
    folder: Path, info: Mapping[str, Any], network: Any, *, new: Callable[[str], bool]
) -> None:
    """Refuses weights that are not those of the network that the config describes.

    Args:
        folder: The encoder's.
        info: What transformers tells of the loading.
        network: What was loaded.
        new: Tells of a tensor's name whether it may be made anew.

    Raises:
        NewsstandError: Tensors are missing, of another shape, or left over; the message names the
            first.
    """
    prefix = f"{network.base_model_prefix}."
    parts = {name for name, _ in network.base_model.named_children()}

    def spare(name: str) -> bool:
        """Whether it is of the body: another head's tensors are left over from pretraining."""
        inside = name.removeprefix(prefix)
        of_body = inside != name or inside.split(".")[0] in parts
        return of_body and "pooler." not in name and not _MADE.search(name)

    for names, said in (
        ([x for x in info["missing_keys"] if not new(x)], "lacks"),
        ([x for x, *_ in info["mismatched_keys"] if not new(x)], "has, in another shape,"),
        ([x for x in info["unexpected_keys"] if spare(x)], "has, beyond those of its config.json,"),
    ):
        if names:
            shown = ", ".join(sorted(names)[:3])
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            raise NewsstandError(f"{folder}: weights not of this network: it {said} {shown}{more}")
