"""Loading an encoder's folder runs no code, downloads nothing, and reports what is missing."""

import io
import json
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from mutations import PLANTED
from newsstand.encoders.network_files import check_encoder
from newsstand.encoders.tokenizer import Tokens
from newsstand.encoders.torch_encoder import Encoder
from newsstand.errors import NewsstandError


@pytest.fixture
def encoder(tiny_encoder: Path, tmp_path: Path) -> Path:
    """A copy of the encoder that a test may change."""
    shutil.copytree(tiny_encoder, tmp_path / "encoder")
    return tmp_path / "encoder"


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **values}))


def refused(folder: Path, **settings: Any) -> str:
    with pytest.raises(NewsstandError) as caught:
        Encoder.open(folder, **{"max_tokens": 16, "device": "cpu", **settings})
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_code_in_an_encoder_folder_is_not_run(
    encoder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = encoder.parent / "marker"
    (encoder / "planted.py").write_text(PLANTED.format(marker=str(marker)))
    classes = {"AutoConfig": "planted.Planted", "AutoModel": "planted.Planted"}
    change(encoder / name, auto_map={**classes, "AutoTokenizer": ["planted.Planted", None]})
    answers = io.StringIO("y\n" * 10)
    monkeypatch.setattr(sys, "stdin", answers)
    assert f"{name}: auto_map: refused, as it can load code" in refused(encoder)
    # Transformers alone does not run it either, and does not prompt.
    monkeypatch.setattr("newsstand.encoders.torch_encoder.check_encoder", lambda _: None)
    with suppress(NewsstandError):
        Encoder.open(encoder, max_tokens=16, device="cpu")
    assert answers.tell() == 0
    assert not marker.exists()


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("config.json", {"quantization_config": {"quant_method": "x"}}, "quantization_config: ref"),
        ("config.json", {"transformers_weights": "x.safetensors"}, "transformers_weights: refused"),
        ("config.json", {"_attn_implementation": "some/kernel"}, "expected eager or sdpa, got 'so"),
        ("config.json", {"attn_implementation": {"": "some/kernel"}}, "expected eager or sdpa"),
        ("config.json", {"num_hidden_layers": 10**9}, "num_hidden_layers: expected 256 at most"),
        ("config.json", {"hidden_size": 10**8}, "hidden_size: expected 1,000,000 at most"),
        ("config.json", {"vocab_size": 10**9}, "vocab_size: expected 10,000,000 at most"),
        ("config.json", {"layer_norm_eps": float("nan")}, "config.json: damaged, not valid JSON"),
        ("config.json", {"hidden_size": "x"}, "not an encoder that transformers"),
        ("config.json", {"model_type": "x"}, "not an encoder that transformers"),
        ("config.json", {"vocab_size": 9_000_000}, "describes 216,"),
        ("config.json", {"hidden_size": 48}, "of another shape: embeddings.LayerNorm.bias"),
        ("config.json", {"num_hidden_layers": 3}, "missing: encoder.layer.2.attention"),
        ("config.json", {"num_hidden_layers": 1}, "match config.json; unexpected: encod"),
        ("tokenizer.json", {"model": None}, "not an encoder that transformers"),
        ("tokenizer.json", {"normalizer": {"type": "Prepend", "prepend": "x" * 201}}, "200 chara"),
    ],
)
def test_dangerous_settings_are_refused_with_one_line(
    encoder: Path, name: str, values: dict[str, Any], message: str
) -> None:
    change(encoder / name, **values)
    assert message in refused(encoder)


def test_usual_settings_of_the_hub_are_accepted(encoder: Path) -> None:
    more = {"_attn_implementation": "sdpa", "max_length": 10**30}
    change(encoder / "config.json", **more, id2label={"0": "x"}, _name_or_path="/home/me/x")
    change(encoder / "tokenizer_config.json", tokenizer_file="/home/me/x/tokenizer.json")
    (encoder / "README.md").write_text("Of the hub.")
    (encoder / "pytorch_model.bin").write_bytes(b"no pickle")
    assert Encoder.open(encoder, max_tokens=16, device="cpu").width == 24


def test_adapters_and_weights_outside_the_folder_are_refused(encoder: Path) -> None:
    (encoder / "adapter_config.json").write_text('{"base_model_name_or_path": "some/other"}')
    assert "adapter_config.json: adapters are not supported" in refused(encoder)
    (encoder / "adapter_config.json").unlink()
    index = encoder / "model.safetensors.index.json"
    for wrong in ("../model.safetensors", "/model.safetensors", "pytorch_model.bin"):
        index.write_text(json.dumps({"weight_map": {"x": wrong}}))
        assert f"expected files beside it, got '{wrong}'" in refused(encoder)
    index.write_text('{"weight_map": []}')
    assert "weight_map: expected the file of each tensor" in refused(encoder)


def test_an_encoder_without_its_vocabulary_is_refused(encoder: Path) -> None:
    whole = (encoder / "tokenizer.json").read_bytes()
    (encoder / "tokenizer.json").unlink()
    assert "no tokenizer, expected tokenizer.json or a vocabulary" in refused(encoder)
    change(encoder / "tokenizer_config.json", tokenizer_class="BertTokenizer")
    (encoder / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n")
    assert "the tokenizer's vocabulary (5 tokens) does not match the network's" in refused(encoder)
    values = json.loads(whole)
    values["model"]["vocab"]["more"] = 10_000
    (encoder / "tokenizer.json").write_text(json.dumps(values))
    assert "does not match the network's" in refused(encoder)


def without(encoder: Path, drop: Callable[[str], bool], **more: Any) -> None:
    path = encoder / "model.safetensors"
    kept = {name: value for name, value in load_file(path).items() if not drop(name)}
    save_file({**kept, **more}, path, {"format": "pt"})


def test_missing_weights_are_named(encoder: Path) -> None:
    without(encoder, lambda name: "layer.1.attention" in name)
    message = refused(encoder)
    assert "missing: encoder.layer.1.attention.output.LayerNorm.bias, encoder.layer.1" in message
    assert message.endswith("and 7 more")
    assert "missing: bert.encoder.layer.1" in refused(encoder, labels=3)


def test_only_training_initialises_a_new_head(encoder: Path) -> None:
    whole = load_file(encoder / "model.safetensors")
    without(encoder, lambda name: "pooler" in name)
    for labels in (None, 3):
        Encoder.open(encoder, max_tokens=16, labels=labels, device="cpu")
        assert "missing:" in refused(encoder, labels=labels, new_head=False)
    # Tensors of pretraining heads, or for other labels.
    more = {
        "cls.predictions.bias": np.zeros(5, np.float32),
        "classifier.weight": np.zeros((2, 24), np.float32),
        "classifier.bias": np.zeros(2, np.float32),
    }
    bert = {f"bert.{name}": value for name, value in whole.items()}
    save_file({**bert, **more}, encoder / "model.safetensors", {"format": "pt"})
    assert Encoder.open(encoder, max_tokens=16, labels=3, device="cpu").labels == 3
    assert "of another shape: classifier.bias" in refused(encoder, labels=3, new_head=False)
    assert Encoder.open(encoder, max_tokens=16, labels=2, device="cpu", new_head=False).labels == 2


def test_a_new_head_depends_on_the_seed(tiny_encoder: Path) -> None:
    found = []
    for _ in range(2):
        torch.manual_seed(5)
        encoder = Encoder.open(tiny_encoder, max_tokens=16, labels=3, device="cpu")
        found.append(encoder.network.classifier.weight.detach().numpy())
    torch.manual_seed(5)
    assert (found[0] == found[1]).all()
    assert (found[0] == torch.nn.init.normal_(torch.empty(3, 24), std=0.2).numpy()).all()


def test_weights_that_are_not_finite_are_refused(encoder: Path) -> None:
    path = encoder / "model.safetensors"
    whole = load_file(path)
    name = "encoder.layer.1.output.dense.weight"
    for value in (np.nan, np.inf):
        spoilt = whole[name].copy()
        spoilt[3, 5] = value
        save_file({**whole, name: spoilt}, path, {"format": "pt"})
        assert f"'{name}' holds numbers that are not finite" in refused(encoder)


def test_library_errors_on_a_text_become_one_line(tiny_encoder: Path) -> None:
    encoder = Encoder.open(tiny_encoder, max_tokens=16, labels=3, device="cpu")
    with pytest.raises(NewsstandError, match=r"^the encoder cannot read a text \(index out of"):
        encoder.scores(Tokens([[10_000]], [[0]]))
    check_encoder(tiny_encoder)
