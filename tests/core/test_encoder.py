"""The encoder truncates, batches and pools; batches change a vector by rounding only."""

import shutil
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from newsstand.encoders.libraries import find_device
from newsstand.encoders.torch_encoder import Encoder
from newsstand.errors import NewsstandError

TEXTS = [
    "Rain and strong winds.",
    "",
    "The coach praised his team after the match. " * 20,
    "ارتفعت أسعار الأسهم",
    "Snow",
]


@pytest.fixture(scope="module")
def encoder(tiny_encoder: Path) -> Encoder:
    return Encoder.open(tiny_encoder, max_tokens=32, device="cpu")


def test_a_batch_gives_the_vectors_of_single_texts_in_order(encoder: Encoder) -> None:
    batch = encoder.vectors(TEXTS)
    assert batch.dtype == np.float32
    assert batch.shape == (len(TEXTS), encoder.width) == (5, 24)
    np.testing.assert_allclose(np.linalg.norm(batch, axis=1), 1, rtol=1e-5)
    single = np.vstack([encoder.vectors([text]) for text in TEXTS])
    np.testing.assert_allclose(batch, single, atol=1e-6)
    assert len(np.unique(batch.round(3), axis=0)) == len(TEXTS)
    np.testing.assert_allclose(encoder.vectors(TEXTS[::-1])[::-1], batch, atol=1e-6)
    assert encoder.vectors([]).shape == (0, 24)


def test_vectors_are_the_mean_of_the_hidden_states(encoder: Encoder) -> None:
    inputs = encoder.tokenizer(TEXTS[0], return_tensors="pt")
    with torch.inference_mode():
        mean = encoder.network(**inputs).last_hidden_state[0].mean(dim=0).numpy()
    expected = mean / np.linalg.norm(mean)
    np.testing.assert_allclose(encoder.vectors([TEXTS[0]])[0], expected, atol=1e-6)
    states, places = encoder.states(TEXTS[0])
    np.testing.assert_allclose(states.mean(axis=0), mean, atol=1e-6)
    words = [TEXTS[0][start:end] for start, end in places]
    assert "".join(words) == "".join(TEXTS[0].split())
    assert words[0] == words[-1] == ""


def test_batches_group_similar_lengths_within_the_budget(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsstand.encoders.torch_encoder._CPU_BUDGET", 40)
    tokens = encoder.tokens(["rain " * count for count in (1, 28, 9, 2, 9, 1, 60)])
    batches = list(encoder.batches(tokens))
    assert sorted(chain.from_iterable(batches)) == list(range(7))
    lengths = [tokens.lengths()[batch].tolist() for batch in batches]
    assert lengths == [[32], [30], [11, 11, 4], [3, 3]]
    assert encoder.padded(tokens, batches[2])["attention_mask"].sum().item() == 26


def test_only_the_text_of_a_pair_is_truncated(encoder: Encoder) -> None:
    long, target = TEXTS[2], "the strong winds"
    tokens = encoder.tokens([long, "Snow"], [target, target])
    assert tokens.lengths().tolist()[0] == 32
    assert tokens.lengths()[1] < 32
    assert tokens.segments is not None
    expected = encoder.tokenizer(target, add_special_tokens=False)["input_ids"]
    for ids, segments in zip(tokens.ids, tokens.segments, strict=True):
        second = [token for token, of in zip(ids, segments, strict=True) if of == 1]
        assert second == [*expected, encoder.tokenizer.sep_token_id]


def test_a_target_has_at_most_half_of_the_tokens(encoder: Encoder) -> None:
    tokens = encoder.tokens(["Snow on the hills"], [TEXTS[2]])
    assert tokens.segments is not None
    assert sum(tokens.segments[0]) == 17  # 16 and the separator
    assert tokens.lengths()[0] <= 32


def test_a_saved_encoder_gives_the_same_vectors(encoder: Encoder, tmp_path: Path) -> None:
    once, twice = (tmp_path / x / "encoder" for x in ("once", "twice"))
    assert encoder.save(tmp_path / "once") == {"max_tokens": 32, "long_text": "head"}
    again = Encoder.open(once, max_tokens=32, device="cpu")
    assert (again.vectors(TEXTS) == encoder.vectors(TEXTS)).all()
    again.save(tmp_path / "twice")
    names = sorted(path.name for path in once.iterdir())
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= set(names)
    for name in names:
        assert (once / name).read_bytes() == (twice / name).read_bytes(), name
    plain = transformers.AutoModel.from_pretrained(once)
    assert plain.config.hidden_size == 24


def test_nothing_is_printed(tiny_encoder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    bars = transformers.utils.logging.is_progress_bar_enabled()
    encoder = Encoder.open(tiny_encoder, max_tokens=32, device="cpu")
    encoder.vectors(TEXTS)
    encoder.states("rain " * 100)
    assert capfd.readouterr() == ("", "")
    assert transformers.utils.logging.is_progress_bar_enabled() == bars


def test_max_tokens_above_the_limit_of_the_network_is_refused(tiny_encoder: Path) -> None:
    Encoder.open(tiny_encoder, max_tokens=64)
    with pytest.raises(NewsstandError) as caught:
        Encoder.open(tiny_encoder, max_tokens=65)
    assert str(caught.value) == "model.max_tokens: this encoder reads at most 64 tokens, got 65"


def test_a_missing_gpu_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert find_device("auto").type == find_device("cpu").type == "cpu"
    with pytest.raises(NewsstandError, match=r"^model\.device: no GPU .*set it to cpu or auto"):
        find_device("cuda")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("config.json", r"config\.json: damaged, not valid JSON"),
        ("tokenizer.json", r"tokenizer\.json: damaged, not valid JSON"),
        ("model.safetensors", "damaged: not an encoder that transformers"),
    ],
)
def test_damaged_files_are_errors(
    tiny_encoder: Path, tmp_path: Path, name: str, message: str
) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(tiny_encoder, folder)
    (folder / name).write_bytes(b"{")
    with pytest.raises(NewsstandError, match=message) as caught:
        Encoder.open(folder, max_tokens=32)
    assert "\n" not in str(caught.value)
