"""Changes to a bundle that no training makes, drawn at random, and what may come of them."""

import copy
import hashlib
import json
import random
import shutil
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from newsstand.errors import NewsstandError
from newsstand.io.bundle import REFERENCE, Bundle, read_reference
from newsstand.serve.scorer import Scorer
from newsstand.text.article import Article

ARTICLES = (
    Article(title="Rain on the hills", body="Snow fell overnight. Strong winds are forecast."),
    Article(body="The coach praised the goalkeeper, and shares fell. " * 5),
    Article(body="فاز الفريق في المباراة"),
)
# Written by code that a bundle brings, if it is ever run.
PLANTED = "import pathlib\npathlib.Path({marker!r}).touch()\nclass Planted: ...\n"

_LONG = 100_000
_DEEP: Any = 0
for _ in range(60):
    _DEEP = [_DEEP]
_HOSTILE: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 7, 2**31, 2**63, 10**30, 0.5, -0.5, 1e308, -1e308),
    *(
        float("nan"),
        float("inf"),
        "",
        "x",
        "1",
        "\x1b[31m",
        "a\nb",
        "../../etc/hosts",
        "/etc/hosts",
    ),
    *("x" * _LONG, "é" * 1000, [], {}, [[]], [None] * 3, {"a": 1}, [1, 2], _DEEP, [0] * 5000),
)
# Keys that a library reads, whatever a bundle had.
_KEYS: dict[str, Any] = {
    "auto_map": {"AutoConfig": "planted.Planted", "AutoModel": "planted.Planted"},
    "quantization_config": {"quant_method": "bitsandbytes", "load_in_8bit": True},
    "_attn_implementation": "someone/kernel",
    "attn_implementation": "flash_attention_2",
    "transformers_weights": "../../other.safetensors",
    "tokenizer_class": "Planted",
    "architectures": ["Planted"],
    "dtype": "float128",
    "model_type": "gpt2",
    "use_cache": "x",
    "vocab_file": "/etc/hosts",
    "truncation": {"max_length": 1, "strategy": "LongestFirst", "stride": 9, "direction": "Left"},
    "padding": {"strategy": {"Fixed": 10**9}, "direction": "Right", "pad_id": 0},
}


def probabilities(bundle: Bundle) -> NDArray[np.float64]:
    """What a bundle says of a few articles, its evidence looked for, too."""
    target = "shares" if bundle.task == "stance" else None
    scores = Scorer(bundle).score_many(ARTICLES, target=target, explain=True)
    return np.array([list(score.probabilities.values()) for score in scores])


def outcome(folder: Path, expected: NDArray[np.float64]) -> str:
    """What comes of a changed bundle.

    Returns:
        `refused: …` with one line; `same`: the same answers within 1e-4; `other`: those of another
        model, probabilities that sum to 1; else what is wrong.
    """
    try:
        found = probabilities(Bundle.load(folder))
        if (folder / REFERENCE).is_file():
            read_reference(folder)
    except NewsstandError as error:
        lines = str(error).splitlines()
        return f"refused: {error}" if len(lines) == 1 else f"wrong: {len(lines)} lines: {error}"
    except Exception as error:
        return f"wrong: {type(error).__name__}: {error}"
    if not np.isfinite(found).all() or np.abs(found.sum(axis=1) - 1).max() > 1e-6:
        return f"wrong: {found}"
    same = found.shape == expected.shape and np.abs(found - expected).max() <= 1e-4
    return "same" if same else "other"


def changed(rng: random.Random, whole: Path, folder: Path, *, sealed: bool) -> str:
    """A copy of a bundle with one change.

    Args:
        rng: Decides what is changed.
        whole: The bundle.
        folder: Where the copy goes.
        sealed: Make all hashes right again, as one would who means harm.

    Returns:
        What was changed.
    """
    shutil.copytree(whole, folder)
    if not sealed:
        return rng.choice((_bytes, _bytes, _cut, _deleted, _added, _linked))(rng, folder)
    settings = sorted(folder.glob("encoder/*.json"))
    ways: list[Callable[[random.Random, Path], str]] = [_tensor, _header, _listed, _inside]
    ways += [_network] * 3 if list(folder.glob("*.onnx")) else []
    ways += [_settings] * (6 if settings else 0)
    if rng.random() < (0.3 if settings else 0.6):
        return _manifest(rng, folder)
    said = rng.choice(ways)(rng, folder)
    reseal(folder, lambda _: None)
    return said


def reseal(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Changes a description, and makes its hashes right."""
    path = folder / "bundle.json"
    manifest = json.loads(path.read_bytes())
    for name in manifest["files"]:
        if (folder / name).is_file():
            manifest["files"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    change(manifest)
    manifest.pop("sha256", None)
    digest = hashlib.sha256(_dumped(manifest)).hexdigest()
    path.write_bytes(_dumped({**manifest, "sha256": digest}))


def _dumped(manifest: dict[str, Any]) -> bytes:
    text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    return text.encode("utf-8", "surrogatepass")


def _manifest(rng: random.Random, folder: Path) -> str:
    said = []
    reseal(folder, lambda manifest: said.append(_changed_value(rng, manifest)))
    return f"bundle.json: {said[0]}"


def _settings(rng: random.Random, folder: Path) -> str:
    path = rng.choice(sorted(folder.glob("encoder/*.json")))
    values = json.loads(path.read_bytes())
    said = _changed_value(rng, values)
    path.write_text(json.dumps(values))
    return f"{path.name}: {said}"


def _changed_value(rng: random.Random, root: dict[str, Any]) -> str:
    """Changes one value of what JSON gave, often near the top."""
    at: Any = root
    keys: list[Any] = []
    while True:
        key = rng.choice(list(at) if isinstance(at, dict) else range(len(at)))
        keys.append(key)
        inner = at[key]
        if not (isinstance(inner, dict | list) and inner) or rng.random() < 0.25:
            break
        at = inner
    way = rng.choice(("value", "value", "value", "gone", "number", "key", "known", "swap"))
    if way == "gone":
        del at[key]
    elif way == "number" and type(at[key]) in (int, float):
        at[key] = at[key] * rng.choice((-1, 0, 2, 10, 1000, 10**6)) + rng.choice((0, 0, 1))
    elif way == "key" and isinstance(at, dict):
        at[rng.choice(("x", "", "a\nb", "kind", "x" * 500))] = copy.deepcopy(rng.choice(_HOSTILE))
    elif way == "known" and isinstance(at, dict):
        key = rng.choice(list(_KEYS))
        (root if rng.random() < 0.7 else at)[key] = copy.deepcopy(_KEYS[key])
        keys.append(key)
    elif way == "swap" and isinstance(at, dict):
        at[key] = copy.deepcopy(at[rng.choice(list(at))])
    else:
        at[key] = copy.deepcopy(rng.choice(_HOSTILE))
    return f"{way} {'.'.join(map(str, keys))[:80]}"


def _weights(rng: random.Random, folder: Path) -> Path:
    return rng.choice(sorted(folder.rglob("*.safetensors")))


def _tensor(rng: random.Random, folder: Path) -> str:
    from safetensors.numpy import load_file, save_file

    path = _weights(rng, folder)
    tensors = {name: value.copy() for name, value in load_file(path).items()}
    name = rng.choice(sorted(tensors))
    value = tensors[name]
    way = rng.choice(("nan", "huge", "order", "less", "more", "type", "gone", "new", "axes"))
    if way in ("nan", "huge") and value.size:
        number = rng.choice((np.nan, np.inf, -np.inf)) if way == "nan" else 3e38
        if value.dtype.kind in "iu":
            number = rng.choice((-1, np.iinfo(value.dtype).max))
        with np.errstate(all="ignore"):
            value.flat[rng.randrange(value.size)] = number
    elif way == "order":
        tensors[name] = value[::-1].copy()
    elif way == "less":
        tensors[name] = value[: len(value) // 2].copy()
    elif way == "more":
        tensors[name] = np.concatenate([value, value])
    elif way == "type":
        kind = rng.choice((np.float16, np.float64, np.int32, np.uint8))
        tensors[name] = value.astype(kind)
    elif way == "gone":
        del tensors[name]
    elif way == "new":
        tensors[f"{name}.new"] = value
    else:
        tensors[name] = value.reshape(1, *value.shape)
    save_file({k: np.ascontiguousarray(v) for k, v in tensors.items()}, path, {"format": "pt"})
    return f"{path.name}: {way} {name}"


def _header(rng: random.Random, folder: Path) -> str:
    path = _weights(rng, folder)
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    if rng.random() < 0.3:
        path.write_bytes(struct.pack("<Q", rng.choice((0, 1, 2**20, 2**40, 2**63))) + data[8:])
        return f"{path.name}: size of the header"
    header = json.loads(data[8 : 8 + size])
    said = _changed_value(rng, header)
    written = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(written)) + written + data[8 + size :])
    return f"{path.name}: header {said}"


def _listed(rng: random.Random, folder: Path) -> str:
    """A file more, one less, or one elsewhere, and the description knows of it."""
    place = folder / ("encoder" if (folder / "encoder").is_dir() else "")
    marker = str(folder.parent / "marker")
    extra = {
        "planted.py": PLANTED.format(marker=marker),
        "adapter_config.json": '{"base_model_name_or_path": "someone/else", "peft_type": "LORA"}',
        "added_tokens.json": '{"snow": 3}',
        "pytorch_model.bin": "no pickle",
        "model.safetensors.index.json": '{"weight_map": {"x": "../../other.safetensors"}}',
    }
    name = rng.choice((*extra, "gone", "outside", "absolute"))
    files = json.loads((folder / "bundle.json").read_bytes())["files"]
    if name in extra:
        (place / name).write_text(extra[name])
        inside = (place / name).relative_to(folder).as_posix()
        reseal(folder, lambda manifest: manifest["files"].update({inside: ""}))
    elif name == "gone":
        name = rng.choice(sorted(files))
        reseal(folder, lambda manifest: manifest["files"].pop(name))
    else:
        wanted = "../other" if name == "outside" else "/etc/hosts"
        reseal(folder, lambda manifest: manifest["files"].update({wanted: "0" * 64}))
    return f"files: {name}"


def _inside(rng: random.Random, folder: Path) -> str:
    """Other bytes in any file but the description."""
    aside = (folder / "bundle.json").rename(folder.parent / "bundle.json")
    said = rng.choice((_bytes, _cut))(rng, folder)
    aside.rename(folder / "bundle.json")
    return said


def _files(folder: Path) -> Sequence[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _bytes(rng: random.Random, folder: Path) -> str:
    path = rng.choice(_files(folder))
    data = bytearray(path.read_bytes())
    for _ in range(rng.choice((1, 1, 8))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)
    return f"{path.name}: bytes"


def _network(rng: random.Random, folder: Path) -> str:
    """Other bytes in a network's file, most often near a name or a size."""
    [path] = folder.glob("*.onnx")
    data = bytearray(path.read_bytes())
    for _ in range(rng.choice((1, 1, 4))):
        place = rng.randrange(len(data))
        data[place] = rng.choice((0, 1, 127, 255, data[place] ^ 1 << rng.randrange(8)))
    path.write_bytes(data)
    return f"{path.name}: bytes"


def _cut(rng: random.Random, folder: Path) -> str:
    path = rng.choice(_files(folder))
    data = path.read_bytes()
    path.write_bytes(data[: rng.randrange(len(data))] if rng.random() < 0.7 else data + b" ")
    return f"{path.name}: cut"


def _deleted(rng: random.Random, folder: Path) -> str:
    path = rng.choice(_files(folder))
    path.unlink()
    if rng.random() < 0.3:
        path.mkdir()
    return f"{path.name}: deleted"


def _added(rng: random.Random, folder: Path) -> str:
    place = rng.choice([folder, *(path for path in folder.rglob("*") if path.is_dir())])
    name = rng.choice(("added_tokens.json", "adapter_config.json", "x.py", ".DS_Store", "x.bin"))
    (place / name).write_text('{"snow": 3}')
    return f"{name}: added"


def _linked(rng: random.Random, folder: Path) -> str:
    path = rng.choice(_files(folder))
    other = folder.parent / f"elsewhere-{folder.name}"
    path.rename(other)
    path.symlink_to(other)
    return f"{path.name}: a link"
