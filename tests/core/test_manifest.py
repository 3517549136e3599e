"""A bundle's description: every value of its kind and within bounds, or one line says which not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from newsstand.errors import BundleError
from newsstand.io import manifest as manifests
from newsstand.io.manifest import FORMAT, READ, checked, read_bytes

OLDER = Path(__file__).parent / "bundle-format-3" / "bundle.json"
WHERE = Path("b/bundle.json")


def description() -> dict[str, Any]:
    """A valid description of the newest format."""
    values = json.loads(OLDER.read_bytes())
    del values["sha256"]
    values["format"] = FORMAT
    values["model"]["fields"] = values["model"].pop("parts")
    return dict(values)


def encoded(kind: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "max_tokens": 64, "long_text": "head", **more}


def test_a_valid_description_stays_as_it_is() -> None:
    assert checked(description(), WHERE) == description()
    for model in (
        encoded("embedding"),
        encoded("embedding", onnx="int8", embeddings="embeddings.word_embeddings.weight"),
        encoded("transformer", labels=3, mark_target=True),
    ):
        values = {**description(), "model": model}
        assert checked(values, WHERE) == values


@pytest.mark.parametrize("number", [number for number in READ if number < 7])
def test_keys_of_older_formats_are_renamed(number: int) -> None:
    newest = {**description(), "format": number, "task": "stance"}
    linear = {key: value for key, value in newest["model"].items() if key != "kind"}
    newest["model"] = encoded("embedding", ngrams=linear)
    newest["controls"] = {"passed": True, "failed": [], "metrics": {"figures": 0.5}}
    newest["controls"]["least_similarity"] = 0.25
    older = {**newest, "model": encoded("embedding", ngrams=dict(linear))}
    older["model"]["ngrams"]["parts"] = older["model"]["ngrams"].pop("fields")
    older["controls"] = {"passed": True, "failed": [], "figures": {"figures": 0.5}}
    older["controls"]["least_likeness"] = 0.25
    before = json.dumps(older)
    assert checked(older, WHERE) == newest
    assert json.dumps(older) == before
    for key in ("model", "controls"):
        for value in (None, [], 3, {}):
            with pytest.raises(BundleError, match=f"bundle.json: {key}"):
                checked({**older, key: value}, WHERE)
    with pytest.raises(BundleError, match=r"bundle.json: controls.metrics: missing"):
        checked({**older, "format": FORMAT}, WHERE)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.pop("task"), "task: missing"),
        (lambda m: m.update(task="tone"), "task: expected 'topic' or 'stance', got 'tone'"),
        (lambda m: m.update(extra=1), "extra: unknown key"),
        (lambda m: m.update({"a\nb\x1b": 1}), r"a\nb\x1b: unknown key"),
        (lambda m: m.update(text=[]), "text: expected keys and values, got []"),
        (lambda m: m.update(data=None), "data: expected keys and values, got None"),
        (lambda m: m["versions"].update(numpy=2), "versions.numpy: expected text, got 2"),
        (
            lambda m: m["labels"]["names"].update(museums="a\nb"),
            r"labels.names.museums: expected text of one line, got 'a\nb'",
        ),
        (
            lambda m: m["labels"]["names"].update(museums="harvest"),
            "labels.names: expected a different name for each label",
        ),
        (lambda m: m["model"].update(bits=True), "model.bits: expected a whole number, got True"),
        (
            lambda m: m["model"].update(bits=25),
            "model.bits: expected less than or equal to 24, got 25",
        ),
        (
            lambda m: m["model"].update(words=[1, 10**9]),
            "model.words.1: expected less than or equal to 8, got 1000000000",
        ),
        (
            lambda m: m["model"].update(chars=[3, 2]),
            "model.chars: expected [shortest, longest], got [3, 2]",
        ),
        (
            lambda m: m["model"].update(fields={"title": float("nan")}),
            "model.fields.title: expected a finite number, got nan",
        ),
        (lambda m: m["model"].update(parts={}), "model.parts: unknown key"),
        (
            lambda m: m.update(format=6) or m["model"].update(parts={"title": -1.0}),
            "model.fields.title: expected greater than or equal to 0, got -1.0",
        ),
        (
            lambda m: m["model"].update(stored="float8"),
            "model.stored: expected 'float32', 'float16' or 'int8', got 'float8'",
        ),
        (lambda m: m.update(model={}), "model.kind: missing"),
        (
            lambda m: m.update(model={"kind": "pairs"}),
            "model.kind: 'pairs' models are no longer supported; train a linear, embedding or "
            "transformer model instead",
        ),
        (
            lambda m: m.update(model=encoded("embedding", max_tokens=10**6)),
            "model.max_tokens: expected less than or equal to 8192, got 1000000",
        ),
        (
            lambda m: m["calibration"].update(slope=[1.0, 2.0]),
            "calibration.slope: expected 3 numbers for 3 labels, got 2",
        ),
        (
            lambda m: m["calibration"].update(slope=[1.0, float("inf"), 2.0]),
            "calibration.slope.1: expected a finite number, got inf",
        ),
        (
            lambda m: m["files"].update({"golden.jsonl": "0" * 63}),
            f"files.golden.jsonl: expected a SHA-256 of 64 digits from 0 to f, got '{'0' * 26}",
        ),
    ],
)
def test_other_values_are_one_line(
    change: Callable[[dict[str, Any]], object], message: str
) -> None:
    values = description()
    change(values)
    with pytest.raises(BundleError) as caught:
        checked(values, WHERE)
    assert str(caught.value).startswith(f"b/bundle.json: {message}")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    "name",
    ["../x", "/etc/x", "a/../../x", "a//x", "./x", "", "C:x", "a\\x", "a\0x", "x\n", "bundle.json"],
)
def test_files_are_inside_the_folder(name: str) -> None:
    values = description()
    values["files"][name] = "0" * 64
    with pytest.raises(BundleError, match="expected names of files inside the bundle's folder"):
        checked(values, WHERE)


def test_what_is_shown_of_a_value_is_short() -> None:
    values = description()
    values["task"] = {"x" * 10_000: ["y" * 10_000] * 100}
    with pytest.raises(BundleError) as caught:
        checked(values, WHERE)
    assert len(str(caught.value)) < 500


def test_a_description_that_is_too_long_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bundle.json"
    path.write_text(json.dumps({"format": 4}) + " " * 100)
    assert read_bytes(path)[1] == {"format": 4}
    monkeypatch.setattr(manifests, "_MOST_BYTES", 100)
    with pytest.raises(BundleError, match=r"bundle\.json: damaged, longer than 100 bytes$"):
        read_bytes(path)
    path.write_text('{"format": true}')
    with pytest.raises(BundleError, match="bundle format True, this version"):
        read_bytes(path)
